import * as L from '../layout';
import { leaveFor } from '../exec/branch';
import { Mode, cpl } from '../mode';
import { translateExecute, wrap } from '../mmu/access';
import { clearAllTlbs, forgetWritable, jumpEpoch } from '../mmu/tlb';
import { ramAt } from '../mmu/walk';
import { raiseGp } from '../system/fault';
import { Decoder, decodeInstruction } from './decoder';
import { Form, Record, RecordBit } from './record';
import { analyseFlags } from './flow';
import { selectHandlers } from './select';
import { Handler, handlerOf } from './handlers';
import { Op } from './operation';

/**
 * Decoded basic blocks, cached by physical address and mode. A block lies within one page; an instruction that crosses
 * into the next page is a block of its own, whose bytes are compared each time that it is found. In the arena:
 *
 *     header (48 bytes) | record | record | … | END record
 *
 * For each page with blocks there is a list of them and a map of the 64-byte pieces that they cover, so that a write
 * next to code costs one look at the map, and a write into code throws away just the blocks that it hits.
 */
export namespace Block {
  /** Guest physical address, below 4 GiB. */
  export const ADDRESS: usize = 0;
  export const MODE: usize = 4;
  export const NEXT_IN_HASH: usize = 8;
  export const NEXT_IN_PAGE: usize = 12;
  /** Bytes of guest code. u16 */
  export const LENGTH: usize = 16;
  /** Instructions. u16 */
  export const COUNT: usize = 18;
  /** 1 while it may be entered. */
  export const VALID: usize = 20;
  /** 1: lies in two pages. */
  export const CROSSING: usize = 24;
  /** Times that it was entered other than by a link. */
  export const ENTERED: usize = 28;
  /** The code of a crossing block. */
  export const BYTES: usize = 32;
  export const HEADER: usize = 48;
}

const MAX_INSTRUCTIONS: u32 = 48;

let arenaNext: usize = L.ARENA;

/** Blocks that were decoded since the start. */
export let decodedBlocks: u32 = 0;
export let invalidatedBlocks: u32 = 0;
/** Times that all blocks were thrown away. */
export let droppedTimes: u32 = 0;

@inline function pageEntry(gpa: u64): usize { return L.CODE_PAGES + <usize>((<u32>(gpa >> 12)) * L.CODE_PAGE_SIZE); }
@inline function pieceBit(offset: u32): u64 { return <u64>1 << (offset >> 6); }

/** Whether a write to the page of `gpa`, which is RAM, must be looked at. */
@inline export function holdsCode(gpa: u64): bool {
  return gpa < load<u64>(L.RAM_SIZE) && load<u64>(pageEntry(gpa), 8) != 0;
}

export function dropAllBlocks(): void {
  memory.fill(L.BLOCK_HASH, 0, L.BLOCK_HASH_ENTRIES * 4);
  memory.fill(L.CODE_PAGES, 0, <usize>(load<u64>(L.RAM_SIZE) >> 12) * L.CODE_PAGE_SIZE);
  arenaNext = L.ARENA;
  droppedTimes++;
  clearAllTlbs();
}

@inline function hashOf(gpa: u32, mode: u32): usize {
  return L.BLOCK_HASH + <usize>((((gpa ^ (gpa >> 14)) + mode * 0x9e5) & (L.BLOCK_HASH_ENTRIES - 1)) << 2);
}

@inline function jumpKey(mode: u32): u32 { return load<u32>(L.CONTEXT) | (mode << 12) | (jumpEpoch << 19); }
@inline function jumpSlot(linear: u64): usize {
  return L.JUMP_CACHE + ((<usize>(<u32>linear ^ (<u32>linear >> 12)) & (L.JUMP_ENTRIES - 1)) << 4);
}

/**
 * The block at RIP: from the jump cache, from the hash, or decoded now. Raises what fetching the instruction raises.
 * @returns its first record
 */
export function findBlock(): usize {
  const mode = load<u32>(L.MODE);
  const rip = load<u64>(L.RIP);
  let linear = rip;
  if ((mode & Mode.CODE) != Mode.CODE64) {
    if (<u32>rip > load<u32>(L.CS, L.SEGMENT_LIMIT)) raiseGp(0);
    linear = <u64>(<u32>rip + load<u32>(L.CS, L.SEGMENT_BASE));
  }
  const key = jumpKey(mode);
  const cached = jumpSlot(linear);
  if (load<u64>(cached) == linear && load<u32>(cached, 8) == key) {
    const first: usize = load<u32>(cached, 12);
    if (load<u32>(first - Block.HEADER, Block.VALID)) return first;
  }
  const gpa = translateExecute(linear);
  const block = lookUp(<u32>gpa, mode, linear) || decodeBlock(<u32>gpa, mode, linear);
  const first = block + Block.HEADER;
  store<u32>(block, load<u32>(block, Block.ENTERED) + 1, Block.ENTERED);
  if (!load<u32>(block, Block.CROSSING)) {
    store<u64>(cached, linear);
    store<u32>(cached, key, 8);
    store<u32>(cached, <u32>first, 12);
  }
  return first;
}

