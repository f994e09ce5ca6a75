import type { ExitReason, Profile } from '../format.js';
import { isExit } from './names.js';

/** Where the time of the machine's thread went, in ns. */
export interface TimeShares {
  /** vCPU 0 was in the guest; of a software CPU all vCPUs. */
  readonly guest: number;
  /** Exits were served. */
  readonly handlers: number;
  /** Timers, messages, exits of vCPUs that have threads of their own. */
  readonly machine: number;
  /** All vCPUs were halted. */
  readonly idle: number;
  /** Call stacks were taken. */
  readonly profiler: number;
  /** From the start of the run to its end; `undefined` for a recording that was cut off. */
  readonly wall: number | undefined;
}

/** Threads of their own have only the further vCPUs of KVM. */
export function timeShares(profile: Profile): TimeShares {
  const shares: Record<'guest' | 'handlers' | 'machine' | 'idle' | 'profiler', number> = {
    guest: 0,
    handlers: 0,
    machine: 0,
    idle: 0,
    profiler: 0,
  };
  const ownThread = profile.meta.accelerator === 'wasm' ? Infinity : 1;
  profile.totals.forEach(({ guestNs, hostNs }, index) => {
    const { site, vcpu } = profile.points[index];
    if (vcpu >= ownThread) return;
    shares.guest += guestNs;
    shares[shareOf(site.reason)] += hostNs;
  });
  return { ...shares, wall: profile.end?.wallNs };
}

function shareOf(reason: ExitReason): 'handlers' | 'machine' | 'idle' | 'profiler' {
  if (isExit(reason)) return 'handlers';
  return reason === 'idle' || reason === 'profiler' ? reason : 'machine';
}
