import {
  generalRegisters,
  type GeneralRegisters,
  type Segment,
  type SystemRegisters,
  type VcpuState,
} from '../../../../src/vmm/vcpu-state.js';
import { assemble } from './assemble.js';
import { TestMachine } from './machine.js';

/** Where a guest's things lie. */
export const Place = {
  PAGE_TABLES: 0x1000,
  IDT: 0x4000,
  GDT: 0x5000,
  TSS: 0x6000,
  /** `out (0x40 + vector), al; hlt`: what each vector leads to unless the source has a handler for it. */
  STUBS: 0x9000,
  LDT: 0xa000,
  /** A second task's. */
  TSS2: 0xb000,
  /** Tops of the stacks of level 0, level 3 and the second task. */
  STACK0: 0x2_0000,
  STACK3: 0x3_0000,
  STACK2: 0x4_0000,
  REAL_CODE: 0x8000,
  CODE: 0x10_0000,
} as const;

/** Selectors in the GDT that each guest has. CODE and DATA are 64-bit in long mode, else 32-bit. */
export const Selector = {
  CODE0: 0x10,
  DATA0: 0x18,
  TSS: 0x20,
  CODE3: 0x33,
  DATA3: 0x3b,
  CODE16: 0x40,
  DATA16: 0x48,
  /** 32-bit code of level 3, in long mode of compatibility mode. */
  COMPAT3: 0x53,
  /** 32-bit code of level 0. */
  COMPAT0: 0x58,
  LDT: 0x60,
  TSS2: 0x70,
  TASK_GATE: 0x78,
  /** From here on a test's own. */
  FREE: 0x80,
} as const;

/** Access bytes of descriptors. */
export const Access = {
  CODE: 0x9b,
  DATA: 0x93,
  LDT: 0x82,
  TSS16: 0x81,
  TSS32: 0x89,
  BUSY: 2,
  CALL_GATE16: 0x84,
  TASK_GATE: 0x85,
  CALL_GATE32: 0x8c,
  LEVEL3: 0x60,
} as const;

export const Flags = { LONG: 2, BIG: 4, GRANULAR: 8 } as const;

/** A segment or system descriptor (Intel SDM vol. 3, figure 3-8). @param flags the upper nibble of byte 6 */
export function descriptor(base: number, limit: number, access: number, flags = 0): bigint {
  return (
    BigInt(limit & 0xffff) |
    (BigInt(base & 0xff_ffff) << 16n) |
    (BigInt(access) << 40n) |
    (BigInt((limit >>> 16) & 15) << 48n) |
    (BigInt(flags) << 52n) |
    (BigInt(base >>> 24) << 56n)
  );
}

/** A gate's lower eight bytes. @param count parameters, or the interrupt stack */
export function gate(selector: number, offset: number, access: number, count = 0): bigint {
  return (
    BigInt(offset & 0xffff) |
    (BigInt(selector) << 16n) |
    (BigInt(count) << 32n) |
    (BigInt(access) << 40n) |
    (BigInt(offset >>> 16) << 48n)
  );
}

/** An exception or interrupt as the handler finds it. */
export interface Trap {
  readonly vector: number;
  readonly error: number | undefined;
  readonly rip: number;
  readonly cs: number;
  readonly rflags: number;
  /** What was pushed of the interrupted stack; meaningless when nothing was. */
  readonly rsp: number;
  readonly ss: number;
  /** The handler's own registers. */
  readonly state: VcpuState;
}

const PUSHES_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);

const segment = (selector: number, attributes: number, limit = 0xffff_ffff, base = 0): Segment => ({
  selector,
  base: BigInt(base),
  limit,
  attributes,
  unusable: false,
});

export interface GuestOptions {
  readonly mode: 'long' | 'protected' | 'real' | 'vm86';
  /** Where the code starts: 0 by default; 3 runs it at level 3. */
  readonly level?: 0 | 3;
  readonly registers?: Partial<GeneralRegisters>;
  readonly system?: Partial<SystemRegisters>;
  /** GDT entries by selector. */
  readonly gdt?: Readonly<Record<number, bigint>>;
  /** IDT gates by vector (outside long mode), instead of the interrupt gates. */
  readonly idt?: Readonly<Record<number, bigint>>;
  /** Before it runs. */
  readonly prepare?: (guest: Guest) => void;
}

