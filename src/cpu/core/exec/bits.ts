import * as L from '../layout';
import { define, defineAnySize, defineWords } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form } from '../decode/record';
import { inPlace, probeWrite, read, write } from '../mmu/access';
import { flagsAdd, flagsLogic, flagsSub, setArithmeticFlags, setCarryOverflow, arithmeticFlags, overflow, zero } from './flags';
import { Flag } from '../mode';
import { Vector, raise, raiseWithCode } from '../system/fault';
import { addressAt, addressOf, immediateOf, next, readOperand, setRegister, sourceOf, targetOf } from './operands';

/** Bit tests: CF is the bit, the others are undefined and stay. */
class Keep { @inline apply<T>(a: T, bit: T): T { return a; } }
class Set { @inline apply<T>(a: T, bit: T): T { return <T>(a | bit); } }
class Reset { @inline apply<T>(a: T, bit: T): T { return <T>(a & ~bit); } }
class Complement { @inline apply<T>(a: T, bit: T): T { return <T>(a ^ bit); } }

@inline function applied<K, T>(a: T, bit: T): T { return changetype<K>(0).apply<T>(a, bit); }
@inline function bitMask<T>(n: u64): T { return <T>(<u64>1 << (n & (sizeof<T>() * 8 - 1))); }
@inline function setBitCarry(set: bool): void { setCarryOverflow(set, overflow()); }

function bitR<K, T>(op: usize, n: u64): usize {
  const target = targetOf(op);
  const a = load<T>(target);
  const bit = bitMask<T>(n);
  setBitCarry((a & bit) != 0);
  if (!(changetype<K>(0) instanceof Keep)) setRegister<T>(target, applied<K, T>(a, bit));
  return next(op);
}
function bitM<K, T>(op: usize, address: u64, n: u64): usize {
  const bit = bitMask<T>(n);
  if (changetype<K>(0) instanceof Keep) {
    setBitCarry((read<T>(address) & bit) != 0);
    return next(op);
  }
  const host = inPlace<T>(address);
  let a: T;
  if (host) {
    a = load<T>(host);
    store<T>(host, applied<K, T>(a, bit));
  } else {
    probeWrite(address, sizeof<T>());
    a = read<T>(address);
    write<T>(address, applied<K, T>(a, bit));
  }
  setBitCarry((a & bit) != 0);
  return next(op);
}
/** The bit's number in a register is signed and reaches beyond the operand. */
@inline function bitMR<K, T>(op: usize): usize {
  let n: i64;
  if (sizeof<T>() == 2) n = <i64>load<i16>(sourceOf(op));
  else if (sizeof<T>() == 4) n = <i64>load<i32>(sourceOf(op));
  else n = load<i64>(sourceOf(op));
  const shift: i64 = sizeof<T>() == 2 ? 4 : sizeof<T>() == 4 ? 5 : 6;
  return bitM<K, T>(op, addressAt(op, (n >> shift) * sizeof<T>()), <u64>n);
}
function defineBit<K, T>(id: u32, size: u32): void {
  define(id, Form.RR, size, (op: usize): usize => bitR<K, T>(op, load<u64>(sourceOf(op))));
  define(id, Form.RI, size, (op: usize): usize => bitR<K, T>(op, immediateOf<u64>(op)));
  define(id, Form.MR, size, (op: usize): usize => bitMR<K, T>(op));
  define(id, Form.MI, size, (op: usize): usize => bitM<K, T>(op, addressOf(op), immediateOf<u64>(op)));
}
function defineBits<K>(id: u32): void {
  defineBit<K, u16>(id, 1);
  defineBit<K, u32>(id, 2);
  defineBit<K, u64>(id, 3);
}

/** BSF and BSR of zero leave the destination. */
function scan<T>(op: usize, value: T, forward: bool): usize {
  if (value == 0) {
    setArithmeticFlags((arithmeticFlags() & ~Flag.ZF) | Flag.ZF);
    return next(op);
  }
  setArithmeticFlags(arithmeticFlags() & ~Flag.ZF);
  const n = forward ? ctz<u64>(<u64>value) : 63 - clz<u64>(<u64>value);
  setRegister<T>(targetOf(op), <T>n);
  return next(op);
}
function countBits<T>(op: usize, value: T): usize {
  const n = popcnt<u64>(<u64>value);
  flagsLogic<T>(<T>0);
  setArithmeticFlags(n ? 0 : Flag.ZF);
  setRegister<T>(targetOf(op), <T>n);
  return next(op);
}
function defineScans<T>(size: u32): void {
  define(Op.BSF, Form.RR, size, (op: usize): usize => scan<T>(op, load<T>(sourceOf(op)), true));
  define(Op.BSF, Form.RM, size, (op: usize): usize => scan<T>(op, readOperand<T>(op), true));
  define(Op.BSR, Form.RR, size, (op: usize): usize => scan<T>(op, load<T>(sourceOf(op)), false));
  define(Op.BSR, Form.RM, size, (op: usize): usize => scan<T>(op, readOperand<T>(op), false));
  define(Op.POPCNT, Form.RR, size, (op: usize): usize => countBits<T>(op, load<T>(sourceOf(op))));
  define(Op.POPCNT, Form.RM, size, (op: usize): usize => countBits<T>(op, readOperand<T>(op)));
}

