import * as L from './layout';
import { dropAllBlocks, noteWrite } from './decode/blocks';
import { fillOpcodeTables } from './decode/maps/fill';
import { defineAlu } from './exec/alu';
import { defineBitOperations } from './exec/bits';
import { defineBranches } from './exec/branch';
import { arithmeticFlags, readFlags, setArithmeticFlags, writeFlags } from './exec/flags';
import { defineHotOperations } from './exec/hot';
import { defineMiscellaneous } from './exec/misc';
import { defineMoves } from './exec/move';
import { defineMultiplications } from './exec/multiply';
import { defineShifts } from './exec/shift';
import { defineStack } from './exec/stack';
import { defineStrings } from './exec/string';
import { checkContextEpoch, flushAll } from './mmu/spaces';
import { loadPdptes } from './mmu/walk';
import { updateMode, usesPdptes } from './mode';
import { defineControl } from './system/control';
import { defineMsrs, readMsr, writeMsr } from './system/msr';
import { definePorts } from './system/ports';
import { defineSyscalls } from './system/syscall';
import { defineSegmentInstructions } from './system/tables';
import { defineXstate } from './system/xstate';
import { defineFpu } from './fpu/define';
import { defineVectors } from './vector/define';

export { execute, lookAround } from './exec/loop';
export { readFlags, writeFlags } from './exec/flags';
export { decodedBlocks, invalidatedBlocks } from './decode/blocks';
export { decodeAt } from './decode/inspect';

/** Fills the tables. Once, before anything else. @param ramSize bytes of guest RAM from 0 up */
export function initialize(ramSize: f64): void {
  store<u64>(L.RAM_SIZE, <u64>ramSize);
  fillOpcodeTables();
  defineAlu();
  defineMoves();
  defineShifts();
  defineBitOperations();
  defineMultiplications();
  defineStack();
  defineBranches();
  defineStrings();
  defineMiscellaneous();
  definePorts();
  defineControl();
  defineMsrs();
  defineSyscalls();
  defineSegmentInstructions();
  defineXstate();
  defineFpu();
  defineVectors();
  defineHotOperations();
  dropAllBlocks();
}

/** The host has changed the registers of the vCPU in place: everything derived from them is made anew. */
export function stateChanged(): void {
  updateMode();
  if (usesPdptes()) loadPdptes(load<u64>(L.CR3));
  flushAll();
}

/** Puts another vCPU's state in place. */
export function switchVcpu(to: u32): void {
  const from = load<u32>(L.CURRENT_VCPU);
  if (from == to) return;
  memory.copy(L.VCPU_AREA + from * L.VCPU_STRIDE, L.STATE, L.STATE_SIZE);
  memory.copy(L.STATE, L.VCPU_AREA + to * L.VCPU_STRIDE, L.STATE_SIZE);
  store<u32>(L.CURRENT_VCPU, to);
  checkContextEpoch();
}

/** A device has written to RAM: code that was decoded from there goes. */
export function memoryWritten(gpa: f64, size: u32): void {
  let at = <u64>gpa;
  let left = size;
  while (left) {
    const here = min<u32>(left, 0x1000 - (<u32>at & 0xfff));
    noteWrite(at, here);
    at += here;
    left -= here;
  }
}
