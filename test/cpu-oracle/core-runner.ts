import { Core, type CoreImports } from '../../src/cpu/core-exports.js';
import * as L from '../../src/cpu/core/layout.js';
import { CORE_RESERVE } from '../../src/cpu/wasm-accelerator.js';
import {
  CODE,
  DONE,
  GATE,
  GATE32,
  HUNG,
  Outcome,
  SCRATCH,
  WINDOW,
  type CpuMode,
  type TestCase,
} from './layout.js';

const RAM = 4 << 20;
const PAGES = 0x200000;
const GDT = 0x208000;
const PAGE = 4096;
/** Bytes of the jump behind the instruction. */
const JUMP = 5;

/** A host without devices. */
export const IDLE_IMPORTS: CoreImports = {
  pioRead: () => 0,
  pioWrite: () => undefined,
  mmioRead: () => 0,
  mmioWrite: () => undefined,
  mmioReadHigh: () => 0,
  mmioWriteHigh: () => undefined,
  apicRead: () => 0,
  apicWrite: () => undefined,
  readCr8: () => 0,
  writeCr8: () => undefined,
  acknowledgeInterrupt: () => -1,
  cpuid: () => undefined,
  readMsr: () => 0,
  writeMsr: () => 0,
  readTsc: () => 0,
  random: () => 0,
  hypercall: () => undefined,
};

const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;

/** As Linux has it: selectors 23 and 33 for code of 32 and 64 bits, 2B for data. */
const DESCRIPTORS: readonly (readonly [number, bigint])[] = [
  [1, 0x00cf_9b00_0000_ffffn],
  [2, 0x00af_9b00_0000_ffffn],
  [3, 0x00cf_9300_0000_ffffn],
  [4, 0x00cf_fb00_0000_ffffn],
  [5, 0x00cf_f300_0000_ffffn],
  [6, 0x00af_fb00_0000_ffffn],
];
const NO_EXECUTE = 1n << 63n;
const GDT_LIMIT = 16 * 8 - 1;
const NULL_SELECTORS = 0;
const FLAT_DATA = 0xc0f3;
const CODE64 = 0xa0fb;
const CODE32 = 0xc0fb;

/** Where each word of an XMM register lies in the state that the core keeps, by its place in FXSAVE's image. */
const XMM = 160;

/** Executes single instructions in the core, as user code that owns two pages, the code's being read-only. */
export class CoreRunner {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  private readonly words: Uint32Array;
  private readonly core: Core;
  private readonly outcome = new Outcome();
  private readonly segments: readonly [Uint8Array, Uint8Array];
  private length = 16;

