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

/** One more than the log2 of the size of a comparison that is not computed yet, in FLAG_AUX. */
const COMPARED_SHIFT: u32 = 16;
@inline function log2Of<T>(): u32 { return sizeof<T>() == 1 ? 0 : sizeof<T>() == 2 ? 1 : sizeof<T>() == 4 ? 2 : 3; }

/** Of `a` − `b`, computed when somebody asks. */
@inline export function flagsCompare<T>(a: T, b: T): void {
  store<u64>(L.FLAG_RESULT, <u64>a);
  store<u64>(L.FLAG_CARRIES, <u64>b);
  store<u32>(L.FLAG_AUX, (log2Of<T>() + 1) << COMPARED_SHIFT);
}
/** Call before flags are read, or changed in part. */
@inline export function settleFlags(): void { if (load<u32>(L.FLAG_AUX) >> COMPARED_SHIFT) settle(); }
function settle(): void {
  const a = load<u64>(L.FLAG_RESULT), b = load<u64>(L.FLAG_CARRIES);
  switch ((load<u32>(L.FLAG_AUX) >> COMPARED_SHIFT) - 1) {
    case 0: flagsSub<u8>(<u8>a, <u8>b, <u8>(a - b)); break;
    case 1: flagsSub<u16>(<u16>a, <u16>b, <u16>(a - b)); break;
    case 2: flagsSub<u32>(<u32>a, <u32>b, <u32>(a - b)); break;
    default: flagsSub<u64>(a, b, a - b); break;
  }
}

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
  const cf = carry();
  setResult<T>(result);
  setCarryOverflow(cf, overflow);
  store<u32>(L.FLAG_AUX, <u32>(before ^ result) & 16);
}

@inline export function setCarryOverflow(cf: bool, overflowed: bool): void {
  store<u64>(L.FLAG_CARRIES, (<u64>cf << 63) | (<u64>(cf != overflowed) << 62));
}

@inline export function carry(): bool { settleFlags(); return settledCarry(); }
@inline export function overflow(): bool { settleFlags(); return settledOverflow(); }
@inline export function zero(): bool { settleFlags(); return settledZero(); }
@inline export function adjust(): bool { settleFlags(); return settledAdjust(); }

@inline function settledCarry(): bool { return <bool>(load<u64>(L.FLAG_CARRIES) >> 63); }
@inline function settledOverflow(): bool {
  const carries = load<u64>(L.FLAG_CARRIES);
  return <bool>(((carries >> 63) ^ (carries >> 62)) & 1);
}
@inline function settledZero(): bool { return load<u64>(L.FLAG_RESULT) == 0; }
@inline function settledSign(): bool { return <bool>((load<u64>(L.FLAG_RESULT) >> 63) ^ (load<u32>(L.FLAG_AUX) & 1)); }
@inline function settledParity(): bool {
  return !(popcnt<u32>((load<u32>(L.FLAG_RESULT) ^ (load<u32>(L.FLAG_AUX) >> 8)) & 0xff) & 1);
}
@inline function settledAdjust(): bool { return <bool>((load<u32>(L.FLAG_AUX) >> 4) & 1); }

/** The six arithmetic flags in their places in RFLAGS. */
export function arithmeticFlags(): u32 {
  settleFlags();
  return <u32>settledCarry() | (<u32>settledParity() << 2) | (<u32>settledAdjust() << 4) | (<u32>settledZero() << 6) |
    (<u32>settledSign() << 7) | (<u32>settledOverflow() << 11);
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
  settleFlags();
  switch (code) {
    case 0: return settledOverflow();
    case 1: return !settledOverflow();
    case 2: return settledCarry();
    case 3: return !settledCarry();
    case 4: return settledZero();
    case 5: return !settledZero();
    case 6: return settledCarry() || settledZero();
    case 7: return !settledCarry() && !settledZero();
    case 8: return settledSign();
    case 9: return !settledSign();
    case 10: return settledParity();
    case 11: return !settledParity();
    case 12: return settledSign() != settledOverflow();
    case 13: return settledSign() == settledOverflow();
    case 14: return settledZero() || settledSign() != settledOverflow();
    default: return !settledZero() && settledSign() == settledOverflow();
  }
}

/** Whether a condition holds that zero, borrow and less decide: `outcomes` as in `Record.OUTCOMES`. */
@inline export function conditionAmong(outcomes: u32): u32 {
  settleFlags();
  const less = <u32>(settledSign() != settledOverflow());
  return (outcomes >> (<u32>settledZero() | (<u32>settledCarry() << 1) | (less << 2))) & 1;
}
