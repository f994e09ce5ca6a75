import { ConfigError } from '../errors.js';
import { STATE_MSRS } from '../vmm/state-msrs.js';
import type { FrameState, VcpuPort } from '../vmm/accelerator.js';
import {
  GENERAL_REGISTERS,
  type DescriptorTable,
  type GeneralRegisters,
  type Segment,
  type SystemRegisters,
  type VcpuActivity,
  type VcpuState,
} from '../vmm/vcpu-state.js';
import * as L from './core/layout.js';
import type { Core } from './core-exports.js';
import { APIC_BASE_BSP, type LocalApic } from './apic/local-apic.js';
import type { Msrs } from './msrs.js';
import { VcpuFields } from './vcpu-fields.js';
import { loadExtended, saveExtended } from './xsave-area.js';

const RFLAGS_IF = 0x200;
const EFER_LMA = 1n << 10n;
/** L of a code segment's attributes. */
const SEGMENT_LONG = 1 << 13;

/** Values of ACTIVITY. */
export const Activity = { RUNNING: 0, HALTED: 1, WAITING_FOR_SIPI: 2, SHUTDOWN: 3 } as const;

const SEGMENT_FIELDS = {
  es: L.ES,
  cs: L.CS,
  ss: L.SS,
  ds: L.DS,
  fs: L.FS,
  gs: L.GS,
  ldt: L.LDTR,
  tr: L.TR,
} as const;

/** CR0 after power-on: caches off, extension type (Intel SDM vol. 3, table 9-1). */
const RESET_CR0 = 0x6000_0010n;
/** CD and NW. */
const CR0_CACHE_CONTROL = 0x6000_0000n;
const RESET_XCR0 = 1n;
const RESET_MXCSR = 0x1f80;
const RESET_X87_CONTROL = 0x37f;

/** Model-specific registers that execution itself uses, and where they lie. */
const CORE_MSRS: ReadonlyMap<number, number> = new Map([
  [STATE_MSRS.IA32_SYSENTER_CS, L.MSR_SYSENTER_CS],
  [STATE_MSRS.IA32_SYSENTER_ESP, L.MSR_SYSENTER_ESP],
  [STATE_MSRS.IA32_SYSENTER_EIP, L.MSR_SYSENTER_EIP],
  [STATE_MSRS.STAR, L.MSR_STAR],
  [STATE_MSRS.LSTAR, L.MSR_LSTAR],
  [STATE_MSRS.CSTAR, L.MSR_CSTAR],
  [STATE_MSRS.SFMASK, L.MSR_SFMASK],
  [STATE_MSRS.KERNEL_GS_BASE, L.MSR_KERNEL_GS_BASE],
  [STATE_MSRS.TSC_AUX, L.MSR_TSC_AUX],
]);

/** What INIT leaves as it is (table 9-1): XCR0, model-specific registers, MXCSR, x87 and vector registers. */
const KEPT_BY_INIT = [
  [L.XCR0, L.XCR0 + 8],
  [L.MSR_STAR, L.MXCSR + 4],
  [L.X87, L.X87_DS + 4],
  [L.VECTORS, L.VECTOR_TEMP],
] as const;

/** One virtual CPU: its registers in the shared memory and its local APIC. */
export class WasmVcpu implements VcpuPort {
  readonly fields: VcpuFields;
  /** Model-specific registers that the core does not have. */
  readonly msrs: Msrs;

  constructor(
    view: DataView,
    readonly index: number,
    readonly apic: LocalApic,
    private readonly core: Core,
    /** Puts this vCPU's state in place, so that the core's own functions work on it. */
    private readonly bringIn: () => void,
    msrsOf: (vcpu: WasmVcpu) => Msrs,
  ) {
    this.fields = new VcpuFields(view, index);
    this.msrs = msrsOf(this);
  }

  /** Power-on. */
  reset(): void {
    const { fields } = this;
    this.bringIn();
    fields.clear();
    fields.set64(L.XCR0, RESET_XCR0);
    fields.set32(L.MXCSR, RESET_MXCSR);
    fields.set32(L.X87_CONTROL, RESET_X87_CONTROL);
    this.restart(RESET_CR0);
  }

