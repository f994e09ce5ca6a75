import * as L from '../layout';
import { Op } from './operation';

/**
 * Handlers: a function of the table takes a record's address, executes it and returns the next record, 0 to leave the
 * block with RIP stored. Values below HOT_LIMIT name cases of the loop in `exec/hot.ts`: short cuts, beside which each
 * operation has its function all the same.
 */
export namespace Handler {
  export const HOT_LIMIT: u32 = 512;
}

/** What a case of the loop takes for granted about its record; `decode/select.ts` sees to it. */
export namespace Variant {
  export const PLAIN: u32 = 0;
  /** Nobody needs the arithmetic flags. */
  export const QUIET: u32 = 1;
  /** The next record is done along with it. */
  export const FUSED: u32 = 2;
  /** The memory operand's address has no index. */
  export const BASED: u32 = 3;
}

@inline function slot(operation: u32, form: u32, size: u32): usize {
  return L.HANDLERS + <usize>(((operation * 8 + form) * 4 + size) * 2);
}

@inline function caseSlot(variant: u32, operation: u32, form: u32, size: u32): usize {
  return L.HOT_CASES + <usize>((((variant * <u32>Op.COUNT + operation) * 8 + form) * 4 + size) * 2);
}

export function define(operation: u32, form: u32, size: u32, handler: (op: usize) => usize): void {
  store<u16>(slot(operation, form, size), <u16>(Handler.HOT_LIMIT + handler.index));
}

/** For operations without an operand size, or that look at it themselves. */
export function defineAnySize(operation: u32, form: u32, handler: (op: usize) => usize): void {
  for (let size: u32 = 0; size < 4; size++) define(operation, form, size, handler);
}

/** For all word sizes: 16, 32 and 64 bits. */
export function defineWords(operation: u32, form: u32, w: (op: usize) => usize, d: (op: usize) => usize, q: (op: usize) => usize): void {
  define(operation, form, 1, w);
  define(operation, form, 2, d);
  define(operation, form, 3, q);
}

/** The case of the loop for records of which `variant` holds. */
export function defineHot(variant: u32, operation: u32, form: u32, size: u32, hot: u32): void {
  store<u16>(caseSlot(variant, operation, form, size), <u16>hot);
}
/** 0 when the loop has none. */
@inline export function hotCaseOf(variant: u32, operation: u32, form: u32, size: u32): u32 {
  return load<u16>(caseSlot(variant, operation, form, size));
}

/** 0 when nothing executes this form. */
@inline export function handlerOf(operation: u32, form: u32, size: u32): u32 { return load<u16>(slot(operation, form, size)); }
/** The same for records of any size. */
export function defineAnySizeHot(operation: u32, form: u32, hot: u32): void {
  for (let size: u32 = 0; size < 4; size++) defineHot(Variant.PLAIN, operation, form, size, hot);
}
