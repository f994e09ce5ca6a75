import type { ExitHandlers } from './accelerator.js';
import type { AccessSize } from './device.js';

/** Why the vCPU left the guest; `idle`: all vCPUs of a software CPU are halted. */
export type ObservedExit =
  'io' | 'mmio' | 'eoi' | 'interrupt-window' | 'signal' | 'shutdown' | 'debug' | 'failure' | 'idle';

/** Hears each time that the vCPU of the machine's thread enters and leaves the guest. */
export interface ExitObserver {
  entering(): void;
  left(exit: ObservedExit): void;
  /** A vCPU of a software CPU takes an interrupt. */
  interrupt(how: 'taken', vector: number, vcpu: number): void;
  /** Whether a software CPU is to stop after exactly `untilSample` instructions. */
  readonly samplesCode: boolean;
  /** How many instructions, at least 1, a vCPU of a software CPU may execute until `executed` is called; `Infinity` for any number. */
  untilSample(vcpu: number): number;
  /** A vCPU of a software CPU has executed so many instructions since the last call. */
  executed(vcpu: number, instructions: number): void;
}

/** Stands between a software CPU, which reaches its handlers without leaving anything, and the handlers, to say when. */
export class ObservedHandlers implements ExitHandlers {
  constructor(
    readonly inner: ExitHandlers,
    private readonly observer: ExitObserver,
  ) {}

  pioRead(port: number, size: AccessSize): number {
    this.observer.left('io');
    const value = this.inner.pioRead(port, size);
    this.observer.entering();
    return value;
  }

  pioWrite(port: number, size: AccessSize, value: number): void {
    this.observer.left('io');
    this.inner.pioWrite(port, size, value);
    this.observer.entering();
  }

  mmioRead(gpa: number, size: AccessSize): number {
    this.observer.left('mmio');
    const value = this.inner.mmioRead(gpa, size);
    this.observer.entering();
    return value;
  }

  mmioWrite(gpa: number, size: AccessSize, value: number): void {
    this.observer.left('mmio');
    this.inner.mmioWrite(gpa, size, value);
    this.observer.entering();
  }

  eoi(vector: number): void {
    this.inner.eoi(vector);
  }

  acknowledgePic(): number {
    return this.inner.acknowledgePic();
  }
}