/**
 * A machine whose vCPU runs assembled code with tables around it: a GDT, an IDT, a TSS with an I/O map that allows all
 * ports. Labels `handler_N` in the source are the handlers of vectors; other vectors end the run. The macro `exit`
 * ends it with AL; `note` records EAX.
 */
export class Guest extends TestMachine {
  /** The exceptions and interrupts that the source has no handler for: at most one. */
  trap: Trap | undefined;
  readonly notes: number[] = [];

  constructor(source: string, options: GuestOptions) {
    super();
    const { mode } = options;
    this.mode = mode;
    const real = mode === 'real' || mode === 'vm86';
    const origin = real ? Place.REAL_CODE : Place.CODE;
    const handlers = [...source.matchAll(/^\s*handler_(\d+):/gm)].map(match => Number(match[1]));
    const width = { long: '.code64', protected: '.code32', real: '.code16', vm86: '.code16' }[mode];
    const macros = '.macro exit\n out 0xf4, al\n 99: jmp 99b\n.endm\n.macro note\n out 0xe0, eax\n.endm\n';
    const table = handlers.map(vector => `.long handler_${String(vector)}`).join('\n');
    const bytes = assemble(`${width}\n${macros}${source}\n.balign 4\n${table}`, origin);
    this.memory.write(origin, bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4 * handlers.length);
    const entries = new Map(handlers.map((vector, i) => [vector, view.getUint32(4 * i, true)]));
    this.writeStubs();
    this.writeGdt(options);
    this.writeIdt(options, entries);
    this.writeTss();
    this.vm.vcpus[0].setState({ ...this.initialState(options, origin), activity: 'running' });
    options.prepare?.(this);
    this.ports.set(0xe0, (_, value) => void this.notes.push((value ?? 0) >>> 0));
  }

  private readonly mode: GuestOptions['mode'];

  get state(): VcpuState {
    return this.vm.vcpus[0].getState();
  }

  /** Runs until it exits, traps or halts. @returns this */
  finish(): this {
    this.run(2000);
    return this;
  }

  private writeStubs(): void {
    for (let vector = 0; vector < 0x60; vector++) {
      this.memory.write(Place.STUBS + 16 * vector, Uint8Array.of(0xe6, 0x40 + vector, 0xf4, 0xeb, 0xfd));
      this.ports.set(0x40 + vector, () => this.caught(vector));
    }
  }

  private writeGdt({ mode, gdt = {} }: GuestOptions): void {
    const { memory } = this;
    const code = mode === 'long' ? Flags.LONG : Flags.BIG;
    const entries: Record<number, bigint> = {
      [Selector.CODE0]: descriptor(0, 0xf_ffff, Access.CODE, code | Flags.GRANULAR),
      [Selector.DATA0]: descriptor(0, 0xf_ffff, Access.DATA, Flags.BIG | Flags.GRANULAR),
      [Selector.TSS]: descriptor(Place.TSS, 0x2088, Access.TSS32 | Access.BUSY),
      [Selector.CODE3]: descriptor(0, 0xf_ffff, Access.CODE | Access.LEVEL3, code | Flags.GRANULAR),
      [Selector.DATA3]: descriptor(0, 0xf_ffff, Access.DATA | Access.LEVEL3, Flags.BIG | Flags.GRANULAR),
      [Selector.CODE16]: descriptor(0, 0xffff, Access.CODE),
      [Selector.DATA16]: descriptor(0, 0xffff, Access.DATA),
      [Selector.COMPAT3]: descriptor(0, 0xf_ffff, Access.CODE | Access.LEVEL3, Flags.BIG | Flags.GRANULAR),
      [Selector.COMPAT0]: descriptor(0, 0xf_ffff, Access.CODE, Flags.BIG | Flags.GRANULAR),
      ...gdt,
    };
    for (const [selector, value] of Object.entries(entries)) {
      memory.write64(Place.GDT + (Number(selector) & ~7), value);
    }
  }

  private writeIdt({ mode, idt = {} }: GuestOptions, handlers: ReadonlyMap<number, number>): void {
    const { memory } = this;
    for (let vector = 0; vector < 0x60; vector++) {
      const entry = handlers.get(vector) ?? Place.STUBS + 16 * vector;
      if (mode === 'real') memory.write32(4 * vector, entry);
      else if (mode === 'long') memory.write64(Place.IDT + 16 * vector, gate(Selector.CODE0, entry, 0xee));
      else memory.write64(Place.IDT + 8 * vector, idt[vector] ?? gate(Selector.CODE0, entry, 0xee));
    }
  }

