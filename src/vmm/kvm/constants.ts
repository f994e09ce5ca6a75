import { io, ior, iow, iowr } from './ioctl.js';
import * as structs from './structs.js';

/** The ioctl type of KVM (include/uapi/linux/kvm.h). */
const KVMIO = 0xae;

/** Requests on /dev/kvm, on a VM and on a vCPU, by the kernel's names. */
export const KVM_GET_API_VERSION = io(KVMIO, 0x00);
export const KVM_CREATE_VM = io(KVMIO, 0x01);
export const KVM_CHECK_EXTENSION = io(KVMIO, 0x03);
export const KVM_GET_VCPU_MMAP_SIZE = io(KVMIO, 0x04);
export const KVM_GET_SUPPORTED_CPUID = iowr(KVMIO, 0x05, structs.kvmCpuidHeader.span);
export const KVM_CREATE_VCPU = io(KVMIO, 0x41);
export const KVM_SET_USER_MEMORY_REGION = iow(KVMIO, 0x46, structs.kvmUserspaceMemoryRegion.span);
export const KVM_SET_TSS_ADDR = io(KVMIO, 0x47);
export const KVM_SET_IDENTITY_MAP_ADDR = iow(KVMIO, 0x48, 8);
export const KVM_SET_GSI_ROUTING = iow(KVMIO, 0x6a, structs.kvmIrqRoutingHeader.span);
export const KVM_RUN = io(KVMIO, 0x80);
export const KVM_GET_REGS = ior(KVMIO, 0x81, structs.kvmRegs.span);
export const KVM_SET_REGS = iow(KVMIO, 0x82, structs.kvmRegs.span);
export const KVM_GET_SREGS = ior(KVMIO, 0x83, structs.kvmSregs.span);
export const KVM_SET_SREGS = iow(KVMIO, 0x84, structs.kvmSregs.span);
export const KVM_INTERRUPT = iow(KVMIO, 0x86, structs.kvmInterrupt.span);
export const KVM_GET_MSRS = iowr(KVMIO, 0x88, structs.kvmMsrsHeader.span);
export const KVM_SET_MSRS = iow(KVMIO, 0x89, structs.kvmMsrsHeader.span);
export const KVM_GET_LAPIC = ior(KVMIO, 0x8e, structs.kvmLapicState.span);
export const KVM_SET_LAPIC = iow(KVMIO, 0x8f, structs.kvmLapicState.span);
export const KVM_SET_CPUID2 = iow(KVMIO, 0x90, structs.kvmCpuidHeader.span);
export const KVM_GET_TSC_KHZ = io(KVMIO, 0xa3);
export const KVM_GET_STATS_FD = io(KVMIO, 0xce);
export const KVM_GET_MP_STATE = ior(KVMIO, 0x98, structs.kvmMpState.span);
export const KVM_SET_MP_STATE = iow(KVMIO, 0x99, structs.kvmMpState.span);
export const KVM_GET_VCPU_EVENTS = ior(KVMIO, 0x9f, structs.kvmVcpuEvents.span);
export const KVM_SET_VCPU_EVENTS = iow(KVMIO, 0xa0, structs.kvmVcpuEvents.span);
export const KVM_ENABLE_CAP = iow(KVMIO, 0xa3, structs.kvmEnableCap.span);
export const KVM_GET_XSAVE = ior(KVMIO, 0xa4, structs.kvmXsave.span);
export const KVM_SET_XSAVE = iow(KVMIO, 0xa5, structs.kvmXsave.span);
export const KVM_SIGNAL_MSI = iow(KVMIO, 0xa5, structs.kvmMsi.span);
export const KVM_GET_XCRS = ior(KVMIO, 0xa6, structs.kvmXcrs.span);
export const KVM_SET_XCRS = iow(KVMIO, 0xa7, structs.kvmXcrs.span);

/** The only API version that KVM ever had since Linux 2.6.22. */
export const KVM_API_VERSION = 12;

/** Why KVM_RUN returned, by the kernel's numbers; x86 never gives those that are missing here. */
export enum KvmExit {
  UNKNOWN = 0,
  EXCEPTION = 1,
  IO = 2,
  HYPERCALL = 3,
  DEBUG = 4,
  HLT = 5,
  MMIO = 6,
  IRQ_WINDOW_OPEN = 7,
  SHUTDOWN = 8,
  FAIL_ENTRY = 9,
  INTR = 10,
  SET_TPR = 11,
  TPR_ACCESS = 12,
  NMI = 16,
  INTERNAL_ERROR = 17,
  WATCHDOG = 21,
  SYSTEM_EVENT = 24,
  IOAPIC_EOI = 26,
  HYPERV = 27,
  X86_RDMSR = 29,
  X86_WRMSR = 30,
  DIRTY_RING_FULL = 31,
  AP_RESET_HOLD = 32,
  X86_BUS_LOCK = 33,
  XEN = 34,
  NOTIFY = 37,
  MEMORY_FAULT = 39,
}

/** kvm_run.internal.suberror */
export enum KvmInternalError {
  EMULATION = 1,
  SIMUL_EX = 2,
  DELIVERY_EV = 3,
  UNEXPECTED_EXIT_REASON = 4,
}

/** Capabilities, by the kernel's numbers. */
export enum KvmCap {
  SET_TSS_ADDR = 4,
  USER_MEMORY = 3,
  EXT_CPUID = 7,
  NR_VCPUS = 9,
  NR_MEMSLOTS = 10,
  MP_STATE = 14,
  IRQ_ROUTING = 25,
  SET_IDENTITY_MAP_ADDR = 37,
  XSAVE = 55,
  XCRS = 56,
  GET_TSC_KHZ = 61,
  MAX_VCPUS = 66,
  TSC_DEADLINE_TIMER = 72,
  SYNC_REGS = 74,
  SIGNAL_MSI = 77,
  SPLIT_IRQCHIP = 121,
  X2APIC_API = 129,
  IMMEDIATE_EXIT = 136,
}

/** kvm_run.kvm_valid_regs and kvm_dirty_regs */
export const KVM_SYNC_X86_REGS = 1;

/** struct kvm_mp_state */
export const KVM_MP_STATE_RUNNABLE = 0;
export const KVM_MP_STATE_UNINITIALIZED = 1;
export const KVM_MP_STATE_HALTED = 3;

/** Parts of struct kvm_vcpu_events that count only with their flag. */
export const KVM_VCPUEVENT_VALID_NMI_PENDING = 1;
export const KVM_VCPUEVENT_VALID_SHADOW = 4;
export const KVM_VCPUEVENT_VALID_SMM = 8;

export const KVM_IRQ_ROUTING_MSI = 2;
export const KVM_EXIT_IO_OUT = 1;

/** x2APIC destinations of 32 bits, in MSI routes too (KVM_CAP_X2APIC_API). */
export const KVM_X2APIC_API_USE_32BIT_IDS = 1;
export const KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK = 2;

/** errno values that KVM's callers meet. */
export const EPERM = 1;
export const EINTR = 4;
export const EAGAIN = 11;
