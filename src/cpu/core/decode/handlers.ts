import * as L from '../layout';

/**
 * Handlers: a function of the table takes a record's address, executes it and returns the next record, 0 to leave the
 * block with RIP stored. Values below HOT_LIMIT name cases of the loop in `exec/loop.ts`.
 */
export namespace Handler {
  export const HOT_LIMIT: u32 = 256;
}

@inline function slot(operation: u32, form: u32, size: u32): usize {
  return L.HANDLERS + <usize>(((operation * 8 + form) * 4 + size) * 2);
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

/** Executed by a case of the loop. */
export function defineHot(operation: u32, form: u32, size: u32, hot: u32): void {
  store<u16>(slot(operation, form, size), <u16>hot);
}

/** 0 when nothing executes this form. */
@inline export function handlerOf(operation: u32, form: u32, size: u32): u32 { return load<u16>(slot(operation, form, size)); }
export function defineAnySizeHot(operation: u32, form: u32, hot: u32): void {
  for (let size: u32 = 0; size < 4; size++) defineHot(operation, form, size, hot);
}
