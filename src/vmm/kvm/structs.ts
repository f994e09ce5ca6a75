import { blob, seq, u16, u32, u8 } from 'buffer-layout';
import { structure, u64 } from '../layout.js';

/**
 * The structures of <linux/kvm.h> and <asm/kvm.h> for x86-64, each laid out once. Names are the kernel's. A test
 * compiles a C program against the machine's own headers and compares every size and offset.
 */

export interface KvmRegs {
  rax: bigint;
  rbx: bigint;
  rcx: bigint;
  rdx: bigint;
  rsi: bigint;
  rdi: bigint;
  rsp: bigint;
  rbp: bigint;
  r8: bigint;
  r9: bigint;
  r10: bigint;
  r11: bigint;
  r12: bigint;
  r13: bigint;
  r14: bigint;
  r15: bigint;
  rip: bigint;
  rflags: bigint;
}

export const kvmRegs = structure<KvmRegs>([
  u64('rax'),
  u64('rbx'),
  u64('rcx'),
  u64('rdx'),
  u64('rsi'),
  u64('rdi'),
  u64('rsp'),
  u64('rbp'),
  u64('r8'),
  u64('r9'),
  u64('r10'),
  u64('r11'),
  u64('r12'),
  u64('r13'),
  u64('r14'),
  u64('r15'),
  u64('rip'),
  u64('rflags'),
]);

export interface KvmSegment {
  base: bigint;
  limit: number;
  selector: number;
  type: number;
  present: number;
  dpl: number;
  db: number;
  s: number;
  l: number;
  g: number;
  avl: number;
  unusable: number;
  padding: number;
}

const segment = structure<KvmSegment>([
  u64('base'),
  u32('limit'),
  u16('selector'),
  u8('type'),
  u8('present'),
  u8('dpl'),
  u8('db'),
  u8('s'),
  u8('l'),
  u8('g'),
  u8('avl'),
  u8('unusable'),
  u8('padding'),
]);

export interface KvmDtable {
  base: bigint;
  limit: number;
  padding: number[];
}

const dtable = structure<KvmDtable>([u64('base'), u16('limit'), seq(u16(), 3, 'padding')]);

export interface KvmSregs {
  cs: KvmSegment;
  ds: KvmSegment;
  es: KvmSegment;
  fs: KvmSegment;
  gs: KvmSegment;
  ss: KvmSegment;
  tr: KvmSegment;
  ldt: KvmSegment;
  gdt: KvmDtable;
  idt: KvmDtable;
  cr0: bigint;
  cr2: bigint;
  cr3: bigint;
  cr4: bigint;
  cr8: bigint;
  efer: bigint;
  apic_base: bigint;
  interrupt_bitmap: bigint[];
}

export const kvmSregs = structure<KvmSregs>([
  ...['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldt'].map(name => segment.replicate(name)),
  dtable.replicate('gdt'),
  dtable.replicate('idt'),
  u64('cr0'),
  u64('cr2'),
  u64('cr3'),
  u64('cr4'),
  u64('cr8'),
  u64('efer'),
  u64('apic_base'),
  seq(u64(), 4, 'interrupt_bitmap'),
]);

export const kvmSegment = segment;
export const kvmDtable = dtable;

/** struct kvm_vcpu_events: interrupts and exceptions that are pending or being delivered. */
export const kvmVcpuEvents = structure<{
  exception_injected: number;
  exception_nr: number;
  exception_has_error_code: number;
  exception_pending: number;
  exception_error_code: number;
  interrupt_injected: number;
  interrupt_nr: number;
  interrupt_soft: number;
  interrupt_shadow: number;
  nmi_injected: number;
  nmi_pending: number;
  nmi_masked: number;
  nmi_pad: number;
  sipi_vector: number;
  flags: number;
  smi_smm: number;
  smi_pending: number;
  smi_smm_inside_nmi: number;
  smi_latched_init: number;
  triple_fault_pending: number;
  reserved: Uint8Array;
  exception_has_payload: number;
  exception_payload: bigint;
}>([
  u8('exception_injected'),
  u8('exception_nr'),
  u8('exception_has_error_code'),
  u8('exception_pending'),
  u32('exception_error_code'),
  u8('interrupt_injected'),
  u8('interrupt_nr'),
  u8('interrupt_soft'),
  u8('interrupt_shadow'),
  u8('nmi_injected'),
  u8('nmi_pending'),
  u8('nmi_masked'),
  u8('nmi_pad'),
  u32('sipi_vector'),
  u32('flags'),
  u8('smi_smm'),
  u8('smi_pending'),
  u8('smi_smm_inside_nmi'),
  u8('smi_latched_init'),
  u8('triple_fault_pending'),
  blob(26, 'reserved'),
  u8('exception_has_payload'),
  u64('exception_payload'),
]);

