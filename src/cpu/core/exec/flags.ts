import * as L from '../layout';
import { Flag } from '../mode';

/** Arithmetic flags in the lazy form that `layout.ts` describes at FLAG_RESULT. */

@inline function bitsOf<T>(): u64 { return <u64>(sizeof<T>() * 8); }

/** Sign-extends a result of type T. */
@inline function extend<T>(value: T): i64 {
  if (sizeof<T>() == 1) return <i64><i8>value;
  if (sizeof<T>() == 2) return <i64><i16>value;
  if (sizeof<T>() == 4) return <i64><i32>value;
  return <i64>value;
}

@inline export function setResult<T>(result: T): void { store<i64>(L.FLAG_RESULT, extend<T>(result)); }
@inline function setCarries<T>(carries: T): void { store<u64>(L.FLAG_CARRIES, <u64>carries << (64 - bitsOf<T>())); }

/** Of `result` = a + b, with or without a carry in. */
@inline export function flagsAdd<T>(a: T, b: T, result: T): void {
  setResult<T>(result);
  setCarries<T>(<T>((a & b) | ((a | b) & ~result)));
  store<u32>(L.FLAG_AUX, <u32>(a ^ b ^ result) & 16);
}
/** Of `result` = a − b, with or without a borrow in. */
@inline export function flagsSub<T>(a: T, b: T, result: T): void {
  setResult<T>(result);
  setCarries<T>(<T>((~a & b) | (~(a ^ b) & result)));
  store<u32>(L.FLAG_AUX, <u32>(a ^ b ^ result) & 16);
}
/** CF, OF and AF are cleared. */
@inline export function flagsLogic<T>(result: T): void {
  setResult<T>(result);
  store<u64>(L.FLAG_CARRIES, 0);
  store<u32>(L.FLAG_AUX, 0);
}
/** INC and DEC keep CF. */
@inline export function flagsStep<T>(before: T, result: T, overflow: bool): void {
  setResult<T>(result);
  setCarryOverflow(carry(), overflow);
  store<u32>(L.FLAG_AUX, <u32>(before ^ result) & 16);
}

@inline export function setCarryOverflow(cf: bool, overflowed: bool): void {
  store<u64>(L.FLAG_CARRIES, (<u64>cf << 63) | (<u64>(cf != overflowed) << 62));
}

@inline export function carry(): bool { return <bool>(load<u64>(L.FLAG_CARRIES) >> 63); }
@inline export function overflow(): bool {
  const carries = load<u64>(L.FLAG_CARRIES);
  return <bool>(((carries >> 63) ^ (carries >> 62)) & 1);
}
@inline export function zero(): bool { return load<u64>(L.FLAG_RESULT) == 0; }
@inline export function sign(): bool { return <bool>((load<u64>(L.FLAG_RESULT) >> 63) ^ (load<u32>(L.FLAG_AUX) & 1)); }
@inline export function parity(): bool {
  return !(popcnt<u32>((load<u32>(L.FLAG_RESULT) ^ (load<u32>(L.FLAG_AUX) >> 8)) & 0xff) & 1);
}
@inline export function adjust(): bool { return <bool>((load<u32>(L.FLAG_AUX) >> 4) & 1); }

/** The six arithmetic flags in their places in RFLAGS. */
export function arithmeticFlags(): u32 {
  return <u32>carry() | (<u32>parity() << 2) | (<u32>adjust() << 4) | (<u32>zero() << 6) | (<u32>sign() << 7) | (<u32>overflow() << 11);
}

export function setArithmeticFlags(flags: u32): void {
  store<u64>(L.FLAG_RESULT, flags & Flag.ZF ? 0 : 0x100);
  setCarryOverflow((flags & Flag.CF) != 0, (flags & Flag.OF) != 0);
  store<u32>(L.FLAG_AUX, (flags & Flag.AF) | ((flags & Flag.SF) >> 7) | (flags & Flag.PF ? 0 : 0x100));
}

export function readFlags(): u32 { return load<u32>(L.SYSTEM_FLAGS) | arithmeticFlags() | 2; }

/** All of RFLAGS. The caller updates mode, context and events where TF, IF, VM or AC changed. */
export function writeFlags(flags: u32): void {
  setArithmeticFlags(flags);
  store<u32>(L.SYSTEM_FLAGS, flags & ~(Flag.ARITHMETIC | 2 | 8 | 0x20 | 0x8000 | 0xffc00000));
}

/** The sixteen conditions by their encoding. */
@inline export function condition(code: u32): bool {
  switch (code) {
    case 0: return overflow();
    case 1: return !overflow();
    case 2: return carry();
    case 3: return !carry();
    case 4: return zero();
    case 5: return !zero();
    case 6: return carry() || zero();
    case 7: return !carry() && !zero();
    case 8: return sign();
    case 9: return !sign();
    case 10: return parity();
    case 11: return !parity();
    case 12: return sign() != overflow();
    case 13: return sign() == overflow();
    case 14: return zero() || sign() != overflow();
    default: return !zero() && sign() == overflow();
  }
}
