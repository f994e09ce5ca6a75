import * as L from '../layout';
import { Record } from '../decode/record';
import { unwind } from '../host';

export namespace Vector {
  export const DE: u32 = 0;
  export const DB: u32 = 1;
  export const NMI: u32 = 2;
  export const BP: u32 = 3;
  export const OF: u32 = 4;
  export const BR: u32 = 5;
  export const UD: u32 = 6;
  export const NM: u32 = 7;
  export const DF: u32 = 8;
  export const TS: u32 = 10;
  export const NP: u32 = 11;
  export const SS: u32 = 12;
  export const GP: u32 = 13;
  export const PF: u32 = 14;
  export const MF: u32 = 16;
  export const AC: u32 = 17;
  export const XM: u32 = 19;
}

/**
 * Takes the running operation back: RIP is that of its instruction again, and what the block counted in advance for
 * it and its successors is uncounted.
 */
export function rewind(): void {
  const op: usize = load<u32>(L.CURRENT_OP);
  if (!op) return;
  store<u64>(L.RIP, load<u64>(L.BLOCK_RIP) + load<u16>(op, Record.START));
  store<i32>(L.BUDGET, load<i32>(L.BUDGET) + <i32>load<u8>(op, Record.REMAINING));
  store<u32>(L.CURRENT_OP, 0);
}

/**
 * Bit 0 of the error codes that name a selector or a gate: set while an event that the program did not ask for is being
 * delivered (Intel SDM vol. 3, 6.13).
 */
let external: u32 = 0;

/** From here on what goes wrong does so while an event is delivered: an `external` one, or INT n and its kin. */
export function beginDelivery(isExternal: bool): void { external = isExternal ? 1 : 0; }
export function endDelivery(): void { external = 0; }

/**
 * Instruction counting: an instruction that is about to reach a device, and is not the last of its block, is taken back
 * and executed again alone.
 */
export function requireAlone(): void {
  const op: usize = load<u32>(L.CURRENT_OP);
  if (!(load<u32>(L.ICOUNT) & L.ICOUNT_ALONE) || !op || load<u8>(op, Record.REMAINING) <= 1) return;
  rewind();
  store<u32>(L.ALONE, 1);
  unwind();
}

function leave(vector: u32, error: u32, hasError: u32): void {
  rewind();
  store<u32>(L.FAULT, vector + 1);
  store<u32>(L.FAULT_ERROR, error);
  store<u32>(L.FAULT_HAS_ERROR, hasError);
  external = 0;
  unwind();
}

/** A fault of the running instruction, which has changed nothing yet. Does not return. */
export function raise(vector: u32): void { leave(vector, 0, 0); }
export function raiseWithCode(vector: u32, error: u32): void {
  leave(vector, vector >= Vector.TS && vector <= Vector.GP ? error | external : error, 1);
}
export function raiseUd(): void { leave(Vector.UD, 0, 0); }
export function raiseGp(error: u32): void { raiseWithCode(Vector.GP, error); }

export function raisePageFault(address: u64, error: u32): void {
  store<u64>(L.FAULT_ADDRESS, address);
  leave(Vector.PF, error, 1);
}
