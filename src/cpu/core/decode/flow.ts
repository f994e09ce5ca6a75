import * as L from '../layout';
import { Form, Record } from './record';

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
  store<u16>(L.OPERATION_FLAGS + operation * 2, <u16>(defined | (used << 8) | 0x8000));
}

/**
 * Fills FLAGS_DEFINED and FLAGS_NEEDED of a block's records, from the last to the first. An instruction that can fault
 * needs all flags, for they are pushed with the exception.
 */
export function analyseFlags(first: usize, count: u32): void {
  let live: u32 = FlagBit.ALL;
  for (let i = count; i > 0; i--) {
    const record = first + (i - 1) * Record.BYTE_SIZE;
    const flags = <u32>load<u16>(L.OPERATION_FLAGS + <usize>load<u16>(record, Record.OPERATION) * 2);
    const form = <u32>load<u8>(record, Record.FORM);
    const known = flags & 0x8000 && form >= Form.R && form <= Form.RI;
    const defined = flags & FlagBit.ALL;
    store<u8>(record, <u8>defined, Record.FLAGS_DEFINED);
    store<u8>(record, <u8>(defined & live), Record.FLAGS_NEEDED);
    live = known ? (live & ~defined) | ((flags >> 8) & FlagBit.ALL) : FlagBit.ALL;
  }
}
