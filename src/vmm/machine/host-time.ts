import type { TimeSource } from '../clock.js';
import { hostClock } from '../host-clock.js';

/** Real time since power-on, from the host's monotonic clock. It stands still while the machine is paused. */
export class HostTime implements TimeSource {
  readonly epoch = Date.now();
  private origin = hostClock.now();
  private stoppedAt: number | undefined = this.origin;

  elapsed(): number {
    return ((this.stoppedAt ?? hostClock.now()) - this.origin) * 1e6;
  }

  /** Time stands still from now on. */
  stop(): void {
    this.stoppedAt ??= hostClock.now();
  }

  /** Time goes on from where it stopped. */
  start(): void {
    if (this.stoppedAt === undefined) return;
    this.origin += hostClock.now() - this.stoppedAt;
    this.stoppedAt = undefined;
  }
}
