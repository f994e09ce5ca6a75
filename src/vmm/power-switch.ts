import type { Power } from './device.js';
import type { RunEnd } from './run-result.js';

/** Where devices and the run loop say that the run is over. The first word counts. */
export class PowerSwitch implements Power {
  private ended: RunEnd | undefined;

  /** @param onEnd called once, possibly inside an exit: makes the machine leave the guest */
  constructor(private readonly onEnd: () => void) {}

  /** How the run ended, once it has. */
  get end(): RunEnd | undefined {
    return this.ended;
  }

  poweroff(): void {
    this.finish({ reason: 'poweroff' });
  }

  reset(): void {
    this.finish({ reason: 'reset' });
  }

  exit(value: number): void {
    this.finish({ reason: 'exit', code: value });
  }

  finish(end: RunEnd): void {
    if (this.ended) return;
    this.ended = end;
    this.onEnd();
  }
}
