import type { DeviceType } from '../../../../../src/devices/virtio/device-type.js';
import type { QueueAreas } from '../../../../../src/devices/virtio/queue/virtqueue.js';
import { VirtioMmio } from '../../../../../src/devices/virtio/transport/mmio.js';
import { VirtioPci, type PciInterface } from '../../../../../src/devices/virtio/transport/pci.js';
import type { VirtioDevice } from '../../../../../src/devices/virtio/device.js';
import { assignResources } from '../../../../../src/devices/pci/resources.js';
import { Bus } from '../../../../../src/vmm/bus/bus.js';
import { MachineClock } from '../../../../../src/vmm/clock.js';
import type { AccessSize, Device } from '../../../../../src/vmm/device.js';
import { GuestMemory } from '../../../../../src/vmm/memory/guest-memory.js';
import { PciMachine } from '../../pci/pci-machine.js';

const RAM = 4 << 20;
const PAGE = 4096;

/** A driver's way to a device, through nothing but ports, addresses and interrupts (virtio 1.3, section 4). */
export interface Transport {
  readonly memory: GuestMemory;
  readonly clock: MachineClock;
  readonly device: VirtioDevice & { readonly type: DeviceType };
  /** The whole of it, for saving and resetting. */
  readonly whole: Device;
  /** True for the legacy interface: 32 feature bits, one address a queue. */
  readonly legacy: boolean;
  readFeatures(): bigint;
  writeFeatures(features: bigint): void;
  status: number;
  /** Largest size of a queue, 0 when it does not exist. */
  queueSize(index: number): number;
  /** Sets up a queue; `areas` is what the legacy interface leaves no choice about. */
  setUpQueue(index: number, size: number, areas: QueueAreas): void;
  notify(index: number): void;
  readConfig(offset: number, size: AccessSize): number;
  writeConfig(offset: number, size: AccessSize, value: number): void;
  /** Interrupts since the last call, acknowledged as drivers do: `queue0`, `config`. */
  interrupts(): string[];
  /** Lets the device's timers run that are due. */
  elapse(): void;
}

function newClock(): MachineClock {
  return new MachineClock({ elapsed: () => 0, epoch: 0 });
}

function elapse(clock: MachineClock): void {
  clock.tick();
  clock.runExpired();
}

/** Where a legacy queue's parts lie from its address on (2.7.2). */
export function legacyAreasAt(base: number, size: number): QueueAreas {
  const driver = base + 16 * size;
  return { descriptors: base, driver, device: Math.ceil((driver + 6 + 2 * size) / PAGE) * PAGE };
}

abstract class PciTransport {
  readonly memory = GuestMemory.allocate(RAM);
  readonly clock = newClock();
  readonly machine = new PciMachine(RAM);
  readonly whole: VirtioPci;
  protected static readonly SLOT = 0;

  constructor(type: DeviceType, kind: PciInterface, vectors?: number) {
    this.whole = new VirtioPci({
      name: 'virtio0',
      type,
      memory: this.memory,
      clock: this.clock,
      host: this.machine,
      interface: kind,
      ...(vectors !== undefined && { vectors }),
    });
    this.machine.root.add(this.whole);
    assignResources(this.machine.root);
  }

  get device(): VirtioDevice {
    return this.whole.device;
  }

  elapse(): void {
    elapse(this.clock);
  }

  protected bar(index: number): number {
    return this.machine.readConfig(PciTransport.SLOT, 0x10 + 4 * index) & ~15;
  }
}

/** Virtio over PCI, version 1 (4.1.4), with MSI-X: one vector a queue, the last for configuration changes. */
export class ModernPci extends PciTransport implements Transport {
  readonly legacy = false;
  private readonly common: number;
  private readonly config: number;
  private readonly isr: number;
  private readonly notification: number;
  private readonly multiplier: number;
  protected readonly msix: boolean = true;

  constructor(type: DeviceType, kind: PciInterface = 'modern', vectors?: number) {
    super(type, kind, vectors);
    const where = new Map<number, number>();
    let multiplier = 0;
    for (const at of this.machine.capabilities(0, 9)) {
      const kindOfStructure = this.machine.readConfig(0, at + 3, 1);
      const bar = this.machine.readConfig(0, at + 4, 1);
      const base = bar < 6 ? (this.machine.readConfig(0, 0x10 + 4 * bar) & ~15) >>> 0 : 0;
      where.set(kindOfStructure, base + this.machine.readConfig(0, at + 8));
      if (kindOfStructure === 2) multiplier = this.machine.readConfig(0, at + 16);
    }
    [this.common, this.notification, this.isr, this.config] = [1, 2, 3, 4].map(i => where.get(i)!);
    this.multiplier = multiplier;
  }

