import { ConfigError } from '../../errors.js';
import { addressOf, close, errno, ioctl, ioctlStruct } from '../../host/libc.js';
import type { ExitHandlers, MsiMessage, StopReason, VcpuFailure, Vm, VmOptions } from '../accelerator.js';
import { Doorbell } from '../doorbell.js';
import type { ExitObserver } from '../exit-observer.js';
import { asBuffer, offsetOf } from '../layout.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import * as k from './constants.js';
import { presentCpuid } from './cpuid.js';
import { KvmError } from './kvm-error.js';
import { KvmVcpu, type KvmVcpuHandle } from './kvm-vcpu.js';
import { HaltedTime, readStatistics } from './kvm-statistics.js';
import type { Kvm } from './kvm.js';
import { FIRMWARE_MSRS } from './msrs.js';
import * as structs from './structs.js';
import { VcpuAccess } from './vcpu-access.js';

/** Three pages that Intel processors without unrestricted guest need for real mode, and one for its page table. */
const TSS_ADDRESS = 0xfffb_d000;
const IDENTITY_MAP_ADDRESS = 0xfffb_c000n;

const MSI_ADDRESS = offsetOf(structs.kvmMsi, 'address_lo');
const MSI_DATA = offsetOf(structs.kvmMsi, 'data');

/** Pins of the IOAPIC that stays outside the kernel. */
const IOAPIC_PINS = 24;

/**
 * One virtual machine of KVM with its memory, and with local APICs but neither PIC nor IOAPIC in the kernel (the
 * split irqchip). The thread that makes it runs vCPU 0; further ones are run by whoever attaches to their handles.
 */
export class KvmVm implements Vm {
  /** For each vCPU, what a thread needs to run it. */
  readonly handles: readonly KvmVcpuHandle[];
  readonly vcpus: readonly VcpuAccess[];
  private readonly fd: number;
  /** Of the vCPUs and, first, of the VM itself. Node does not know of them: nobody else closes them. */
  private readonly descriptors: number[] = [];
  private readonly first: KvmVcpu;
  private readonly msi = asBuffer(new Uint8Array(structs.kvmMsi.span));

  /** @throws ConfigError for more vCPUs than the host's KVM allows, KvmError when a call fails */
  constructor(
    private readonly kvm: Kvm,
    private readonly options: VmOptions,
  ) {
    checkCpuCount(kvm, options.cpus);
    try {
      this.fd = this.keep(kvm.createVm());
      this.setUpChips();
      this.mapMemory(options.memory);
      this.handles = Array.from({ length: options.cpus }, (_, index) => this.createVcpu(index));
      this.vcpus = this.handles.map(handle => new VcpuAccess(handle.fd, handle.xcrs));
      this.presentCpu();
      this.first = new KvmVcpu(this.handles[0], options.handlers, options.clock);
    } catch (error) {
      this.closeDescriptors();
      throw error;
    }
  }

  run(deadlineNs: number): StopReason {
    return this.first.run(deadlineNs);
  }

  rest(): void {
    this.first.rest();
  }

  get handlers(): ExitHandlers {
    return this.first.handlers;
  }

  set handlers(handlers: ExitHandlers) {
    this.first.handlers = handlers;
  }

  get exits(): number {
    return this.first.exits;
  }

  get failure(): VcpuFailure | undefined {
    return this.first.failure;
  }

  exposeRegisters(on: boolean): void {
    this.first.exposeRegisters(on);
  }

  rip(): bigint {
    return this.first.rip();
  }

  copyRip(to: Uint32Array): void {
    this.first.copyRip(to);
  }

  /** KVM's emulator is through with an instruction that writes when it exits; its fast path for OUT is not. */
  readonly writesMayAdvanceRip = true;
  readonly running = 0;
  /** By vCPU, once somebody has asked; `null` where KVM does not say. */
  private readonly haltedTimes: (HaltedTime | null | undefined)[] = [];

  observe(observer: ExitObserver | undefined): void {
    this.first.observe(observer);
  }

  signalMsi(address: number, data: number): void {
    this.msi.writeUInt32LE(address, MSI_ADDRESS);
    this.msi.writeUInt32LE(data, MSI_DATA);
    if (ioctlStruct(this.fd, k.KVM_SIGNAL_MSI, this.msi) >= 0) return;
    // 0 or EPERM: no local APIC took it. The guest decides where interrupts go; on hardware that goes unnoticed too.
    if (errno() !== k.EPERM) throw KvmError.ofCall('KVM_SIGNAL_MSI');
  }

  setIntr(level: boolean): void {
    this.first.intr = level;
  }

  setIoapicRoutes(routes: readonly (MsiMessage | undefined)[]): void {
    const { kvmIrqRoutingHeader: header, kvmIrqRoutingMsi: entry } = structs;
    const present = routes.flatMap((route, gsi) => (route ? [{ gsi, ...route }] : []));
    const buffer = asBuffer(new Uint8Array(header.span + present.length * entry.span));
    header.encode({ nr: present.length, flags: 0 }, buffer);
    present.forEach(({ gsi, address, data }, i) =>
      entry.encode(
        { ...NO_ROUTE, gsi, type: k.KVM_IRQ_ROUTING_MSI, address_lo: address, data },
        buffer,
        header.span + i * entry.span,
      ),
    );
    if (ioctlStruct(this.fd, k.KVM_SET_GSI_ROUTING, buffer) < 0) throw KvmError.ofCall('KVM_SET_GSI_ROUTING');
  }

