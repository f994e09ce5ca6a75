import * as L from '../layout';
import { Record } from '../decode/record';
import { addressOf, next } from '../exec/operands';
import { probePieces, read, wrap, write } from '../mmu/access';
import { isProtected } from '../mode';
import { begin, beginNoWait, register } from './stack';
import { fullTagWord, initializeX87, setControlWord, setFullTagWord, setStatusWord, statusWord } from './state';

/** The environment in memory, in its four formats, and the whole state (Intel SDM vol. 1, figures 8-9 to 8-12). */

const EXCEPTION_MASKS: u32 = 0x3f;

/** Bytes of the environment for 16-bit and wider operands. */
@inline function isWide(op: usize): bool { return load<u8>(op, Record.SIZE) != 1; }
@inline function sizeOf(op: usize): u32 { return isWide(op) ? 28 : 14; }

function put(op: usize, address: u64, index: u32, value: u32): void {
  if (isWide(op)) write<u32>(wrap(address + index * 4), value);
  else write<u16>(wrap(address + index * 2), <u16>value);
}
function get(op: usize, address: u64, index: u32): u32 {
  return isWide(op) ? read<u32>(wrap(address + index * 4)) : <u32>read<u16>(wrap(address + index * 2));
}

/** Reserved upper halves read as ones. */
const RESERVED: u32 = 0xffff0000;

function saveEnvironment(op: usize, address: u64): void {
  const ip = load<u32>(L.X87_IP);
  const dp = load<u32>(L.X87_DP);
  const opcode = load<u32>(L.X87_OPCODE) & 0x7ff;
  put(op, address, 0, load<u32>(L.X87_CONTROL) | RESERVED);
  put(op, address, 1, statusWord() | RESERVED);
  put(op, address, 2, fullTagWord() | RESERVED);
  if (isProtected()) {
    put(op, address, 3, ip);
    put(op, address, 4, load<u16>(L.X87_CS) | (opcode << 16));
    put(op, address, 5, dp);
    put(op, address, 6, load<u16>(L.X87_DS) | RESERVED);
    return;
  }
  // Real and virtual-8086 mode: linear addresses in two parts.
  const linearIp = ip + (load<u32>(L.X87_CS) << 4);
  const linearDp = dp + (load<u32>(L.X87_DS) << 4);
  put(op, address, 3, (linearIp & 0xffff) | RESERVED);
  put(op, address, 4, ((linearIp >> 16) << 12) | opcode);
  put(op, address, 5, (linearDp & 0xffff) | RESERVED);
  put(op, address, 6, (linearDp >> 16) << 12);
}

function loadEnvironment(op: usize, address: u64): void {
  const control = get(op, address, 0);
  const status = get(op, address, 1);
  const tags = get(op, address, 2);
  const ip = get(op, address, 3);
  const second = get(op, address, 4);
  const dp = get(op, address, 5);
  const last = get(op, address, 6);
  setControlWord(control & 0xffff);
  setStatusWord(status & 0xffff);
  setFullTagWord(tags & 0xffff);
  if (isProtected()) {
    store<u64>(L.X87_IP, ip);
    store<u32>(L.X87_CS, second & 0xffff);
    store<u32>(L.X87_OPCODE, isWide(op) ? (second >> 16) & 0x7ff : 0);
    store<u64>(L.X87_DP, dp);
    store<u32>(L.X87_DS, last & 0xffff);
  } else {
    store<u64>(L.X87_IP, (ip & 0xffff) | ((second >> 12) << 16));
    store<u32>(L.X87_CS, 0);
    store<u32>(L.X87_OPCODE, second & 0x7ff);
    store<u64>(L.X87_DP, (dp & 0xffff) | ((last >> 12) << 16));
    store<u32>(L.X87_DS, 0);
  }
}

/** Of the environment, what is accessed first. */
const PIECE: u32 = 2;

/** FNSTENV: exceptions are masked afterwards. */
export function storeEnvironment(op: usize): usize {
  beginNoWait();
  const address = addressOf(op);
  probePieces(address, PIECE, sizeOf(op), true);
  saveEnvironment(op, address);
  setControlWord(load<u32>(L.X87_CONTROL) | EXCEPTION_MASKS);
  return next(op);
}
export function restoreEnvironment(op: usize): usize {
  begin();
  const address = addressOf(op);
  probePieces(address, PIECE, sizeOf(op), false);
  loadEnvironment(op, address);
  return next(op);
}

/** FNSAVE: the environment, ST(0) to ST(7) of ten bytes each; then as FNINIT. */
export function saveState(op: usize): usize {
  beginNoWait();
  const address = addressOf(op);
  const size = sizeOf(op);
  probePieces(address, PIECE, size + 80, true);
  saveEnvironment(op, address);
  for (let i: u32 = 0; i < 8; i++) {
    const from = register(i);
    write<u64>(wrap(address + size + i * 10), load<u64>(from));
    write<u16>(wrap(address + size + i * 10 + 8), load<u16>(from, 8));
  }
  initializeX87();
  return next(op);
}
export function restoreState(op: usize): usize {
  begin();
  const address = addressOf(op);
  const size = sizeOf(op);
  probePieces(address, PIECE, size + 80, false);
  loadEnvironment(op, address);
  for (let i: u32 = 0; i < 8; i++) {
    const to = register(i);
    store<u64>(to, read<u64>(wrap(address + size + i * 10)));
    store<u16>(to, read<u16>(wrap(address + size + i * 10 + 8)), 8);
  }
  return next(op);
}