  readFeatures(): bigint {
    const words = [0, 1].map(word => {
      this.write(0x00, 4, word);
      return BigInt(this.read(0x04, 4));
    });
    return words[0] | (words[1] << 32n);
  }

  writeFeatures(features: bigint): void {
    for (const word of [0, 1]) {
      this.write(0x08, 4, word);
      this.write(0x0c, 4, Number((features >> BigInt(32 * word)) & 0xffff_ffffn));
    }
  }

  get status(): number {
    return this.read(0x14, 1);
  }

  set status(value: number) {
    this.write(0x14, 1, value);
    if (value !== 0 && this.msix) this.useMsix();
  }

  queueSize(index: number): number {
    this.write(0x16, 2, index);
    return this.read(0x18, 2);
  }

  setUpQueue(index: number, size: number, areas: QueueAreas): void {
    this.write(0x16, 2, index);
    this.write(0x18, 2, size);
    [areas.descriptors, areas.driver, areas.device].forEach((gpa, i) => {
      this.write(0x20 + 8 * i, 4, gpa % 2 ** 32);
      this.write(0x24 + 8 * i, 4, Math.floor(gpa / 2 ** 32));
    });
    if (this.msix) this.write(0x1a, 2, index);
    this.write(0x1c, 2, 1);
  }

  /** Takes a queue back (2.6.1). */
  resetQueue(index: number): void {
    this.write(0x16, 2, index);
    this.write(0x3a, 2, 1);
  }

  notify(index: number): void {
    this.write(0x16, 2, index);
    const offset = this.read(0x1e, 2) * this.multiplier;
    this.machine.mmio.write(this.notification + offset, 2, index);
  }

  readConfig(offset: number, size: AccessSize): number {
    return this.machine.mmio.read(this.config + offset, size);
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.machine.mmio.write(this.config + offset, size, value);
  }

  interrupts(): string[] {
    if (!this.msix) return isrNames(this.machine.mmio.read(this.isr, 1));
    const queues = this.device.queues.length;
    return this.machine.messages
      .splice(0)
      .map(([, data]) => (data - 0x40 === queues ? 'config' : `queue${data - 0x40}`));
  }

  read(offset: number, size: AccessSize): number {
    return this.machine.mmio.read(this.common + offset, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.machine.mmio.write(this.common + offset, size, value);
  }

  private useMsix(): void {
    const [capability] = this.machine.capabilities(0, 0x11);
    this.machine.writeConfig(0, capability + 2, 0x8000, 2);
    const table = this.bar(1) >>> 0;
    const queues = this.device.queues.length;
    for (let vector = 0; vector <= queues; vector++) {
      this.machine.mmio.write(table + 16 * vector, 4, 0xfee0_0000);
      this.machine.mmio.write(table + 16 * vector + 8, 4, 0x40 + vector);
      this.machine.mmio.write(table + 16 * vector + 12, 4, 0);
    }
    this.write(0x10, 2, queues);
  }
}

/** The same with INTx. */
export class ModernPciIntx extends ModernPci {
  protected override readonly msix = false;
}

/** The same with the one message of MSI (PCI Local Bus 3.0, 6.8.1). */
export class ModernPciMsi extends ModernPciIntx {
  private static readonly DATA = 0x77;

  constructor(type: DeviceType) {
    super(type, 'modern', 0);
    const [capability] = this.machine.capabilities(0, 0x05);
    this.machine.writeConfig(0, capability + 4, 0xfee0_0000);
    this.machine.writeConfig(0, capability + 12, ModernPciMsi.DATA, 2);
    this.machine.writeConfig(0, capability + 2, 1, 2);
  }

  override interrupts(): string[] {
    const messages = this.machine.messages.splice(0);
    return messages.some(([, data]) => data === ModernPciMsi.DATA) ? super.interrupts() : [];
  }
}

/** The legacy interface of a transitional device (4.1.4.10), with INTx. */
export class LegacyPci extends PciTransport implements Transport {
  readonly legacy = true;
  private readonly base: number;

  constructor(type: DeviceType, kind: PciInterface = 'transitional') {
    super(type, kind);
    this.base = this.machine.readConfig(0, 0x10) & ~3;
  }

  readFeatures(): bigint {
    return BigInt(this.read(0, 4));
  }

  writeFeatures(features: bigint): void {
    this.write(4, 4, Number(features & 0xffff_ffffn));
  }

  get status(): number {
    return this.read(0x12, 1);
  }

  set status(value: number) {
    this.write(0x12, 1, value);
  }

  queueSize(index: number): number {
    this.write(0x0e, 2, index);
    return this.read(0x0c, 2);
  }

