import type { Power } from './device.js';
import type { RunEnd } from './run-result.js';

/** What the guest's reset of the machine does: it ends the run, or the kernel starts again. */
export const RESET_ACTIONS = ['end', 'reboot'] as const;
export type ResetAction = (typeof RESET_ACTIONS)[number];

/** What the guest's word that it has panicked does, as QEMU names it: the run fails, or ends well, or goes on. */
export const PANIC_ACTIONS = ['exit-failure', 'shutdown', 'none'] as const;
export type PanicAction = (typeof PANIC_ACTIONS)[number];

/** Where devices and the run loop say that the run is over, or that the machine is to be reset. The first word counts. */
export class PowerSwitch implements Power {
  private ended: RunEnd | undefined;

  private resetting = false;

  /** @param onEnd called once for each end and reset, possibly inside an exit: makes the machine leave the guest */
  constructor(
    private readonly onEnd: () => void,
    private readonly onReset: ResetAction = 'end',
    private readonly onPanic: PanicAction = 'exit-failure',
  ) {}

  /** How the run ended, once it has. */
  get end(): RunEnd | undefined {
    return this.ended;
  }

  /** True when the machine is to leave the guest: the run is over, or the machine is to be reset. */
  get off(): boolean {
    return this.ended !== undefined || this.resetting;
  }

  /** Somebody outside the guest presses the reset button. */
  restart(): void {
    if (this.off) return;
    this.resetting = true;
    this.onEnd();
  }

  /** Takes the wish for a reset; false when there is none, or the run is over. */
  takeRestart(): boolean {
    const wanted = this.resetting && !this.ended;
    this.resetting = false;
    return wanted;
  }

  poweroff(): void {
    this.finish({ reason: 'poweroff' });
  }

  reset(): void {
    if (this.onReset === 'reboot') this.restart();
    else this.finish({ reason: 'reset' });
  }

  panic(): void {
    if (this.onPanic === 'exit-failure') this.finish({ reason: 'panicked' });
    else if (this.onPanic === 'shutdown') this.finish({ reason: 'panicked', code: 0 });
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
