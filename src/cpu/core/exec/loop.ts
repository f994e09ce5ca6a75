import * as L from '../layout';
import { Block, droppedTimes, findBlock } from '../decode/blocks';
import { Prefix, Record } from '../decode/record';
import { acknowledgeInterrupt } from '../host';
import { updateContext } from '../mmu/spaces';
import { Flag, Mode, isLong, updateMode } from '../mode';
import { DEBUGCTL_BTF, Dr6, hasBreakpoints, instructionBreakpoints, raiseDebug } from '../system/debug';
import { Vector } from '../system/fault';
import { Source, interrupt } from '../system/transfer';
import { run } from './hot';

/** Why `execute` returned. */
export namespace Stop {
  /** The budget is used up. */
  export const SLICE: u32 = 0;
  /** In HLT, or waiting for SIPI. */
  export const HALTED: u32 = 1;
  export const SHUTDOWN: u32 = 2;
  /** PAUSE: another vCPU may have its turn. */
  export const YIELD: u32 = 3;
}

/** Makes the loop look at events before the next block. */
export function lookAround(): void {
  store<i32>(L.BUDGET_HELD, load<i32>(L.BUDGET_HELD) + load<i32>(L.BUDGET));
  store<i32>(L.BUDGET, 0);
}

let linkFrom: usize = 0;

/**
 * The branch at `op` wants to go straight to its successor the next time. Only within a page: its translation is known
 * to hold, and whoever throws the successor away finds the link by the page. So not from an instruction that reaches
 * into the next page: its block is on no page's list. Nor from a branch that cuts RIP to 16 bits in 64-bit mode: at
 * another linear address of the same code it goes elsewhere.
 * @returns whether that may be
 */
export function requestLink(op: usize, link: usize, target: u64): bool {
  if (load<u32>(L.MODE) & Mode.SINGLE) return false;
  if (isLong() && load<u8>(op, Record.SIZE) == 1) return false;
  const base: u64 = isLong() ? 0 : load<u64>(L.CS, L.SEGMENT_BASE);
  const from = load<u64>(L.BLOCK_RIP) + base;
  if ((from ^ (target + base)) >> 12) return false;
  if ((<u32>from & 0xfff) + load<u16>(op, Record.START) + load<u8>(op, Record.LENGTH) > 0x1000) return false;
  linkFrom = op + link;
  return true;
}

function link(from: usize, first: usize): void {
  const block = first - Block.HEADER;
  if (load<u32>(block, Block.CROSSING) || !load<u32>(block, Block.VALID)) return;
  store<u32>(from, <u32>first);
}

/**
 * Runs the vCPU whose state is in place until its budget is used up or it cannot go on. The host calls it again after
 * each unwinding.
 */
export function execute(): u32 {
  store<u32>(L.CURRENT_OP, 0);
  store<u32>(L.STEPPING, 0);
  linkFrom = 0;
  updateMode();
  updateContext();
  if (load<u32>(L.FAULT)) deliverFault();
  while (true) {
    if (load<i32>(L.BUDGET) <= 0) {
      store<i32>(L.BUDGET, load<i32>(L.BUDGET) + load<i32>(L.BUDGET_HELD));
      store<i32>(L.BUDGET_HELD, 0);
      const stop = attend();
      if (stop) return stop;
      if (load<i32>(L.BUDGET) <= 0) return Stop.SLICE;
    }
    const alone = load<u32>(L.ALONE) != 0;
    if (alone || load<u32>(L.SYSTEM_FLAGS) & (Flag.TF | Flag.RF) || load<u32>(L.SHADOW) || hasBreakpoints()) {
      if (runSingle(alone)) continue;
    }
    const from = linkFrom;
    linkFrom = 0;
    const dropped = droppedTimes;
    const first = findBlock();
    // With all blocks gone, something else lies where the branch was.
    if (from && dropped == droppedTimes) link(from, first);
    if (load<u32>(L.ICOUNT) & L.ICOUNT_EXACT && countOf(first) > load<i32>(L.BUDGET)) runSingle(true);
    else enter(first);
  }
}

/** Instructions of the block that begins with this record. */
@inline function countOf(first: usize): i32 { return <i32>load<u16>(first - (Block.HEADER - Block.COUNT)); }

@inline function enter(first: usize): void {
  store<i32>(L.BUDGET, load<i32>(L.BUDGET) - countOf(first));
  store<u64>(L.BLOCK_RIP, load<u64>(L.RIP));
  run(first);
  store<u32>(L.CURRENT_OP, 0);
}

/**
 * One instruction, with what single step, breakpoints and the interrupt shadow add to it.
 * @param alone even when there is nothing to add
 * @returns false when there was nothing to add
 */