  /** @param cr0 by default as Linux has it */
  constructor(cr0 = 0x8005_0033n, cr4 = 0x50620n) {
    const pages = (CORE_RESERVE + RAM) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.view = new DataView(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.core = new Core(memory, IDLE_IMPORTS);
    this.core.exports.initialize(RAM);
    this.segments = [this.segmentsFor(0), this.segmentsFor(1)];
    this.setUp(cr0, cr4);
    this.bytes.fill(0xcc, CORE_RESERVE + CODE, CORE_RESERVE + CODE + PAGE);
  }

  /** @returns what became of it, valid until the next call */
  run(test: TestCase): Outcome {
    const { view, outcome } = this;
    this.loadCode(test);
    this.loadState(test);
    view.setInt32(L.BUDGET, 100_000, true);
    view.setInt32(L.BUDGET_HELD, 0, true);
    view.setUint32(L.FAULT, 0, true);
    view.setUint32(L.DELIVERING, 0, true);
    outcome.state.cr2 = 0n;
    const ended = this.runToException();
    outcome.vector = ended ? view.getUint32(L.FAULT, true) - 1 : HUNG;
    outcome.error = view.getUint32(L.FAULT_HAS_ERROR, true) ? view.getUint32(L.FAULT_ERROR, true) : 0;
    this.readState();
    this.interpret(test);
    return outcome;
  }

  /** The record that the case's instruction was decoded into: operation, form, size. */
  lastRecord(): { operation: number; form: number; size: number } {
    const entry = L.JUMP_CACHE + (((CODE ^ (CODE >> 12)) & (L.JUMP_ENTRIES - 1)) << 4);
    const record = this.view.getUint32(entry + 12, true);
    return {
      operation: this.view.getUint16(record + 32, true),
      form: this.view.getUint8(record + 34),
      size: this.view.getUint8(record + 35),
    };
  }

  /** A copy of the core's state. */
  table(at: number, length: number): Uint8Array {
    return this.bytes.slice(at, at + length);
  }

  /** Nearly everything ends in one. PAUSE stops for another vCPU before. @returns false for a loop without an end */
  private runToException(): boolean {
    for (let turn = 0; turn < 2; turn++) {
      try {
        this.core.exports.execute();
      } catch (thrown) {
        if (typeof thrown !== 'symbol') throw thrown;
        return true;
      }
    }
    return false;
  }

  /** Puts what ends a case into the words of native.c. */
  private interpret(test: TestCase): void {
    const { outcome } = this;
    const { state } = outcome;
    const rip = state.rip;
    if (outcome.vector === PAGE_FAULT) {
      state.cr2 = this.view.getBigUint64(L.FAULT_ADDRESS, true);
      if (state.cr2 === rip && (rip === BigInt(GATE) || rip === BigInt(GATE32))) {
        outcome.vector = DONE;
        outcome.error = 0;
        state.cr2 = 0n;
      }
      return;
    }
    // There is no IDT: the traps that user code may raise end in #GP for their gate.
    const trap = outcome.vector === GENERAL_PROTECTION ? [0x1a, 0x22].indexOf(outcome.error) + 3 : 0;
    if (trap < 3) return;
    const own = rip === BigInt(CODE);
    state.rip = rip + BigInt(own ? test.length : 1);
    outcome.vector = trap;
    outcome.error = 0;
  }

  private setUp(cr0: bigint, cr4: bigint): void {
    const { view } = this;
    const ram = (gpa: number, value: bigint): void => view.setBigUint64(CORE_RESERVE + gpa, value, true);
    ram(PAGES, BigInt(PAGES + 0x1000) | 7n);
    ram(PAGES + 0x1000, BigInt(PAGES + 0x2000) | 7n);
    ram(PAGES + 0x2000, BigInt(PAGES + 0x3000) | 7n);
    ram(PAGES + 0x3000 + (CODE >> 12) * 8, BigInt(CODE) | 5n);
    ram(PAGES + 0x3000 + (SCRATCH >> 12) * 8, BigInt(SCRATCH) | 7n | NO_EXECUTE);
    // For the supervisor only.
    ram(PAGES + 0x2008, BigInt(PAGES + 0x4000) | 7n);
    ram(PAGES + 0x4000 + ((GDT - PAGES) >> 12) * 8, BigInt(GDT) | 3n);
    for (const [index, descriptor] of DESCRIPTORS) ram(GDT + index * 8, descriptor);
    view.setBigUint64(L.GDT_BASE, BigInt(GDT), true);
    view.setUint32(L.GDT_LIMIT, GDT_LIMIT, true);
    view.setBigUint64(L.CR0, cr0, true);
    view.setBigUint64(L.CR3, BigInt(PAGES), true);
    view.setBigUint64(L.CR4, cr4, true);
    view.setBigUint64(L.EFER, 0xd01n, true);
    view.setBigUint64(L.XCR0, 3n, true);
    view.setUint32(L.CPL, 3, true);
    view.setBigUint64(L.APIC_PAGE, 0xffff_ffff_ffff_ffffn, true);
    this.bytes.set(this.segments[0], L.SEGMENTS);
    this.core.exports.stateChanged();
  }

  private segmentsFor(mode: CpuMode): Uint8Array {
    const bytes = new Uint8Array(6 * L.SEGMENT_SIZE);
    const view = new DataView(bytes.buffer);
    const data = mode === 1 ? 0x2b : NULL_SELECTORS;
    const segments: readonly (readonly [number, number, number])[] = [
      [L.ES, data, FLAT_DATA],
      [L.CS, mode === 1 ? 0x23 : 0x33, mode === 1 ? CODE32 : CODE64],
      [L.SS, 0x2b, FLAT_DATA],
      [L.DS, data, FLAT_DATA],
      [L.FS, NULL_SELECTORS, FLAT_DATA],
      [L.GS, NULL_SELECTORS, FLAT_DATA],
    ];
    for (const [segment, selector, attributes] of segments) {
      const at = segment - L.SEGMENTS;
      view.setUint16(at + L.SEGMENT_SELECTOR, selector, true);
      view.setUint32(at + L.SEGMENT_LIMIT, 0xffff_ffff, true);
      view.setUint32(at + L.SEGMENT_ATTRIBUTES, attributes, true);
      view.setUint32(at + L.SEGMENT_UNUSABLE, selector === NULL_SELECTORS ? 1 : 0, true);
      if (segment >= L.FS) view.setBigUint64(at + L.SEGMENT_BASE, BigInt(SCRATCH), true);
    }
    return bytes;
  }

  private loadCode(test: TestCase): void {
    const { view, bytes } = this;
    const at = CORE_RESERVE + CODE;
    const { length } = test;
    bytes.fill(0xcc, at, at + this.length + JUMP);
    bytes.set(test.code, at);
    bytes[at + length] = 0xe9;
    view.setInt32(at + length + 1, (test.mode === 1 ? GATE32 : GATE) - (CODE + length + JUMP), true);
    this.core.exports.memoryWritten(CODE, Math.max(length, this.length) + JUMP);
    this.length = length;
    bytes.set(test.state.memory, CORE_RESERVE + SCRATCH);
    bytes.fill(0, CORE_RESERVE + SCRATCH + WINDOW, CORE_RESERVE + SCRATCH + PAGE);
  }

  private loadState({ state, mode }: TestCase): void {
    const { view, words } = this;
    words.set(state.gpr, L.REGS >> 2);
    this.bytes.set(this.segments[mode], L.SEGMENTS);
    view.setBigUint64(L.RIP, BigInt(CODE), true);
    this.core.exports.writeFlags(state.rflags);
    const { fx } = state;
    view.setUint32(L.X87_CONTROL, fx.getUint16(0, true), true);
    const status = fx.getUint16(2, true);
    const top = (status >> 11) & 7;
    view.setUint32(L.X87_STATUS, status & ~0x3800, true);
    view.setUint32(L.X87_TOP, top, true);
    view.setUint32(L.X87_TAGS, fx.getUint8(4), true);
    view.setUint32(L.X87_OPCODE, fx.getUint16(6, true), true);
    view.setBigUint64(L.X87_IP, fx.getBigUint64(8, true), true);
    view.setBigUint64(L.X87_DP, fx.getBigUint64(16, true), true);
    view.setUint32(L.X87_CS, 0, true);
    view.setUint32(L.X87_DS, 0, true);
    view.setUint32(L.MXCSR, fx.getUint32(24, true), true);
    for (let i = 0; i < 8; i++) {
      const register = L.X87 + ((top + i) & 7) * 16;
      for (let byte = 0; byte < 16; byte += 4)
        view.setUint32(register + byte, fx.getUint32(32 + i * 16 + byte, true), true);
    }
    for (let i = 0; i < 16; i++) {
      const register = L.VECTORS + i * L.VECTOR_SIZE;
      for (let byte = 0; byte < 16; byte += 4)
        view.setUint32(register + byte, fx.getUint32(XMM + i * 16 + byte, true), true);
    }
  }

  private readState(): void {
    const { view, words, bytes } = this;
    const { state } = this.outcome;
    const { fx } = state;
    const top = view.getUint32(L.X87_TOP, true);
    const status = view.getUint32(L.X87_STATUS, true);
    state.gpr.set(words.subarray(L.REGS >> 2, (L.REGS >> 2) + 32));
    state.rip = view.getBigUint64(L.RIP, true);
    state.rflags = this.core.exports.readFlags() >>> 0;
    [L.ES, L.DS, L.FS, L.GS].forEach((segment, i) => {
      state.selectors[i] = view.getUint16(segment + L.SEGMENT_SELECTOR, true);
    });
    fx.setUint16(0, view.getUint32(L.X87_CONTROL, true), true);
    fx.setUint16(2, status | (top << 11), true);
    fx.setUint8(4, view.getUint32(L.X87_TAGS, true));
    // As AMD's processors save them: only with an unmasked exception pending.
    const pending = (status & 0x80) !== 0;
    fx.setUint16(6, pending ? view.getUint32(L.X87_OPCODE, true) : 0, true);
    fx.setBigUint64(8, pending ? view.getBigUint64(L.X87_IP, true) : 0n, true);
    fx.setBigUint64(16, pending ? view.getBigUint64(L.X87_DP, true) : 0n, true);
    fx.setUint32(24, view.getUint32(L.MXCSR, true), true);
    for (let i = 0; i < 8; i++) {
      const register = L.X87 + ((top + i) & 7) * 16;
      for (let byte = 0; byte < 8; byte += 4)
        fx.setUint32(32 + i * 16 + byte, view.getUint32(register + byte, true), true);
      fx.setUint16(40 + i * 16, view.getUint16(register + 8, true), true);
    }
    for (let i = 0; i < 16; i++) {
      const register = L.VECTORS + i * L.VECTOR_SIZE;
      for (let byte = 0; byte < 16; byte += 4)
        fx.setUint32(XMM + i * 16 + byte, view.getUint32(register + byte, true), true);
    }
    state.memory.set(bytes.subarray(CORE_RESERVE + SCRATCH, CORE_RESERVE + SCRATCH + WINDOW));
  }
}
