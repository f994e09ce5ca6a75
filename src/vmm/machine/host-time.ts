import type { TimeSource } from '../clock.js';

/** Real time since power-on, from the host's monotonic clock. It stands still while the machine is paused. */
export class HostTime implements TimeSource {
  readonly epoch = Date.now();
  private origin = performance.now();
  private stoppedAt: number | undefined = this.origin;

  elapsed(): number {
    return ((this.stoppedAt ?? performance.now()) - this.origin) * 1e6;
  }

  /** Time stands still from now on. */
  stop(): void {
    this.stoppedAt ??= performance.now();
  }

  /** Time goes on from where it stopped. */
  start(): void {
    if (this.stoppedAt === undefined) return;
    this.origin += performance.now() - this.stoppedAt;
    this.stoppedAt = undefined;
  }
}
