import { execFileSync, type ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { PseudoTerminal } from '../../src/host/pty.js';
import { startTsvmm, Transcript } from './tsvmm.js';

const { O_RDWR, O_NOCTTY } = constants;

/** A terminal as a person has it, with tsvmm in it. */
export class TestTerminal {
  /** Everything that the terminal shows. */
  readonly screen: Transcript;
  private readonly pty = PseudoTerminal.open();
  private readonly side: number;
  private readonly stream: ReadStream;
  private closed = false;

  constructor() {
    this.makeSane();
    // Open for as long as the terminal is there, as its shell would have it.
    this.side = openSync(this.pty.path, O_RDWR | O_NOCTTY);
    this.stream = this.pty.read();
    // The end of the terminal, where a test closes it.
    this.stream.on('error', () => undefined);
    this.screen = new Transcript(this.stream);
    onTestFinished(() => this.close());
  }

  get path(): string {
    return this.pty.path;
  }

  start(args: readonly string[]): ChildProcess {
    const { side } = this;
    return startTsvmm(args, { stdio: [side, side, side] });
  }

  /** Types as fast as the terminal takes it. */
  async type(text: string): Promise<void> {
    let rest: Uint8Array = Buffer.from(text, 'latin1');
    while (rest.length > 0) {
      const count = this.pty.write(rest);
      rest = rest.subarray(count);
      // A full terminal gives no event when there is room again.
      if (count === 0) await delay(1);
    }
  }

  /** The window has another size: who runs in it hears of it by SIGWINCH. */
  resize(columns: number, rows: number): void {
    execFileSync('stty', ['-F', this.pty.path, 'cols', String(columns), 'rows', String(rows)]);
  }

  /** The mode that shells leave a terminal in. */
  makeSane(): void {
    execFileSync('stty', ['-F', this.pty.path, 'sane']);
  }

  /** All settings, as `stty -a` prints them. */
  get mode(): string {
    return execFileSync('stty', ['-F', this.pty.path, '-a'], { encoding: 'utf8' });
  }

  /** Whether keys reach programs one by one, with neither echo nor signals. */
  get isRaw(): boolean {
    return ['-icanon', '-echo', '-isig'].every(setting => this.mode.includes(setting));
  }

  /** The terminal goes away, as when its window is closed. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.stream.destroy();
    closeSync(this.side);
    this.pty.close();
  }
}
