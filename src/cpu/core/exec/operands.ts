import * as L from '../layout';
import { Address, Prefix, Record, RecordBit } from '../decode/record';
import { inPlace, probeWrite, read, write } from '../mmu/access';
import { segmentLinear } from '../system/segments';

/** Access to what a record's operands name. */

@inline export function next(op: usize): usize { return op + Record.BYTE_SIZE; }
@inline export function targetOf(op: usize): usize { return load<u16>(op, Record.TARGET); }
@inline export function sourceOf(op: usize): usize { return load<u16>(op, Record.SOURCE); }
@inline export function immediateOf<T>(op: usize): T { return load<T>(op, Record.IMMEDIATE); }
/** RIP of the instruction after this one. */
@inline export function ripAfter(op: usize): u64 {
  return load<u64>(L.BLOCK_RIP) + load<u16>(op, Record.START) + load<u8>(op, Record.LENGTH);
}
/** Leaves the block after this instruction. */
@inline export function leaveAfter(op: usize): usize {
  store<u64>(L.RIP, ripAfter(op));
  return 0;
}

/** Writes a register as its size demands: 32 bits clear the upper half. */
@inline export function setRegister<T>(address: usize, value: T): void {
  if (sizeof<T>() == 4) store<u64>(address, <u64><u32>value);
  else store<T>(address, value);
}

/** base + index · 2^scale + displacement. */
@inline export function rawAddress(op: usize): u64 {
  return (
    load<u64>(load<u16>(op, Record.BASE)) +
    (load<u64>(load<u16>(op, Record.INDEX)) << <u64>load<u8>(op, Record.SCALE)) +
    <u64><i64>load<i32>(op, Record.DISPLACEMENT)
  );
}

/** The linear address of the memory operand. */
@inline export function addressOf(op: usize): u64 {
  const raw = rawAddress(op);
  const kind = load<u8>(op, Record.ADDRESS);
  return kind == Address.PLAIN64 ? raw : slowAddress(op, raw, kind);
}

/** Cuts an offset to the instruction's address size. */
export function cutToAddressSize(op: usize, offset: u64): u64 {
  const size = load<u8>(op, Record.PREFIXES) >> Prefix.ADDRESS_SHIFT;
  return size == 3 ? offset : size == 2 ? offset & 0xffffffff : offset & 0xffff;
}

@inline export function segmentOf(op: usize): usize { return L.SEGMENTS + <usize>load<u8>(op, Record.SEGMENT) * L.SEGMENT_SIZE; }

function slowAddress(op: usize, raw: u64, kind: u8): u64 {
  if (kind == Address.PLAIN32) return raw & 0xffffffff;
  if (kind == Address.OFFSET64) {
    const offset = load<u64>(op, Record.IMMEDIATE);
    return load<u8>(op, Record.SEGMENT) >= 4 ? offset + load<u64>(segmentOf(op), L.SEGMENT_BASE) : offset;
  }
  const offset = cutToAddressSize(op, raw);
  if (kind == Address.BASED) return offset + load<u64>(segmentOf(op), L.SEGMENT_BASE);
  const writes = (load<u8>(op, Record.BITS) & RecordBit.WRITES) != 0;
  return segmentLinear(segmentOf(op), <u32>offset, load<u8>(op, Record.BYTES), writes);
}

/** The same for operands that lie `distance` bytes further (bit strings): without using BYTES twice. */
export function addressAt(op: usize, distance: i64): u64 {
  const raw = rawAddress(op) + distance;
  const kind = load<u8>(op, Record.ADDRESS);
  return kind == Address.PLAIN64 ? raw : slowAddress(op, raw, kind);
}

@inline export function readOperand<T>(op: usize): T { return read<T>(addressOf(op)); }
@inline export function writeOperand<T>(op: usize, value: T): void { write<T>(addressOf(op), value); }

/**
 * Operations as types, so that one generic function makes the handlers of all of them: `apply` gives the result and
 * sets the flags.
 */
@inline export function applied<K, T>(a: T, b: T): T { return changetype<K>(0).apply<T>(a, b); }
@inline export function applied1<K, T>(a: T): T { return changetype<K>(0).apply<T>(a); }

@inline export function binaryRR<K, T>(op: usize): usize {
  const target = targetOf(op);
  setRegister<T>(target, applied<K, T>(load<T>(target), load<T>(sourceOf(op))));
  return next(op);
}
@inline export function binaryRI<K, T>(op: usize): usize {
  const target = targetOf(op);
  setRegister<T>(target, applied<K, T>(load<T>(target), immediateOf<T>(op)));
  return next(op);
}
@inline export function binaryRM<K, T>(op: usize): usize {
  const b = readOperand<T>(op);
  const target = targetOf(op);
  setRegister<T>(target, applied<K, T>(load<T>(target), b));
  return next(op);
}
@inline export function modify<K, T>(op: usize, b: T): usize {
  const address = addressOf(op);
  const host = inPlace<T>(address);
  if (host) {
    store<T>(host, applied<K, T>(load<T>(host), b));
  } else {
    probeWrite(address, sizeof<T>());
    write<T>(address, applied<K, T>(read<T>(address), b));
  }
  return next(op);
}
@inline export function binaryMR<K, T>(op: usize): usize { return modify<K, T>(op, load<T>(sourceOf(op))); }
@inline export function binaryMI<K, T>(op: usize): usize { return modify<K, T>(op, immediateOf<T>(op)); }

/** For CMP and TEST: nothing is written. */
@inline export function compareRR<K, T>(op: usize): usize { applied<K, T>(load<T>(targetOf(op)), load<T>(sourceOf(op))); return next(op); }
@inline export function compareRI<K, T>(op: usize): usize { applied<K, T>(load<T>(targetOf(op)), immediateOf<T>(op)); return next(op); }
@inline export function compareRM<K, T>(op: usize): usize {
  const b = readOperand<T>(op);
  applied<K, T>(load<T>(targetOf(op)), b);
  return next(op);
}
@inline export function compareMR<K, T>(op: usize): usize { applied<K, T>(readOperand<T>(op), load<T>(sourceOf(op))); return next(op); }
@inline export function compareMI<K, T>(op: usize): usize { applied<K, T>(readOperand<T>(op), immediateOf<T>(op)); return next(op); }

@inline export function unaryR<K, T>(op: usize): usize {
  const target = targetOf(op);
  setRegister<T>(target, applied1<K, T>(load<T>(target)));
  return next(op);
}
@inline export function unaryM<K, T>(op: usize): usize {
  const address = addressOf(op);
  const host = inPlace<T>(address);
  if (host) {
    store<T>(host, applied1<K, T>(load<T>(host)));
  } else {
    probeWrite(address, sizeof<T>());
    write<T>(address, applied1<K, T>(read<T>(address)));
  }
  return next(op);
}