  /** The 32 bytes before the I/O map are the redirection bitmap of virtual-8086 mode: all to the monitor. */
  private writeTss(): void {
    const { memory } = this;
    if (this.mode === 'long') {
      memory.write64(Place.TSS + 4, BigInt(Place.STACK0));
    } else {
      memory.write32(Place.TSS + 4, Place.STACK0);
      memory.write32(Place.TSS + 8, Selector.DATA0);
    }
    memory.write16(Place.TSS + 102, 0x88);
    memory.write(Place.TSS + 0x68, new Uint8Array(32).fill(0xff));
    memory.write8(Place.TSS + 0x2088, 0xff);
  }

  private initialState(
    { mode, level = 0, registers, system }: GuestOptions,
    origin: number,
  ): Pick<VcpuState, 'registers' | 'system'> {
    const { memory } = this;
    const user = level === 3;
    if (mode === 'long') {
      memory.write64(Place.PAGE_TABLES, BigInt(Place.PAGE_TABLES + 0x1007));
      for (let i = 0; i < 4; i++) {
        memory.write64(Place.PAGE_TABLES + 0x1000 + i * 8, (BigInt(i) << 30n) | 0x87n);
      }
    }
    const wide = mode === 'long' ? 0xa000 : 0xc000;
    const level3 = user ? Access.LEVEL3 : 0;
    const real = mode === 'real' || mode === 'vm86';
    const data = real
      ? segment(0, mode === 'vm86' ? 0xf3 : 0x93, 0xffff)
      : segment(user ? Selector.DATA3 : Selector.DATA0, 0xc000 | Access.DATA | level3);
    const code = real
      ? segment(0, mode === 'vm86' ? 0xf3 : 0x9b, 0xffff)
      : segment(user ? Selector.CODE3 : Selector.CODE0, wide | Access.CODE | level3);
    const stack = real ? 0x7000 : user ? Place.STACK3 : Place.STACK0;
    return {
      registers: generalRegisters({
        rip: BigInt(origin),
        rsp: BigInt(stack),
        rflags: mode === 'vm86' ? 0x20002n : 2n,
        ...registers,
      }),
      system: {
        cs: code,
        ds: data,
        es: data,
        ss: data,
        fs: data,
        gs: data,
        tr: segment(Selector.TSS, 0x8b, 0x2088, Place.TSS),
        ldt: { ...segment(0, 0x82, 0), unusable: true },
        gdt: { base: BigInt(Place.GDT), limit: 0xfff },
        idt: mode === 'real' ? { base: 0n, limit: 0x3ff } : { base: BigInt(Place.IDT), limit: 0xfff },
        cr0: mode === 'long' ? 0x8000_0011n : mode === 'real' ? 0x10n : 0x11n,
        cr2: 0n,
        cr3: mode === 'long' ? BigInt(Place.PAGE_TABLES) : 0n,
        cr4: mode === 'long' ? 0x20n : 0n,
        cr8: 0n,
        efer: mode === 'long' ? 0x500n : 0n,
        apicBase: 0xfee0_0900n,
        ...system,
      },
    };
  }

  /** Reads the frame of the exception whose stub runs now. */
  private caught(vector: number): void {
    const { state } = this;
    const { memory, mode } = this;
    const step = mode === 'long' ? 8 : mode === 'real' ? 2 : 4;
    const word = (at: number): number =>
      step === 8 ? Number(memory.read64(at)) : step === 4 ? memory.read32(at) : memory.read16(at);
    let at = Number(state.system.ss.base + state.registers.rsp);
    let error: number | undefined;
    if (mode !== 'real' && PUSHES_ERROR.has(vector)) {
      error = word(at);
      at += step;
    }
    const frame = [0, 1, 2, 3, 4].map(i => word(at + i * step));
    const [rip, cs, rflags, rsp, ss] = frame;
    this.trap = { vector, error, rip, cs, rflags, rsp, ss, state };
    this.exitCode = undefined;
    this.doorbell.raise();
  }
}