  setUpQueue(index: number, _size: number, areas: QueueAreas): void {
    this.write(0x0e, 2, index);
    this.write(0x08, 4, areas.descriptors / PAGE);
  }

  notify(index: number): void {
    this.write(0x10, 2, index);
  }

  readConfig(offset: number, size: AccessSize): number {
    return this.read(0x14 + offset, size);
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.write(0x14 + offset, size, value);
  }

  interrupts(): string[] {
    return isrNames(this.read(0x13, 1));
  }

  read(offset: number, size: AccessSize): number {
    return this.machine.ports.read(this.base + offset, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.machine.ports.write(this.base + offset, size, value);
  }
}

abstract class MmioTransport {
  readonly memory = GuestMemory.allocate(RAM);
  readonly clock = newClock();
  readonly bus = new Bus('mmio', 2 ** 40);
  readonly whole: VirtioMmio;
  line = false;
  private static readonly BASE = 0xfeb0_0000;

  constructor(type: DeviceType, version: 1 | 2) {
    this.whole = new VirtioMmio({
      name: 'virtio0',
      type,
      memory: this.memory,
      clock: this.clock,
      base: MmioTransport.BASE,
      irq: { set: level => (this.line = level) },
      version,
    });
    for (const range of this.whole.ranges) this.bus.claim('virtio0', range);
    if (this.read(0) !== 0x7472_6976 || this.read(4) !== version) throw new Error('no virtio device');
  }

  get device(): VirtioDevice {
    return this.whole.device;
  }

  readFeatures(): bigint {
    const words = [0, 1].map(word => {
      this.write(0x14, word);
      return BigInt(this.read(0x10));
    });
    return words[0] | (words[1] << 32n);
  }

  writeFeatures(features: bigint): void {
    for (const word of [0, 1]) {
      this.write(0x24, word);
      this.write(0x20, Number((features >> BigInt(32 * word)) & 0xffff_ffffn));
    }
  }

  get status(): number {
    return this.read(0x70);
  }

  set status(value: number) {
    this.write(0x70, value);
  }

  queueSize(index: number): number {
    this.write(0x30, index);
    return this.read(0x34);
  }

  notify(index: number): void {
    this.write(0x50, index);
  }

  readConfig(offset: number, size: AccessSize): number {
    return this.bus.read(MmioTransport.BASE + 0x100 + offset, size);
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    this.bus.write(MmioTransport.BASE + 0x100 + offset, size, value);
  }

  interrupts(): string[] {
    const status = this.read(0x60);
    if (this.line !== (status !== 0)) throw new Error('the line does not tell the interrupt status');
    this.write(0x64, status);
    return isrNames(status);
  }

  elapse(): void {
    elapse(this.clock);
  }

  read(offset: number): number {
    return this.bus.read(MmioTransport.BASE + offset, 4);
  }

  write(offset: number, value: number): void {
    this.bus.write(MmioTransport.BASE + offset, 4, value);
  }
}

/** Virtio over MMIO (4.2.2). */
export class ModernMmio extends MmioTransport implements Transport {
  readonly legacy = false;

  constructor(type: DeviceType) {
    super(type, 2);
  }

  setUpQueue(index: number, size: number, areas: QueueAreas): void {
    this.write(0x30, index);
    this.write(0x38, size);
    [areas.descriptors, areas.driver, areas.device].forEach((gpa, i) => {
      this.write(0x80 + 0x10 * i, gpa % 2 ** 32);
      this.write(0x84 + 0x10 * i, Math.floor(gpa / 2 ** 32));
    });
    this.write(0x44, 1);
  }
}

/** Virtio over MMIO as it was before version 1 (4.2.4). */
export class LegacyMmio extends MmioTransport implements Transport {
  readonly legacy = true;

  constructor(type: DeviceType) {
    super(type, 1);
    this.write(0x28, PAGE);
  }

  override readFeatures(): bigint {
    return super.readFeatures() & 0xffff_ffffn;
  }

  setUpQueue(index: number, size: number, areas: QueueAreas): void {
    this.write(0x30, index);
    this.write(0x38, size);
    this.write(0x3c, PAGE);
    this.write(0x40, areas.descriptors / PAGE);
  }
}

function isrNames(status: number): string[] {
  return [...(status & 1 ? ['queue0'] : []), ...(status & 2 ? ['config'] : [])];
}

/** Every way to a device. */
export const TRANSPORTS: Readonly<Record<string, new (type: DeviceType) => Transport>> = {
  'PCI, modern, MSI-X': ModernPci,
  'PCI, modern, INTx': ModernPciIntx,
  'PCI, modern, MSI': ModernPciMsi,
  'PCI, legacy': LegacyPci,
  'MMIO, version 2': ModernMmio,
  'MMIO, version 1': LegacyMmio,
};
