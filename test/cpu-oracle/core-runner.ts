import { Core, type CoreImports } from '../../src/cpu/core-exports.js';
import * as L from '../../src/cpu/core/layout.js';
import { CORE_RESERVE } from '../../src/cpu/wasm-accelerator.js';
import { CODE, SCRATCH, WINDOW, type MachineState, type Outcome, type TestCase } from './layout.js';

const RAM = 4 << 20;
const PAGES = 0x200000;

/** A host without devices. */
export const IDLE_IMPORTS: CoreImports = {
  pioRead: () => 0,
  pioWrite: () => undefined,
  mmioRead: () => 0,
  mmioWrite: () => undefined,
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

const segments: readonly (readonly [number, number, number])[] = [
  [L.ES, 0x2b, 0xc0f3],
  [L.CS, 0x33, 0xa0fb],
  [L.SS, 0x2b, 0xc0f3],
  [L.DS, 0x2b, 0xc0f3],
  [L.FS, 0, 0xc0f3],
  [L.GS, 0, 0xc0f3],
];

/** Executes single instructions in the core, as user code in 64-bit mode with two pages. */
export class CoreRunner {
  private readonly view: DataView;
  private readonly core: Core;

  /** @param cr0 by default as Linux has it */
  constructor(cr0 = 0x8005_0033n) {
    const pages = (CORE_RESERVE + RAM) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.view = new DataView(memory.buffer);
    this.core = new Core(memory, IDLE_IMPORTS);
    this.core.exports.initialize(RAM);
    this.setUp(cr0);
  }

  run({ code, state }: TestCase): Outcome {
    const { view } = this;
    this.loadState(state);
    const at = CORE_RESERVE + CODE;
    const ram = new Uint8Array(view.buffer);
    ram.fill(0xcc, at, at + 4096);
    ram.set(code, at);
    this.core.exports.memoryWritten(CODE, 4096);
    ram.fill(0, CORE_RESERVE + SCRATCH, CORE_RESERVE + SCRATCH + 4096);
    ram.set(state.memory, CORE_RESERVE + SCRATCH);
    view.setInt32(L.BUDGET, 1_000_000, true);
    view.setInt32(L.BUDGET_HELD, 0, true);
    view.setUint32(L.FAULT, 0, true);
    view.setUint32(L.DELIVERING, 0, true);
    let vector = -1;
    let error = 0;
    try {
      this.core.exports.execute();
    } catch (thrown) {
      if (typeof thrown !== 'symbol') throw thrown;
      vector = view.getUint32(L.FAULT, true) - 1;
      error = view.getUint32(L.FAULT_ERROR, true);
    }
    const result = this.readState();
    // There is no IDT: INT3 ends in #GP for its gate.
    if (vector === 13 && error === 3 * 8 + 2) {
      // An instruction that wrote into its own code may have put prefixes before it.
      let end = Number(result.rip);
      while (ram[CORE_RESERVE + end] !== 0xcc) end++;
      result.rip = BigInt(end + 1);
      return { vector: 3, error: 0, state: result };
    }
    return { vector, error, state: result };
  }

  private setUp(cr0: bigint): void {
    const { view } = this;
    const ram = (gpa: number, value: bigint): void => view.setBigUint64(CORE_RESERVE + gpa, value, true);
    ram(PAGES, BigInt(PAGES + 0x1000) | 7n);
    ram(PAGES + 0x1000, BigInt(PAGES + 0x2000) | 7n);
    ram(PAGES + 0x2000, BigInt(PAGES + 0x3000) | 7n);
    for (const page of [CODE, SCRATCH]) ram(PAGES + 0x3000 + (page >> 12) * 8, BigInt(page) | 7n);
    view.setBigUint64(L.CR0, cr0, true);
    view.setBigUint64(L.CR3, BigInt(PAGES), true);
    view.setBigUint64(L.CR4, 0x50620n, true);
    view.setBigUint64(L.EFER, 0xd01n, true);
    view.setBigUint64(L.XCR0, 3n, true);
    view.setUint32(L.CPL, 3, true);
    for (const [segment, selector, attributes] of segments) {
      view.setUint16(segment + L.SEGMENT_SELECTOR, selector, true);
      view.setUint32(segment + L.SEGMENT_LIMIT, 0xffff_ffff, true);
      view.setUint32(segment + L.SEGMENT_ATTRIBUTES, attributes, true);
    }
    view.setBigUint64(L.APIC_PAGE, 0xffff_ffff_ffff_ffffn, true);
    this.core.exports.stateChanged();
  }

  private loadState(state: MachineState): void {
    const { view } = this;
    state.gpr.forEach((value, i) => view.setBigUint64(L.REGS + i * 8, value, true));
    view.setBigUint64(L.RIP, BigInt(CODE), true);
    this.core.exports.writeFlags(Number(state.rflags));
    const fx = new DataView(state.fxsave.buffer, state.fxsave.byteOffset, 512);
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
      view.setBigUint64(register, fx.getBigUint64(32 + i * 16, true), true);
      view.setUint16(register + 8, fx.getUint16(40 + i * 16, true), true);
    }
    for (let i = 0; i < 16; i++) {
      for (const half of [0, 8])
        view.setBigUint64(
          L.VECTORS + i * L.VECTOR_SIZE + half,
          fx.getBigUint64(160 + i * 16 + half, true),
          true,
        );
    }
  }

  private readState(): MachineState {
    const { view } = this;
    const fxsave = new Uint8Array(512);
    const fx = new DataView(fxsave.buffer);
    const top = view.getUint32(L.X87_TOP, true);
    fx.setUint16(0, view.getUint32(L.X87_CONTROL, true), true);
    fx.setUint16(2, view.getUint32(L.X87_STATUS, true) | (top << 11), true);
    fx.setUint8(4, view.getUint32(L.X87_TAGS, true));
    // As AMD's processors save them: only with an unmasked exception pending.
    if (view.getUint32(L.X87_STATUS, true) & 0x80) {
      fx.setUint16(6, view.getUint32(L.X87_OPCODE, true), true);
      fx.setBigUint64(8, view.getBigUint64(L.X87_IP, true), true);
      fx.setBigUint64(16, view.getBigUint64(L.X87_DP, true), true);
    }
    fx.setUint32(24, view.getUint32(L.MXCSR, true), true);
    for (let i = 0; i < 8; i++) {
      const register = L.X87 + ((top + i) & 7) * 16;
      fx.setBigUint64(32 + i * 16, view.getBigUint64(register, true), true);
      fx.setUint16(40 + i * 16, view.getUint16(register + 8, true), true);
    }
    for (let i = 0; i < 16; i++) {
      for (const half of [0, 8])
        fx.setBigUint64(
          160 + i * 16 + half,
          view.getBigUint64(L.VECTORS + i * L.VECTOR_SIZE + half, true),
          true,
        );
    }
    return {
      gpr: Array.from({ length: 16 }, (_, i) => view.getBigUint64(L.REGS + i * 8, true)),
      rip: view.getBigUint64(L.RIP, true),
      rflags: BigInt(this.core.exports.readFlags() >>> 0),
      fxsave,
      memory: new Uint8Array(view.buffer).slice(CORE_RESERVE + SCRATCH, CORE_RESERVE + SCRATCH + WINDOW),
    };
  }
}