  /** INIT: all but the first processor wait for a start-up message then. */
  initialize(): void {
    const { fields } = this;
    this.apic.reset();
    this.bringIn();
    const cacheControl = fields.get64(L.CR0) & CR0_CACHE_CONTROL;
    const kept = KEPT_BY_INIT.map(([from, to]) => fields.bytes(from, to).slice());
    fields.clear();
    KEPT_BY_INIT.forEach(([from, to], i) => fields.bytes(from, to).set(kept[i]));
    this.restart((RESET_CR0 & ~CR0_CACHE_CONTROL) | cacheControl);
    if (!this.isFirst) fields.set32(L.ACTIVITY, Activity.WAITING_FOR_SIPI);
  }

  /** What power-on and INIT have in common. */
  private restart(cr0: bigint): void {
    const { fields } = this;
    fields.set64(L.RDX, 0x600n);
    fields.set64(L.RIP, 0xfff0n);
    fields.set64(L.CR0, cr0);
    fields.set64(L.DR6, 0xffff_0ff0n);
    fields.set64(L.DR7, 0x400n);
    fields.set32(L.APIC_ID, this.index);
    for (const [name, address] of Object.entries(SEGMENT_FIELDS)) {
      const attributes = name === 'cs' ? 0x9b : name === 'ldt' ? 0x82 : name === 'tr' ? 0x8b : 0x93;
      this.writeSegment(address, { selector: 0, base: 0n, limit: 0xffff, attributes, unusable: false });
    }
    fields.set16(L.CS + L.SEGMENT_SELECTOR, 0xf000);
    fields.set64(L.CS + L.SEGMENT_BASE, 0xffff_0000n);
    fields.set32(L.GDT_LIMIT, 0xffff);
    fields.set32(L.IDT_LIMIT, 0xffff);
    this.core.exports.writeFlags(2);
    this.apicMoved();
    this.core.exports.stateChanged();
  }

  /** SIPI: starts in real mode at a page below 1 MiB. */
  startup(vector: number): void {
    const { fields } = this;
    fields.set16(L.CS + L.SEGMENT_SELECTOR, vector << 8);
    fields.set64(L.CS + L.SEGMENT_BASE, BigInt(vector) << 12n);
    fields.set64(L.RIP, 0n);
    fields.set32(L.ACTIVITY, Activity.RUNNING);
  }

  /** The local APIC's page has moved or gone. */
  apicMoved(): void {
    this.fields.set64(L.APIC_PAGE, BigInt.asUintN(64, BigInt(this.apic.page)));
  }

  private get isFirst(): boolean {
    return (this.apic.base & APIC_BASE_BSP) !== 0;
  }

  getState(): VcpuState {
    this.bringIn();
    return {
      registers: this.general(),
      system: this.system(),
      activity: this.activity(),
      extended: saveExtended(this.fields),
      msrs: this.readMsrs(),
      lapic: this.apic.save(),
    };
  }

  /** @throws ConfigError for a model-specific register that there is not, or that refuses its value */
  setState({ registers, system, activity, extended, msrs, lapic }: VcpuState): void {
    const { fields } = this;
    this.bringIn();
    GENERAL_REGISTERS.slice(0, 16).forEach((name, i) => fields.set64(L.REGS + i * 8, registers[name]));
    fields.set64(L.RIP, registers.rip);
    this.core.exports.writeFlags(Number(registers.rflags & 0xffff_ffffn));
    for (const [name, address] of Object.entries(SEGMENT_FIELDS)) {
      this.writeSegment(address, system[name as keyof typeof SEGMENT_FIELDS]);
    }
    this.writeTable(L.GDT_BASE, L.GDT_LIMIT, system.gdt);
    this.writeTable(L.IDT_BASE, L.IDT_LIMIT, system.idt);
    fields.set64(L.CR0, system.cr0);
    fields.set64(L.CR2, system.cr2);
    fields.set64(L.CR3, system.cr3);
    fields.set64(L.CR4, system.cr4);
    fields.set64(L.EFER, system.efer);
    // SS.DPL is the privilege level in protected mode (Intel SDM vol. 3, 24.3.1), as KVM has it.
    const rm = (system.cr0 & 1n) === 0n;
    const vm86 = (registers.rflags & 0x20000n) !== 0n;
    fields.set32(L.CPL, rm ? 0 : vm86 ? 3 : (system.ss.attributes >> 5) & 3);
    fields.set32(L.ACTIVITY, activity === 'running' ? 0 : activity === 'halted' ? 1 : 2);
    this.apic.base = Number(system.apicBase);
    this.apic.taskPriority = Number(system.cr8);
    this.apicMoved();
    if (extended) loadExtended(fields, extended);
    if (lapic) this.apic.restore(lapic);
    // After the local APIC: the TSC deadline counts only in its TSC-deadline mode.
    if (msrs) for (const [number, value] of msrs) this.writeMsr(number, value);
    this.core.exports.stateChanged();
  }

