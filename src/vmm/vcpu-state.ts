/** The sixteen general registers, in the order of their encoding (Intel SDM vol. 2, table 2-2), then RIP and RFLAGS. */
export const GENERAL_REGISTERS = [
  'rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi',
  'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15',
  'rip', 'rflags',
] as const; // prettier-ignore

export type GeneralRegister = (typeof GENERAL_REGISTERS)[number];
export type GeneralRegisters = Record<GeneralRegister, bigint>;

/** A segment register with its hidden part. */
export interface Segment {
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, granularity already applied. */
  readonly limit: number;
  /** Bits 0–3 type, 4 S, 5–6 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G: bytes 5 and 6 of a descriptor without the limit. */
  readonly attributes: number;
  /** Set: loaded with a null selector, unusable. */
  readonly unusable: boolean;
}

export interface DescriptorTable {
  readonly base: bigint;
  readonly limit: number;
}

export interface SystemRegisters {
  readonly cs: Segment;
  readonly ds: Segment;
  readonly es: Segment;
  readonly fs: Segment;
  readonly gs: Segment;
  readonly ss: Segment;
  readonly tr: Segment;
  readonly ldt: Segment;
  readonly gdt: DescriptorTable;
  readonly idt: DescriptorTable;
  readonly cr0: bigint;
  readonly cr2: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly cr8: bigint;
  readonly efer: bigint;
  readonly apicBase: bigint;
}

/** x87, MMX, SSE and wider state in the layout of XSAVE's standard form (Intel SDM vol. 1, 13.4). */
export interface ExtendedState {
  readonly xsave: Uint8Array;
  readonly xcr0: bigint;
}

/** Whether a virtual CPU executes, sleeps in HLT, or waits to be started by INIT and SIPI. */
export type VcpuActivity = 'running' | 'halted' | 'waiting-for-sipi';

/** Everything that a virtual CPU is, in no accelerator's own format. */
export interface VcpuState {
  readonly registers: GeneralRegisters;
  readonly system: SystemRegisters;
  readonly activity: VcpuActivity;
  readonly extended?: ExtendedState;
  /** Model-specific registers by number. */
  readonly msrs?: ReadonlyMap<number, bigint>;
  /** The local APIC's register page (1 KiB). */
  readonly lapic?: Uint8Array;
}

/** A state in which a boot protocol hands a CPU over to a kernel. */
export type BootState = Pick<VcpuState, 'registers' | 'system'>;

/** All general registers zero, but for those given; RFLAGS has its always-one bit. */
export function generalRegisters(given: Partial<GeneralRegisters> = {}): GeneralRegisters {
  const zero = Object.fromEntries(GENERAL_REGISTERS.map(name => [name, 0n])) as GeneralRegisters;
  return { ...zero, rflags: 2n, ...given };
}
