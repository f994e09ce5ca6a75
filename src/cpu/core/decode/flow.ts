import * as L from '../layout';
import { Op } from './operation';
import { Form, Record, RecordBit } from './record';

/** Bits of FLAGS_DEFINED and FLAGS_NEEDED. */
export namespace FlagBit {
  export const C: u32 = 1;
  export const P: u32 = 2;
  export const A: u32 = 4;
  export const Z: u32 = 8;
  export const S: u32 = 16;
  export const O: u32 = 32;
  export const ALL: u32 = 63;
}

/** What an operation does to flags. Operations that nothing is declared for are taken to need all. */
export function declareFlags(operation: u32, defined: u32, used: u32): void {
  store<u16>(L.OPERATION_FLAGS + operation * 2, <u16>(defined | (used << 8) | KNOWN));
}

/** Flags that a condition reads, by its encoding. */
export function conditionFlags(code: u32): u32 {
  switch (code >> 1) {
    case 0: return FlagBit.O;
    case 1: return FlagBit.C;
    case 2: return FlagBit.Z;
    case 3: return FlagBit.C | FlagBit.Z;
    case 4: return FlagBit.S;
    case 5: return FlagBit.P;
    case 6: return FlagBit.S | FlagBit.O;
    default: return FlagBit.S | FlagBit.O | FlagBit.Z;
  }
}

const KNOWN: u32 = 0x8000;

/** What was declared of the record's operation, 0 when it may fault and so needs all flags. */
function flagsOf(record: usize): u32 {
  const operation = <u32>load<u16>(record, Record.OPERATION);
  const form = <u32>load<u8>(record, Record.FORM);
  const reaches = form > Form.RI && !(load<u8>(record, Record.BITS) & RecordBit.NO_ACCESS);
  if (reaches) return 0;
  // Shifts leave the flags when they shift by nothing; it is known when they shift by a constant.
  if (operation >= <u32>Op.SHL && operation <= <u32>Op.SAR && form == Form.RI) {
    const mask: u8 = load<u8>(record, Record.SIZE) == 3 ? 63 : 31;
    return load<u8>(record, Record.IMMEDIATE) & mask ? FlagBit.ALL | KNOWN : KNOWN;
  }
  return load<u16>(L.OPERATION_FLAGS + <usize>operation * 2);
}

/**
 * Fills FLAGS_DEFINED and FLAGS_NEEDED of a block's records, from the last to the first. An instruction that can fault
 * needs all flags, for they are pushed with the exception.
 */
export function analyseFlags(first: usize, count: u32): void {
  let live: u32 = FlagBit.ALL;
  for (let i = count; i > 0; i--) {
    const record = first + (i - 1) * Record.BYTE_SIZE;
    const flags = flagsOf(record);
    const defined = flags & FlagBit.ALL;
    store<u8>(record, <u8>defined, Record.FLAGS_DEFINED);
    store<u8>(record, <u8>(defined & live), Record.FLAGS_NEEDED);
    live = flags & KNOWN ? (live & ~defined) | ((flags >> 8) & FlagBit.ALL) : FlagBit.ALL;
  }
}