/**
 * The branch at `op` of a running block goes to `target`, which becomes RIP.
 * @returns the first record there when it is in the jump cache and the budget allows, else 0
 */
export function jumpTo(op: usize, target: u64): usize {
  store<u64>(L.RIP, target);
  const mode = load<u32>(L.MODE);
  if ((mode & (Mode.FLAT | Mode.SINGLE)) != Mode.FLAT) return leaveFor(op, target);
  const key = jumpKey(mode);
  const cached = jumpSlot(target);
  if (load<u64>(cached) != target || load<u32>(cached, 8) != key) return leaveFor(op, target);
  const first: usize = load<u32>(cached, 12);
  if (!load<u32>(first - Block.HEADER, Block.VALID)) return 0;
  const left = load<i32>(L.BUDGET) - <i32>load<u16>(first - (Block.HEADER - Block.COUNT));
  if (left < 0) return 0;
  store<i32>(L.BUDGET, left);
  store<u64>(L.BLOCK_RIP, target);
  return first;
}

function lookUp(gpa: u32, mode: u32, linear: u64): usize {
  let block: usize = load<u32>(hashOf(gpa, mode));
  while (block) {
    if (load<u32>(block, Block.ADDRESS) == gpa && load<u32>(block, Block.MODE) == mode) {
      if (!load<u32>(block, Block.CROSSING) || sameBytes(block, gpa, linear)) return block;
      removeFromHash(block);
      return 0;
    }
    block = load<u32>(block, Block.NEXT_IN_HASH);
  }
  return 0;
}

function sameBytes(block: usize, gpa: u32, linear: u64): bool {
  const length = <u32>load<u16>(block, Block.LENGTH);
  const here = 0x1000 - (gpa & 0xfff);
  const next = ramAt(translateExecute(wrap((linear | 0xfff) + 1)));
  if (!next) return false;
  if (memory.compare(ramAt(gpa), block + Block.BYTES, here)) return false;
  return memory.compare(next, block + Block.BYTES + here, length - here) == 0;
}

function decodeBlock(gpa: u32, mode: u32, linear: u64): usize {
  const room = Block.HEADER + (MAX_INSTRUCTIONS + 1) * Record.BYTE_SIZE;
  if (arenaNext + room > <usize>L.ARENA_END) dropAllBlocks();
  const block = arenaNext;
  memory.fill(block, 0, Block.HEADER);
  const first = block + Block.HEADER;
  let record = first;
  let count: u32 = 0;
  let limit: u32 = mode & Mode.SINGLE ? 1 : MAX_INSTRUCTIONS;
  let crossing = false;
  Decoder.begin(gpa, mode, linear);
  while (count < limit) {
    const start = Decoder.position();
    memory.fill(record, 0, Record.BYTE_SIZE);
    if (!decodeInstruction(record, count == 0)) {
      // It reaches into the next page: a block of its own.
      Decoder.setPosition(start);
      break;
    }
    count++;
    const bits = load<u8>(record, Record.BITS);
    const operation = load<u16>(record, Record.OPERATION);
    record += Record.BYTE_SIZE;
    if (Decoder.crossed()) {
      crossing = true;
      break;
    }
    if (bits & RecordBit.LAST) break;
    // After STI and MOV SS one more instruction runs before interrupts are looked at.
    if (operation == Op.STI || bits & RecordBit.SHADOWS) limit = min(limit, count + 1);
    if (Decoder.position() >= 0x1000) break;
  }
  const length = Decoder.position() - (gpa & 0xfff);
  const last = record - Record.BYTE_SIZE;
  if (!(load<u8>(last, Record.BITS) & RecordBit.LAST)) {
    endRecord(record, length);
    record += Record.BYTE_SIZE;
    if (load<u16>(last, Record.OPERATION) == Op.STI || load<u8>(last, Record.BITS) & RecordBit.SHADOWS) {
      // The next instruction is not in this block: the shadow has to outlive it.
      store<u8>(last, load<u8>(last, Record.BITS) | RecordBit.SHADOW_LEAVES, Record.BITS);
    }
  }
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(first + i * Record.BYTE_SIZE, <u8>(count - i), Record.REMAINING);
  }
  analyseFlags(first, count);
  selectHandlers(first, <u32>(record - first) / Record.BYTE_SIZE, mode);
  store<u32>(block, gpa, Block.ADDRESS);
  store<u32>(block, mode, Block.MODE);
  store<u16>(block, <u16>length, Block.LENGTH);
  store<u16>(block, <u16>count, Block.COUNT);
  store<u32>(block, 1, Block.VALID);
  store<u32>(block, crossing ? 1 : 0, Block.CROSSING);
  arenaNext = (record + 15) & ~15;
  const slot = hashOf(gpa, mode);
  store<u32>(block, load<u32>(slot), Block.NEXT_IN_HASH);
  store<u32>(slot, <u32>block);
  if (crossing) Decoder.copyBytes(block + Block.BYTES, length);
  else addToPage(block, gpa, length);
  decodedBlocks++;
  return block;
}

