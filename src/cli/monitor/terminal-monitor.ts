import { createInterface, type Interface } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { Monitor } from '../../monitor/monitor.js';
import { writeStdout } from '../output.js';
import { converse, PROMPT } from './converse.js';

/** A monitor that shares its terminal with the guest: keys go to one of the two, output comes from both. */
export class TerminalMonitor {
  private keys: PassThrough | undefined;
  private lines: Interface | undefined;
  private active = false;

  constructor(
    private readonly newMonitor: () => Monitor,
    private readonly fail: (error: Error) => void,
  ) {}

  /** True while keys go to the monitor. */
  get isActive(): boolean {
    return this.active;
  }

  /** Between monitor and guest, as `Ctrl-A c` does in QEMU. */
  toggle(): void {
    this.active = !this.active;
    process.stdout.write('\n');
    if (!this.active) return;
    if (this.lines) this.lines.prompt(true);
    else this.open();
  }

  type(keys: Uint8Array): void {
    this.keys?.write(keys);
  }

  close(): void {
    this.lines?.close();
    this.keys?.destroy();
  }

  private open(): void {
    const monitor = this.newMonitor();
    const keys = new PassThrough();
    const lines = createInterface({
      input: keys,
      output: process.stdout,
      terminal: true,
      prompt: PROMPT,
      completer: (line: string) => [monitor.complete(line), line.split(/\s+/).at(-1)!],
    });
    this.keys = keys;
    this.lines = lines;
    // Ctrl-C drops the line, as in a shell.
    lines.on('SIGINT', () => lines.write(null, { ctrl: true, name: 'u' }));
    converse(lines, monitor, writeStdout).then(() => this.leave(), this.fail);
  }

  /** Ctrl-D: back to the guest, and a new conversation the next time. */
  private leave(): void {
    this.lines = undefined;
    this.keys = undefined;
    this.active = false;
  }
}
