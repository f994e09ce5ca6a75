import { closeSync, openSync } from 'node:fs';
import { AcceleratorError } from '../../errors.js';
import { ioctl, ioctlStruct } from '../../host/libc.js';
import * as k from './constants.js';
import { KvmError } from './kvm-error.js';
import { kvmCpuidEntry, kvmCpuidHeader, type KvmCpuidEntry } from './structs.js';
import { asBuffer } from '../layout.js';

/** What tsvmm cannot do without, and since when Linux has it. */
const REQUIRED: readonly (readonly [capability: k.KvmCap, linux: string])[] = [
  [k.KvmCap.USER_MEMORY, '2.6.26'],
  [k.KvmCap.EXT_CPUID, '2.6.26'],
  [k.KvmCap.MP_STATE, '2.6.26'],
  [k.KvmCap.SET_TSS_ADDR, '2.6.26'],
  [k.KvmCap.IRQ_ROUTING, '2.6.30'],
  [k.KvmCap.XSAVE, '2.6.36'],
  [k.KvmCap.SIGNAL_MSI, '3.5'],
  [k.KvmCap.SPLIT_IRQCHIP, '4.4'],
  [k.KvmCap.X2APIC_API, '4.8'],
  [k.KvmCap.IMMEDIATE_EXIT, '4.13'],
  [k.KvmCap.SYNC_REGS, '4.16'],
];

/** CPUID entries that a host may report; there are about 60. */
const MAX_CPUID_ENTRIES = 256;

/** The opened /dev/kvm: capabilities, and where virtual machines come from. */
export class Kvm {
  private constructor(readonly fd: number) {}

  /**
   * Opens the device and checks that it can do what tsvmm needs.
   * @throws AcceleratorError that says what is missing and what to do about it
   */
  static open(path = '/dev/kvm'): Kvm {
    const kvm = new Kvm(openDevice(path));
    try {
      kvm.checkVersion(path);
      kvm.checkCapabilities();
    } catch (error) {
      kvm.close();
      throw error;
    }
    return kvm;
  }

  /** A capability's value: 0 when missing, 1 or more when there. */
  capability(capability: k.KvmCap): number {
    return Math.max(0, ioctl(this.fd, k.KVM_CHECK_EXTENSION, capability));
  }

  /** Bytes of each vCPU's shared page, struct kvm_run and what follows it. */
  runSize(): number {
    return this.positive('KVM_GET_VCPU_MMAP_SIZE', ioctl(this.fd, k.KVM_GET_VCPU_MMAP_SIZE, 0));
  }

  /** A new virtual machine's file descriptor. */
  createVm(): number {
    return this.positive('KVM_CREATE_VM', ioctl(this.fd, k.KVM_CREATE_VM, 0));
  }

  /** The CPUID entries that this host's KVM can present to a guest. */
  supportedCpuid(): KvmCpuidEntry[] {
    const bytes = new Uint8Array(kvmCpuidHeader.span + MAX_CPUID_ENTRIES * kvmCpuidEntry.span);
    const buffer = asBuffer(bytes);
    kvmCpuidHeader.encode({ nent: MAX_CPUID_ENTRIES, padding: 0 }, buffer);
    if (ioctlStruct(this.fd, k.KVM_GET_SUPPORTED_CPUID, bytes) < 0)
      throw KvmError.ofCall('KVM_GET_SUPPORTED_CPUID');
    const { nent } = kvmCpuidHeader.decode(buffer);
    return Array.from({ length: nent }, (_, i) =>
      kvmCpuidEntry.decode(buffer, kvmCpuidHeader.span + i * kvmCpuidEntry.span),
    );
  }

  close(): void {
    closeSync(this.fd);
  }

  private checkVersion(path: string): void {
    const version = ioctl(this.fd, k.KVM_GET_API_VERSION, 0);
    if (version < 0) throw new AcceleratorError(`${path} is not a KVM device`, { path });
    if (version !== k.KVM_API_VERSION) {
      throw new AcceleratorError(
        `${path} speaks KVM API version ${version}, tsvmm needs ${k.KVM_API_VERSION}: use a Linux of 2.6.22 or newer`,
        { path, version },
      );
    }
  }

  private checkCapabilities(): void {
    const missing = REQUIRED.filter(([capability]) => this.capability(capability) === 0);
    if (missing.length === 0) return;
    const names = missing.map(([capability, linux]) => `KVM_CAP_${k.KvmCap[capability]} (Linux ${linux})`);
    throw new AcceleratorError(`this host's KVM lacks ${names.join(', ')}: use a newer host kernel`, {
      missing: missing.map(([capability]) => k.KvmCap[capability]),
    });
  }

  private positive(call: string, result: number): number {
    if (result < 0) throw KvmError.ofCall(call);
    return result;
  }
}

function openDevice(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (cause) {
    throw new AcceleratorError(whyNotOpened(path, cause), { path }, { cause });
  }
}

function whyNotOpened(path: string, cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
      return `there is no ${path}: load the kvm-intel or kvm-amd module, switch virtualization on in the firmware, or, inside a virtual machine or container, have its host pass KVM through`;
    case 'EACCES':
    case 'EPERM':
      return `no permission to open ${path}: add yourself to the kvm group (sudo usermod -aG kvm $USER) and log in again`;
    case 'EISDIR':
      return `${path} is a directory, not a KVM device`;
    case 'ENODEV':
    case 'ENXIO':
      return `${path} is there but no KVM driver is behind it: load the kvm-intel or kvm-amd module`;
    default:
      return `cannot open ${path}: ${code ?? String(cause)}`;
  }
}