function xaddRR<T>(op: usize): usize {
  const a = load<T>(targetOf(op));
  const b = load<T>(sourceOf(op));
  const sum = <T>(a + b);
  flagsAdd<T>(a, b, sum);
  setRegister<T>(sourceOf(op), a);
  setRegister<T>(targetOf(op), sum);
  return next(op);
}
function xaddMR<T>(op: usize): usize {
  const address = addressOf(op);
  probeWrite(address, sizeof<T>());
  const a = read<T>(address);
  const b = load<T>(sourceOf(op));
  const sum = <T>(a + b);
  write<T>(address, sum);
  flagsAdd<T>(a, b, sum);
  setRegister<T>(sourceOf(op), a);
  return next(op);
}
function cmpxchgRR<T>(op: usize): usize {
  const expected = load<T>(L.RAX);
  const value = load<T>(targetOf(op));
  flagsSub<T>(expected, value, <T>(expected - value));
  if (expected == value) setRegister<T>(targetOf(op), load<T>(sourceOf(op)));
  else setRegister<T>(L.RAX, value);
  return next(op);
}
/** The destination is written in any case, if only with what it held. */
function cmpxchgMR<T>(op: usize): usize {
  const address = addressOf(op);
  const host = inPlace<T>(address);
  const expected = load<T>(L.RAX);
  let value: T;
  if (host) {
    value = load<T>(host);
    if (expected == value) store<T>(host, load<T>(sourceOf(op)));
  } else {
    probeWrite(address, sizeof<T>());
    value = read<T>(address);
    write<T>(address, expected == value ? load<T>(sourceOf(op)) : value);
  }
  flagsSub<T>(expected, value, <T>(expected - value));
  if (expected != value) setRegister<T>(L.RAX, value);
  return next(op);
}
function defineExchanges<T>(size: u32): void {
  define(Op.XADD, Form.RR, size, (op: usize): usize => xaddRR<T>(op));
  define(Op.XADD, Form.MR, size, (op: usize): usize => xaddMR<T>(op));
  define(Op.CMPXCHG, Form.RR, size, (op: usize): usize => cmpxchgRR<T>(op));
  define(Op.CMPXCHG, Form.MR, size, (op: usize): usize => cmpxchgMR<T>(op));
}
function setZero(on: bool): void { setArithmeticFlags((arithmeticFlags() & ~Flag.ZF) | (on ? Flag.ZF : 0)); }

function cmpxchg8b(op: usize): usize {
  const address = addressOf(op);
  probeWrite(address, 8);
  const value = read<u64>(address);
  const expected = <u64>load<u32>(L.RAX) | (<u64>load<u32>(L.RDX) << 32);
  if (value == expected) {
    write<u64>(address, <u64>load<u32>(L.RBX) | (<u64>load<u32>(L.RCX) << 32));
  } else {
    write<u64>(address, value);
    store<u64>(L.RAX, value & 0xffffffff);
    store<u64>(L.RDX, value >> 32);
  }
  setZero(value == expected);
  return next(op);
}
function cmpxchg16b(op: usize): usize {
  const address = addressOf(op);
  if (address & 15) raiseWithCode(Vector.GP, 0);
  probeWrite(address, 16);
  const low = read<u64>(address);
  const high = read<u64>(address + 8);
  const same = low == load<u64>(L.RAX) && high == load<u64>(L.RDX);
  if (same) {
    write<u64>(address, load<u64>(L.RBX));
    write<u64>(address + 8, load<u64>(L.RCX));
  } else {
    store<u64>(L.RAX, low);
    store<u64>(L.RDX, high);
  }
  setZero(same);
  return next(op);
}

/** CRC-32C, reflected, polynomial 0x11EDC6F41. */
function crc32c(crc: u32, value: u64, bytes: u32): u32 {
  let c = crc;
  for (let i: u32 = 0; i < bytes; i++) {
    c ^= <u32>(value >> (i * 8)) & 0xff;
    for (let bit = 0; bit < 8; bit++) c = (c >> 1) ^ (c & 1 ? 0x82f63b78 : 0);
  }
  return c;
}
function defineCrc<T>(size: u32): void {
  define(Op.CRC32, Form.RR, size, (op: usize): usize => { store<u64>(targetOf(op), <u64>crc32c(load<u32>(targetOf(op)), <u64>load<T>(sourceOf(op)), sizeof<T>())); return next(op); });
  define(Op.CRC32, Form.RM, size, (op: usize): usize => { store<u64>(targetOf(op), <u64>crc32c(load<u32>(targetOf(op)), <u64>readOperand<T>(op), sizeof<T>())); return next(op); });
}

export function defineBitOperations(): void {
  defineBits<Keep>(Op.BT);
  defineBits<Set>(Op.BTS);
  defineBits<Reset>(Op.BTR);
  defineBits<Complement>(Op.BTC);
  defineScans<u16>(1);
  defineScans<u32>(2);
  defineScans<u64>(3);
  defineExchanges<u8>(0);
  defineExchanges<u16>(1);
  defineExchanges<u32>(2);
  defineExchanges<u64>(3);
  defineAnySize(Op.CMPXCHG8B, Form.M, cmpxchg8b);
  defineAnySize(Op.CMPXCHG16B, Form.M, cmpxchg16b);
  defineCrc<u8>(0);
  defineCrc<u16>(1);
  defineCrc<u32>(2);
  defineCrc<u64>(3);
}