function endRecord(record: usize, length: u32): void {
  memory.fill(record, 0, Record.BYTE_SIZE);
  store<u16>(record, <u16>length, Record.START);
  store<u16>(record, <u16>Op.END, Record.OPERATION);
  store<u16>(record, <u16>handlerOf(Op.END, Form.NONE, 0), Record.HANDLER);
  store<i64>(record, <i64>length, Record.IMMEDIATE);
  store<u8>(record, RecordBit.LAST | RecordBit.LINKS, Record.BITS);
}

function piecesOf(block: usize): u64 {
  const from = load<u32>(block, Block.ADDRESS) & 0xfff;
  const to = from + load<u16>(block, Block.LENGTH) - 1;
  let pieces: u64 = 0;
  for (let offset = from & ~63; offset <= to; offset += 64) pieces |= pieceBit(offset);
  return pieces;
}

function addToPage(block: usize, gpa: u32, length: u32): void {
  if (<u64>gpa >= load<u64>(L.RAM_SIZE)) return;
  const entry = pageEntry(gpa);
  const pieces = load<u64>(entry, 8);
  if (!pieces) forgetWritable(ramAt(gpa & ~0xfff));
  store<u32>(block, load<u32>(entry), Block.NEXT_IN_PAGE);
  store<u32>(entry, <u32>block);
  store<u64>(entry, pieces | piecesOf(block), 8);
}

function removeFromHash(block: usize): void {
  const slot = hashOf(load<u32>(block, Block.ADDRESS), load<u32>(block, Block.MODE));
  let at: usize = slot;
  while (load<u32>(at) != <u32>block) {
    const next: usize = load<u32>(at);
    if (!next) return;
    at = next + Block.NEXT_IN_HASH;
  }
  store<u32>(at, load<u32>(block, Block.NEXT_IN_HASH));
}

@inline function lastRecord(block: usize): usize {
  const first = block + Block.HEADER;
  const last = first + (<u32>load<u16>(block, Block.COUNT) - 1) * Record.BYTE_SIZE;
  return load<u8>(last, Record.BITS) & RecordBit.LAST ? last : last + Record.BYTE_SIZE;
}

/** `size` bytes of RAM at `gpa` (within one page, or from one into the next) have been written: blocks made of them go. */
export function noteWrite(gpa: u64, size: u32): void {
  const offset = <u32>gpa & 0xfff;
  if (offset + size > 0x1000) {
    const here = 0x1000 - offset;
    noteWrite(gpa, here);
    noteWrite(gpa + here, size - here);
    return;
  }
  if (gpa >= load<u64>(L.RAM_SIZE)) return;
  const entry = pageEntry(gpa);
  const pieces = load<u64>(entry, 8);
  let touched: u64 = 0;
  for (let at = offset & ~63; at < offset + size; at += 64) touched |= pieceBit(at);
  if (!(pieces & touched)) return;

  let at: usize = entry;
  let left: u64 = 0;
  let dropped = false;
  for (let block: usize = load<u32>(at); block; block = load<u32>(at)) {
    const from = load<u32>(block, Block.ADDRESS) & 0xfff;
    if (offset < from + load<u16>(block, Block.LENGTH) && from < offset + size) {
      store<u32>(at, load<u32>(block, Block.NEXT_IN_PAGE));
      invalidate(block);
      dropped = true;
    } else {
      left |= piecesOf(block);
      at = block + Block.NEXT_IN_PAGE;
    }
  }
  store<u64>(entry, left, 8);
  if (dropped) unlinkInvalid(load<u32>(entry));
}

function invalidate(block: usize): void {
  removeFromHash(block);
  store<u32>(block, 0, Block.VALID);
  invalidatedBlocks++;
  const op: usize = load<u32>(L.CURRENT_OP);
  const last = lastRecord(block);
  unlinkFields(last);
  if (op >= block && op <= last) {
    // It is running: what comes after the current instruction has to be decoded anew.
    for (let record = op + Record.BYTE_SIZE; record <= last; record += Record.BYTE_SIZE) {
      store<u16>(record, <u16>handlerOf(Op.STOP, Form.NONE, 0), Record.HANDLER);
    }
  }
}

@inline function unlinkFields(record: usize): void {
  if (!(load<u8>(record, Record.BITS) & RecordBit.LINKS)) return;
  store<u32>(record, 0, Record.LINK_NEXT);
  store<u32>(record, 0, Record.LINK_TAKEN);
}

/** Links go only to blocks of the same page. */
function unlinkInvalid(block: usize): void {
  while (block) {
    const record = lastRecord(block);
    if (load<u8>(record, Record.BITS) & RecordBit.LINKS) {
      const next: usize = load<u32>(record, Record.LINK_NEXT);
      if (next && !load<u32>(next - Block.HEADER, Block.VALID)) store<u32>(record, 0, Record.LINK_NEXT);
      const taken: usize = load<u32>(record, Record.LINK_TAKEN);
      if (taken && !load<u32>(taken - Block.HEADER, Block.VALID)) store<u32>(record, 0, Record.LINK_TAKEN);
    }
    block = load<u32>(block, Block.NEXT_IN_PAGE);
  }
}
