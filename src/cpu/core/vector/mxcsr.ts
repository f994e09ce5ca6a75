import * as L from '../layout';
import { Cr4 } from '../mode';
import { Vector, raise as raiseVector, raiseUd } from '../system/fault';

/** MXCSR: control and status of SSE's floating point (Intel SDM vol. 1, 10.2.3 and 11.5). */

export namespace Exception {
  export const INVALID: u32 = 1;
  export const DENORMAL: u32 = 2;
  export const ZERO_DIVIDE: u32 = 4;
  export const OVERFLOW: u32 = 8;
  export const UNDERFLOW: u32 = 16;
  export const PRECISION: u32 = 32;
  /** Those that operands alone bring about, before anything is computed. */
  export const OPERANDS: u32 = 7;
}

export namespace Mxcsr {
  export const PRECISION: u32 = 1 << 5;
  export const DENORMALS_ARE_ZEROS: u32 = 1 << 6;
  /** Distance of an exception's mask from its flag. */
  export const MASK_SHIFT: u32 = 7;
  export const OVERFLOW_MASK: u32 = 1 << 10;
  export const UNDERFLOW_MASK: u32 = 1 << 11;
  export const PRECISION_MASK: u32 = 1 << 12;
  export const ROUNDING: u32 = 3 << 13;
  export const FLUSH_TO_ZERO: u32 = 1 << 15;
}

export namespace Rounding {
  export const NEAREST: u32 = 0;
  export const DOWN: u32 = 1;
  export const UP: u32 = 2;
  export const ZERO: u32 = 3;
}

@inline export function mxcsr(): u32 { return load<u32>(L.MXCSR); }
@inline export function roundingControl(): u32 { return (mxcsr() >> 13) & 3; }
@inline export function denormalsAreZeros(): bool { return (mxcsr() & Mxcsr.DENORMALS_ARE_ZEROS) != 0; }

/**
 * Whether the host's arithmetic has the guest's result and its exceptions, as long as operands and result are normal
 * numbers: rounding is to nearest, and PRECISION, the only exception left, is masked and noted already.
 */
@inline export function roundsAsHost(): bool {
  return (mxcsr() & (Mxcsr.ROUNDING | Mxcsr.PRECISION_MASK | Mxcsr.PRECISION)) == (Mxcsr.PRECISION_MASK | Mxcsr.PRECISION);
}
/** The same, but PRECISION is not noted: an inexact result must be. */
@inline export function roundsAsHostUnnoted(): bool {
  return (mxcsr() & (Mxcsr.ROUNDING | Mxcsr.PRECISION_MASK)) == Mxcsr.PRECISION_MASK;
}

/** Exceptions of the running instruction. */
let raised: u32 = 0;

@inline export function raise(exceptions: u32): void { raised |= exceptions; }

/** Notes what was raised. Does not return when any of it is not masked: the instruction has no result then. */
export function settleExceptions(): void {
  if (!raised) return;
  const control = mxcsr();
  const unmasked = ~(control >> Mxcsr.MASK_SHIFT) & 0x3f;
  let flags = raised;
  raised = 0;
  if (!(flags & unmasked)) {
    store<u32>(L.MXCSR, control | flags);
    return;
  }
  // No result is computed, and so nothing raised about it, when operands trap (Intel SDM vol. 1, 4.9.2).
  if (flags & unmasked & Exception.OPERANDS) flags &= Exception.OPERANDS;
  store<u32>(L.MXCSR, control | flags);
  if (load<u64>(L.CR4) & Cr4.OSXMMEXCPT) raiseVector(Vector.XM);
  raiseUd();
}