/** struct kvm_sync_regs: the registers inside the shared page (KVM_CAP_SYNC_REGS). */
export const kvmSyncRegs = structure<{ regs: KvmRegs; sregs: KvmSregs; events: object }>([
  kvmRegs.replicate('regs'),
  kvmSregs.replicate('sregs'),
  kvmVcpuEvents.replicate('events'),
]);

const RUN_UNION_SIZE = 256;
const RUN_SYNC_SIZE = 2048;

/** struct kvm_run: the page that KVM and tsvmm share for each vCPU. */
export const kvmRun = structure<{
  request_interrupt_window: number;
  immediate_exit: number;
  padding1: Uint8Array;
  exit_reason: number;
  ready_for_interrupt_injection: number;
  if_flag: number;
  flags: number;
  cr8: bigint;
  apic_base: bigint;
  exit: Uint8Array;
  kvm_valid_regs: bigint;
  kvm_dirty_regs: bigint;
  s: Uint8Array;
}>([
  u8('request_interrupt_window'),
  u8('immediate_exit'),
  blob(6, 'padding1'),
  u32('exit_reason'),
  u8('ready_for_interrupt_injection'),
  u8('if_flag'),
  u16('flags'),
  u64('cr8'),
  u64('apic_base'),
  blob(RUN_UNION_SIZE, 'exit'),
  u64('kvm_valid_regs'),
  u64('kvm_dirty_regs'),
  blob(RUN_SYNC_SIZE, 's'),
]);

/** The members of kvm_run's union, by exit reason. */
export const exitIo = structure<{
  direction: number;
  size: number;
  port: number;
  count: number;
  data_offset: bigint;
}>([u8('direction'), u8('size'), u16('port'), u32('count'), u64('data_offset')]);
export const exitMmio = structure<{ phys_addr: bigint; data: Uint8Array; len: number; is_write: number }>([
  u64('phys_addr'),
  blob(8, 'data'),
  u32('len'),
  u8('is_write'),
]);
export const exitEoi = structure<{ vector: number }>([u8('vector')]);
export const exitFailEntry = structure<{ hardware_entry_failure_reason: bigint; cpu: number }>([
  u64('hardware_entry_failure_reason'),
  u32('cpu'),
]);
export const exitInternal = structure<{ suberror: number; ndata: number; data: bigint[] }>([
  u32('suberror'),
  u32('ndata'),
  seq(u64(), 16, 'data'),
]);
export const exitEmulation = structure<{
  suberror: number;
  ndata: number;
  flags: bigint;
  insn_size: number;
  insn_bytes: Uint8Array;
}>([u32('suberror'), u32('ndata'), u64('flags'), u8('insn_size'), blob(15, 'insn_bytes')]);
export const exitMsr = structure<{
  error: number;
  pad: Uint8Array;
  reason: number;
  index: number;
  data: bigint;
}>([u8('error'), blob(7, 'pad'), u32('reason'), u32('index'), u64('data')]);
export const exitSystemEvent = structure<{ type: number; ndata: number; data: bigint[] }>([
  u32('type'),
  u32('ndata'),
  seq(u64(), 16, 'data'),
]);
export const exitUnknown = structure<{ hardware_exit_reason: bigint }>([u64('hardware_exit_reason')]);
export const exitHypercall = structure<{ nr: bigint; args: bigint[]; ret: bigint }>([
  u64('nr'),
  seq(u64(), 6, 'args'),
  u64('ret'),
]);

