import type { ProfileEnd, ProfileEvent, ProfileMeta } from './format.js';
import { ProfileWriter, type SymbolTable } from './profile-writer.js';
import type { Recording } from './recording.js';

/** Writes a recording to a file as it comes. */
export class RecordingFile {
  private readonly writer: ProfileWriter;
  private sites = 0;
  private points = 0;
  private stacks = 0;

  /**
   * Before the machine runs.
   * @param sink takes each piece of the file, in their order
   */
  constructor(
    private readonly recording: Recording,
    meta: ProfileMeta,
    sink: (bytes: Uint8Array) => void,
  ) {
    this.writer = new ProfileWriter(sink);
    this.writer.begin(meta);
    recording.onEvents(events => this.write(events));
  }

  /** Adds what was not recorded by the machine's thread. */
  milestone(name: string, time: number): void {
    this.writer.event({ kind: 'milestone', name, time });
  }

  /** Ends the file, after the run. */
  finish(end: ProfileEnd, symbols: SymbolTable, counters: ReadonlyMap<string, number>): void {
    const { writer, recording } = this;
    const [totals, stackTotals, samples] = [recording.totals(), recording.stackTotals(), recording.samples()];
    this.define();
    writer.flush();
    writer.totals(totals);
    writer.stackTotals(stackTotals);
    if (samples.length > 0) writer.samples(samples);
    writer.requests(recording.requests());
    writer.counters(counters);
    writer.symbols(symbols);
    writer.end(end);
  }

  private write(events: readonly ProfileEvent[]): void {
    this.define();
    for (const event of events) this.writer.event(event);
    this.writer.flush();
  }

  private define(): void {
    const { recording, writer } = this;
    for (; this.sites < recording.sites.length; this.sites++) writer.site(recording.sites[this.sites]);
    for (; this.points < recording.points.length; this.points++)
      writer.point({ ...recording.points[this.points], site: recording.siteOfPoint[this.points] });
    for (; this.stacks < recording.stacks.length; this.stacks++) writer.stack(recording.stacks[this.stacks]);
  }
}
