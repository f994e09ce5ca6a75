import type { VcpuFailure } from './accelerator.js';
import type { UnclaimedAccess } from './bus/bus.js';

/** How a run ended. */
export type EndReason =
  /** The guest powered the machine off. */
  | 'poweroff'
  /** The guest reset the machine (keyboard controller, port 0xCF9, …). */
  | 'reset'
  /** The guest wrote to the debug exit port; `code` is what it wrote. */
  | 'exit'
  /** The guest said by pvpanic that it has panicked. */
  | 'panicked'
  /** Every vCPU is in HLT with interrupts off. */
  | 'halted'
  /** A vCPU met an exception that it could not deliver, twice over. */
  | 'triple-fault'
  /** The serial output matched what the caller waited for. */
  | 'matched'
  /** The time that the caller gave ran out. */
  | 'timeout'
  /** The caller stopped it. */
  | 'stopped'
  /** The accelerator met an exit that cannot be served. */
  | 'failed';

/** Why the machine left its loop, as the machine worker tells it. */
export interface RunEnd {
  readonly reason: EndReason;
  /** The guest's value for `exit`; 0 for `panicked` where that is to be no failure. */
  readonly code?: number;
  /** For `failed` and `triple-fault`: what happened and where. */
  readonly failure?: VcpuFailure;
  /** The vCPU of `failed` and `triple-fault`. */
  readonly vcpu?: number;
}

/** What `Machine.run()` resolves to. */
export interface RunResult extends RunEnd {
  /** The exit status with which `tsvmm run` ends: see {@link exitStatus}. */
  readonly status: number;
  /** Exits of all vCPUs that were served. */
  readonly exits: number;
  /** Instructions that all vCPUs have finished; `wasm` only. An exception on its way to its handler counts as one. */
  readonly instructions?: number;
  /** Wall time from the first guest instruction to the end, in ms. */
  readonly elapsedMs: number;
  /** What the accelerator counted, by name, in a machine that is recorded: page faults, TLB misses, halts, … */
  readonly counters?: Readonly<Record<string, number>>;
  /** Accesses that no device answered. */
  readonly unclaimed: readonly UnclaimedAccess[];
}

/**
 * The process exit status for the end of a run. A guest's own value above 255 does not fit into a status and gives
 * 255, so that it never looks like success.
 */
export function exitStatus({ reason, code }: RunEnd): number {
  switch (reason) {
    case 'poweroff':
    case 'reset':
    case 'matched':
      return 0;
    case 'exit':
      return Math.min(code ?? 0, 255);
    case 'panicked':
      return code ?? 123;
    case 'timeout':
      return 124;
    case 'failed':
      return 125;
    case 'halted':
      return 126;
    case 'triple-fault':
      return 127;
    case 'stopped':
      return 130;
  }
}