  forgetEvents(): void {
    const { fields } = this;
    this.bringIn();
    fields.set32(L.EVENTS, fields.get32(L.EVENTS) & ~L.EVENT_NMI);
    fields.set32(L.NMI_BLOCKED, 0);
    fields.set32(L.SHADOW, 0);
    this.core.exports.stateChanged();
  }

  private readMsrs(): Map<number, bigint> {
    const values = new Map<number, bigint>();
    for (const number of Object.values(STATE_MSRS)) {
      const field = CORE_MSRS.get(number);
      const value = field === undefined ? this.msrs.read(number) : this.fields.get64(field);
      if (value !== undefined) values.set(number, value);
    }
    return values;
  }

  private writeMsr(number: number, value: bigint): void {
    const field = CORE_MSRS.get(number);
    if (field !== undefined) this.fields.set64(field, value);
    else if (!this.msrs.write(number, value)) {
      throw new ConfigError(`the software CPU refuses to set MSR 0x${number.toString(16)}`, { msr: number });
    }
  }

  activity(): VcpuActivity {
    const activity = this.fields.get32(L.ACTIVITY);
    if (activity === Activity.WAITING_FOR_SIPI) return 'waiting-for-sipi';
    return activity === Activity.HALTED ? 'halted' : 'running';
  }

  interruptsEnabled(): boolean {
    return (this.fields.get32(L.SYSTEM_FLAGS) & RFLAGS_IF) !== 0;
  }

  frameState(): FrameState {
    const { fields } = this;
    const efer = fields.get64(L.EFER);
    const wide = (efer & EFER_LMA) !== 0n && (fields.get32(L.CS + L.SEGMENT_ATTRIBUTES) & SEGMENT_LONG) !== 0;
    return {
      rbp: fields.get64(L.RBP),
      rsp: fields.get64(L.RSP),
      system: { cr0: fields.get64(L.CR0), cr3: fields.get64(L.CR3), cr4: fields.get64(L.CR4), efer },
      wide,
    };
  }

  private general(): GeneralRegisters {
    const names = GENERAL_REGISTERS.slice(0, 16).map((name, i) => [name, this.fields.get64(L.REGS + i * 8)]);
    return {
      ...(Object.fromEntries(names) as GeneralRegisters),
      rip: this.fields.get64(L.RIP),
      rflags: BigInt(this.core.exports.readFlags() >>> 0),
    };
  }

  private system(): SystemRegisters {
    const { fields } = this;
    const segments = Object.fromEntries(
      Object.entries(SEGMENT_FIELDS).map(([name, address]) => [name, this.readSegment(address)]),
    ) as Record<keyof typeof SEGMENT_FIELDS, Segment>;
    return {
      ...segments,
      gdt: { base: fields.get64(L.GDT_BASE), limit: fields.get32(L.GDT_LIMIT) },
      idt: { base: fields.get64(L.IDT_BASE), limit: fields.get32(L.IDT_LIMIT) },
      cr0: fields.get64(L.CR0),
      cr2: fields.get64(L.CR2),
      cr3: fields.get64(L.CR3),
      cr4: fields.get64(L.CR4),
      cr8: BigInt(this.apic.taskPriority),
      efer: fields.get64(L.EFER),
      apicBase: BigInt(this.apic.base),
    };
  }

  private readSegment(address: number): Segment {
    const { fields } = this;
    return {
      selector: fields.get16(address + L.SEGMENT_SELECTOR),
      base: fields.get64(address + L.SEGMENT_BASE),
      limit: fields.get32(address + L.SEGMENT_LIMIT),
      attributes: fields.get32(address + L.SEGMENT_ATTRIBUTES),
      unusable: fields.get32(address + L.SEGMENT_UNUSABLE) !== 0,
    };
  }

  private writeSegment(address: number, { selector, base, limit, attributes, unusable }: Segment): void {
    const { fields } = this;
    fields.set16(address + L.SEGMENT_SELECTOR, selector);
    fields.set64(address + L.SEGMENT_BASE, base);
    fields.set32(address + L.SEGMENT_LIMIT, limit);
    fields.set32(address + L.SEGMENT_ATTRIBUTES, attributes);
    fields.set32(address + L.SEGMENT_UNUSABLE, unusable ? 1 : 0);
  }

  private writeTable(base: number, limit: number, table: DescriptorTable): void {
    this.fields.set64(base, table.base);
    this.fields.set32(limit, table.limit);
  }
}
