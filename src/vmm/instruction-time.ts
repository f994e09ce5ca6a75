import type { TimeSource } from './clock.js';

/** How virtual time follows from executed instructions. */
export interface InstructionCounting {
  /** An instruction takes 2^shift nanoseconds: 0 to 10, as QEMU's `-icount shift=N`; 0 by default. */
  readonly shift?: number;
  /** The time of day at power-on, ms since 1970-01-01 UTC; the start of 2000 by default. */
  readonly epoch?: number;
  /** What RDRAND and RDSEED return follows from this number, 0 to 2^32 − 1; 0 by default. */
  readonly seed?: number;
}

/** 2000-01-01T00:00:00Z. */
export const DEFAULT_EPOCH = 946_684_800_000;

/** {@link InstructionCounting} with every default filled in. */
export type CheckedInstructionCounting = Required<InstructionCounting>;

/**
 * Virtual time: so many nanoseconds for each instruction that the machine's vCPUs have finished, and what was skipped
 * while all of them slept. Always a whole number.
 */
export class InstructionTime implements TimeSource {
  readonly epoch: number;
  /** Instructions that all vCPUs have finished: the accelerator says how many. */
  instructions: () => number = () => 0;
  private readonly instructionNs: number;
  private skipped = 0;

  constructor({ shift, epoch }: Pick<CheckedInstructionCounting, 'shift' | 'epoch'>) {
    this.epoch = epoch;
    this.instructionNs = 2 ** shift;
  }

  elapsed(): number {
    return this.instructions() * this.instructionNs + this.skipped;
  }

  /** Instructions after which it is `deadlineNs` or later. */
  instructionsUntil(deadlineNs: number): number {
    return Math.max(0, Math.ceil((deadlineNs - this.elapsed()) / this.instructionNs));
  }

  /** Nobody has anything to do before `deadlineNs`: it is that late now. */
  skipTo(deadlineNs: number): void {
    this.skipped += Math.max(0, Math.ceil(deadlineNs) - this.elapsed());
  }
}