  haltedNs(vcpu: number): number {
    let time = this.haltedTimes[vcpu];
    if (time === undefined) this.haltedTimes[vcpu] = time = HaltedTime.of(this.handles[vcpu].fd) ?? null;
    return time?.ns ?? 0;
  }

  counters(): Record<string, number> {
    const counters: Record<string, number> = {};
    for (const { fd } of this.handles) {
      for (const [name, value] of readStatistics(fd)) {
        counters[`KVM ${name}`] = (counters[`KVM ${name}`] ?? 0) + value;
      }
    }
    return counters;
  }

  close(): void {
    this.first.close();
    for (const time of this.haltedTimes) time?.close();
    this.closeDescriptors();
    this.kvm.close();
  }

  private keep(fd: number): number {
    this.descriptors.push(fd);
    return fd;
  }

  private closeDescriptors(): void {
    for (const fd of this.descriptors.toReversed()) close(fd);
  }

  private setUpChips(): void {
    const identity = asBuffer(new Uint8Array(8));
    identity.writeBigUInt64LE(IDENTITY_MAP_ADDRESS);
    if (ioctlStruct(this.fd, k.KVM_SET_IDENTITY_MAP_ADDR, identity) < 0) {
      throw KvmError.ofCall('KVM_SET_IDENTITY_MAP_ADDR');
    }
    if (ioctl(this.fd, k.KVM_SET_TSS_ADDR, TSS_ADDRESS) < 0) throw KvmError.ofCall('KVM_SET_TSS_ADDR');
    this.enable(k.KvmCap.SPLIT_IRQCHIP, IOAPIC_PINS);
    this.enable(
      k.KvmCap.X2APIC_API,
      k.KVM_X2APIC_API_USE_32BIT_IDS | k.KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK,
    );
  }

  private enable(cap: k.KvmCap, argument: number): void {
    const buffer = asBuffer(new Uint8Array(structs.kvmEnableCap.span));
    const args = [BigInt(argument), 0n, 0n, 0n];
    structs.kvmEnableCap.encode({ cap, flags: 0, args, pad: asBuffer(new Uint8Array(64)) }, buffer);
    if (ioctlStruct(this.fd, k.KVM_ENABLE_CAP, buffer) < 0) {
      throw KvmError.ofCall(`KVM_ENABLE_CAP(${k.KvmCap[cap]})`);
    }
  }

  private mapMemory(memory: GuestMemory): void {
    const buffer = asBuffer(new Uint8Array(structs.kvmUserspaceMemoryRegion.span));
    memory.segments.forEach((segment, slot) => {
      const host = addressOf(new Uint8Array(segment.buffer)) + BigInt(segment.offset);
      structs.kvmUserspaceMemoryRegion.encode(
        {
          slot,
          flags: 0,
          guest_phys_addr: BigInt(segment.gpa),
          memory_size: BigInt(segment.size),
          userspace_addr: host,
        },
        buffer,
      );
      if (ioctlStruct(this.fd, k.KVM_SET_USER_MEMORY_REGION, buffer) < 0) {
        throw KvmError.ofCall('KVM_SET_USER_MEMORY_REGION', { gpa: segment.gpa, size: segment.size });
      }
    });
  }

  private createVcpu(index: number): KvmVcpuHandle {
    const fd = ioctl(this.fd, k.KVM_CREATE_VCPU, index);
    if (fd < 0) throw KvmError.ofCall('KVM_CREATE_VCPU', { index });
    return {
      index,
      fd: this.keep(fd),
      runSize: this.kvm.runSize(),
      xcrs: this.kvm.capability(k.KvmCap.XCRS) > 0,
      doorbell: index === 0 ? this.options.doorbell : Doorbell.allocate(),
    };
  }

  private presentCpu(): void {
    const supported = this.kvm.supportedCpuid();
    const tscDeadline = this.kvm.capability(k.KvmCap.TSC_DEADLINE_TIMER) > 0;
    const { cpus, paravirtualization = { kvm: true, kvmclock: true } } = this.options;
    for (const [apicId, access] of this.vcpus.entries()) {
      const tscKhz = Math.max(0, ioctl(access.fd, k.KVM_GET_TSC_KHZ, 0));
      access.setCpuid(presentCpuid(supported, { apicId, cpus, tscDeadline, tscKhz, paravirtualization }));
      access.setMsrs(FIRMWARE_MSRS);
      access.connectNmi();
    }
  }
}

const NO_ROUTE = {
  flags: 0,
  pad: 0,
  address_hi: 0,
  devid: 0,
  union_pad: asBuffer(new Uint8Array(16)),
};

function checkCpuCount(kvm: Kvm, cpus: number): void {
  // xAPIC ids are 8 bits wide and 255 addresses all.
  const most = Math.min(kvm.capability(k.KvmCap.MAX_VCPUS), 254);
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > most) {
    throw new ConfigError(`cpus must be between 1 and ${most} on this host, not ${cpus}`, { cpus, most });
  }
}
