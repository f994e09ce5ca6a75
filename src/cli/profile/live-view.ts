import type { Recording } from '../../profile/recording.js';
import { formatNs } from './format-values.js';

const INTERVAL_MS = 1000;
/** Rows of the table; a terminal that is lower shows fewer. */
const MAX_ROWS = 20;
/** Lines of one report where nothing is redrawn. */
const PLAIN_ROWS = 8;

const HOME_AND_CLEAR = '\x1b[H\x1b[J';
const OTHER_SCREEN = '\x1b[?1049h\x1b[?25l';
const OWN_SCREEN = '\x1b[?25h\x1b[?1049l';

/** Where the view is shown. */
export interface LiveOutput {
  readonly isTTY?: boolean | undefined;
  readonly rows?: number | undefined;
  readonly columns?: number | undefined;
  write(text: string): void;
}

interface Row {
  readonly name: string;
  count: number;
  hostNs: number;
}

/** Exits a second by reason and device, like top: redrawn on a terminal, as plain lines elsewhere. */
export class LiveView {
  private timer: ReturnType<typeof setInterval> | undefined;
  private before = new Map<string, Row>();
  private seconds = 0;

  constructor(
    private readonly recording: Recording,
    private readonly output: LiveOutput,
  ) {}

  start(): void {
    if (this.output.isTTY) this.output.write(OTHER_SCREEN);
    this.timer = setInterval(() => this.show(INTERVAL_MS / 1000), INTERVAL_MS);
  }

  stop(): void {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.output.isTTY) this.output.write(OWN_SCREEN);
  }

  /** Shows what happened since the last call. @param seconds how long that is */
  show(seconds: number): void {
    this.seconds += seconds;
    const now = this.rows();
    const rows = [...now.values()]
      .map(({ name, count, hostNs }) => {
        const before = this.before.get(name);
        return {
          name,
          count: (count - (before?.count ?? 0)) / seconds,
          hostNs: (hostNs - (before?.hostNs ?? 0)) / seconds,
        };
      })
      .filter(({ hostNs, count }) => count > 0 || hostNs > 0)
      .sort((a, b) => b.hostNs - a.hostNs);
    this.before = now;
    const { isTTY = false, rows: height = 24, columns = 80 } = this.output;
    const shown = rows.slice(0, isTTY ? Math.max(1, Math.min(MAX_ROWS, height - 3)) : PLAIN_ROWS);
    if (!isTTY) {
      const text = shown.map(
        ({ name, count, hostNs }) => `${name} ${count.toFixed(0)}/s ${formatNs(hostNs)}/s`,
      );
      this.output.write(`${this.seconds.toFixed(0)}s ${text.join(', ') || 'no exits'}\n`);
      return;
    }
    const lines = [
      `tsvmm  ${this.seconds.toFixed(0)} s`,
      `${'exits/s'.padStart(10)} ${'host time/s'.padStart(12)} ${'each'.padStart(9)}  reason and device`,
      ...shown.map(
        ({ name, count, hostNs }) =>
          `${count.toFixed(0).padStart(10)} ${formatNs(hostNs).padStart(12)} ${formatNs(hostNs / count).padStart(9)}  ${name}`,
      ),
    ];
    this.output.write(`${HOME_AND_CLEAR}${lines.map(line => line.slice(0, columns - 1)).join('\r\n')}`);
  }

  private rows(): Map<string, Row> {
    const { recording } = this;
    recording.readDefinitions();
    const rows = new Map<string, Row>();
    recording.points.forEach(({ site }, point) => {
      const { count, hostNs } = recording.counts(point);
      const name = site.direction === 'none' ? site.reason : `${site.reason} ${site.device || 'nobody'}`;
      const row = rows.get(name);
      if (row) {
        row.count += count;
        row.hostNs += hostNs;
      } else rows.set(name, { name, count, hostNs });
    });
    return rows;
  }
}