function runSingle(alone: bool): bool {
  store<u32>(L.ALONE, 0);
  const flags = load<u32>(L.SYSTEM_FLAGS);
  const shadow = load<u32>(L.SHADOW);
  store<u32>(L.SYSTEM_FLAGS, flags & ~Flag.RF);
  if (!alone && !(flags & Flag.TF) && !shadow && !hasBreakpoints()) return false;
  const rip = load<u64>(L.RIP);
  store<u32>(L.SHADOW, 0);
  store<u32>(L.STEPPING, flags & Flag.TF);
  // What the loading of SS met is reported together with what comes now. Instruction breakpoints it holds back on
  // Intel's processors only.
  if (shadow != L.SHADOW_STACK) store<u32>(L.DEBUG_PENDING, 0);
  if (!(flags & Flag.RF)) {
    const met = instructionBreakpoints(isLong() ? rip : <u64>(<u32>rip + load<u32>(L.CS, L.SEGMENT_BASE)));
    if (met) raiseDebug(met);
  }
  store<u32>(L.MODE, load<u32>(L.MODE) | Mode.SINGLE);
  const first = findBlock();
  enter(first);
  linkFrom = 0;
  updateMode();
  // What was held back, and what this instruction may have made possible.
  lookAround();
  const stepping = load<u32>(L.STEPPING);
  store<u32>(L.STEPPING, 0);
  // A repeated string instruction that goes on: its breakpoint was met when it began.
  if (load<u64>(L.RIP) == rip && load<u8>(first, Record.PREFIXES) & (Prefix.REP | Prefix.REPNE)) {
    store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) | Flag.RF);
  }
  if (load<u32>(L.SHADOW) == L.SHADOW_STACK) return true;
  let met = load<u32>(L.DEBUG_PENDING);
  if (stepping && !stepsOverBranches(rip, first)) met |= Dr6.BS;
  if (met) raiseDebug(met);
  return true;
}

/** Whether DEBUGCTL.BTF lets the instruction at `rip` pass because it is no branch that was taken. */
function stepsOverBranches(rip: u64, record: usize): bool {
  if (!(load<u32>(L.MSR_DEBUGCTL) & DEBUGCTL_BTF)) return false;
  return load<u64>(L.RIP) == rip || load<u64>(L.RIP) == rip + load<u8>(record, Record.LENGTH);
}

/** Events, in the order of their priority. @returns a Stop, 0 to go on */
function attend(): u32 {
  const activity = load<u32>(L.ACTIVITY);
  if (activity == 3) return Stop.SHUTDOWN;
  if (activity == 2) return Stop.HALTED;
  let events = load<u32>(L.EVENTS);
  if (events && !load<u32>(L.SHADOW)) {
    if (events & L.EVENT_NMI && !load<u32>(L.NMI_BLOCKED)) {
      store<u32>(L.EVENTS, events & ~L.EVENT_NMI);
      store<u32>(L.ACTIVITY, 0);
      store<u32>(L.NMI_BLOCKED, 1);
      interrupt(Vector.NMI, Source.EVENT, false, 0);
      return 0;
    }
    if (events & L.EVENT_INTERRUPT && load<u32>(L.SYSTEM_FLAGS) & Flag.IF) {
      const vector = acknowledgeInterrupt();
      if (vector >= 0) {
        store<u32>(L.ACTIVITY, 0);
        interrupt(<u32>vector, Source.EVENT, false, 0);
        return 0;
      }
    }
  }
  if (load<u32>(L.ACTIVITY) == 1) return Stop.HALTED;
  events = load<u32>(L.EVENTS);
  if (events & L.EVENT_YIELD) {
    store<u32>(L.EVENTS, events & ~L.EVENT_YIELD);
    return Stop.YIELD;
  }
  return 0;
}

/** Classes of exceptions (Intel SDM vol. 3, table 6-4). */
const BENIGN: u32 = 1;
const CONTRIBUTORY: u32 = 2;
const PAGE_FAULT: u32 = 3;
const DOUBLE_FAULT: u32 = 4;

function classOf(vector: u32): u32 {
  switch (vector) {
    case Vector.DE: case Vector.TS: case Vector.NP: case Vector.SS: case Vector.GP: return CONTRIBUTORY;
    case Vector.PF: return PAGE_FAULT;
    case Vector.DF: return DOUBLE_FAULT;
    default: return BENIGN;
  }
}

/** An exception counts as an instruction: a guest whose handlers fault for ever gets to the end of its turn, too. */
function deliverFault(): void {
  if (load<i32>(L.BUDGET) > 0) store<i32>(L.BUDGET, load<i32>(L.BUDGET) - 1);
  let vector = load<u32>(L.FAULT) - 1;
  const counter: usize = L.EXCEPTIONS + ((vector & 31) << 3);
  store<u64>(counter, load<u64>(counter) + 1);
  let error = load<u32>(L.FAULT_ERROR);
  let hasError = load<u32>(L.FAULT_HAS_ERROR) != 0;
  let kind = classOf(vector);
  const before = load<u32>(L.DELIVERING);
  store<u32>(L.FAULT, 0);
  if (before == DOUBLE_FAULT) {
    store<u32>(L.ACTIVITY, 3);
    store<u32>(L.DELIVERING, 0);
    lookAround();
    return;
  }
  if (vector == Vector.PF) store<u64>(L.CR2, load<u64>(L.FAULT_ADDRESS));
  if (before == CONTRIBUTORY && kind == CONTRIBUTORY || before == PAGE_FAULT && kind >= CONTRIBUTORY) {
    vector = Vector.DF;
    error = 0;
    hasError = true;
    kind = DOUBLE_FAULT;
  }
  store<u32>(L.DELIVERING, kind);
  // Of a fault: the instruction is met by its breakpoint once only. #DB has it set where it is one.
  if (vector != Vector.DB) store<u32>(L.SYSTEM_FLAGS, load<u32>(L.SYSTEM_FLAGS) | Flag.RF);
  if (!(load<u64>(L.CR0) & 1)) hasError = false;
  interrupt(vector, Source.EVENT, hasError, error);
  store<u32>(L.DELIVERING, 0);
}