export interface KvmUserspaceMemoryRegion {
  slot: number;
  flags: number;
  guest_phys_addr: bigint;
  memory_size: bigint;
  userspace_addr: bigint;
}

export const kvmUserspaceMemoryRegion = structure<KvmUserspaceMemoryRegion>([
  u32('slot'),
  u32('flags'),
  u64('guest_phys_addr'),
  u64('memory_size'),
  u64('userspace_addr'),
]);

export interface KvmCpuidEntry {
  function: number;
  index: number;
  flags: number;
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
  padding: number[];
}

/** struct kvm_cpuid_entry2 */
export const kvmCpuidEntry = structure<KvmCpuidEntry>([
  u32('function'),
  u32('index'),
  u32('flags'),
  u32('eax'),
  u32('ebx'),
  u32('ecx'),
  u32('edx'),
  seq(u32(), 3, 'padding'),
]);

/** struct kvm_cpuid2 without its entries. */
export const kvmCpuidHeader = structure<{ nent: number; padding: number }>([u32('nent'), u32('padding')]);

export interface KvmMsrEntry {
  index: number;
  reserved: number;
  data: bigint;
}

export const kvmMsrEntry = structure<KvmMsrEntry>([u32('index'), u32('reserved'), u64('data')]);

/** struct kvm_msrs without its entries. */
export const kvmMsrsHeader = structure<{ nmsrs: number; pad: number }>([u32('nmsrs'), u32('pad')]);

/** struct kvm_irq_routing_entry of type MSI (its union as struct kvm_irq_routing_msi, padded to 32 bytes). */
export const kvmIrqRoutingMsi = structure<{
  gsi: number;
  type: number;
  flags: number;
  pad: number;
  address_lo: number;
  address_hi: number;
  data: number;
  devid: number;
  union_pad: Uint8Array;
}>([
  u32('gsi'),
  u32('type'),
  u32('flags'),
  u32('pad'),
  u32('address_lo'),
  u32('address_hi'),
  u32('data'),
  u32('devid'),
  blob(16, 'union_pad'),
]);

/** struct kvm_irq_routing without its entries. */
export const kvmIrqRoutingHeader = structure<{ nr: number; flags: number }>([u32('nr'), u32('flags')]);

export const kvmMsi = structure<{
  address_lo: number;
  address_hi: number;
  data: number;
  flags: number;
  devid: number;
  pad: Uint8Array;
}>([u32('address_lo'), u32('address_hi'), u32('data'), u32('flags'), u32('devid'), blob(12, 'pad')]);

export const kvmInterrupt = structure<{ irq: number }>([u32('irq')]);
export const kvmMpState = structure<{ mp_state: number }>([u32('mp_state')]);
export const kvmLapicState = structure<{ regs: Uint8Array }>([blob(1024, 'regs')]);

export const kvmXsave = structure<{ region: Uint8Array }>([blob(4096, 'region')]);

const xcr = structure<{ xcr: number; reserved: number; value: bigint }>([
  u32('xcr'),
  u32('reserved'),
  u64('value'),
]);

export interface KvmXcrs {
  nr_xcrs: number;
  flags: number;
  xcrs: { xcr: number; reserved: number; value: bigint }[];
  padding: bigint[];
}

export const kvmXcrs = structure<KvmXcrs>([
  u32('nr_xcrs'),
  u32('flags'),
  seq(xcr, 16, 'xcrs'),
  seq(u64(), 16, 'padding'),
]);
export const kvmXcr = xcr;

export interface KvmEnableCap {
  cap: number;
  flags: number;
  args: bigint[];
  pad: Uint8Array;
}

export const kvmEnableCap = structure<KvmEnableCap>([
  u32('cap'),
  u32('flags'),
  seq(u64(), 4, 'args'),
  blob(64, 'pad'),
]);
