import type { AccessSize, BusTarget, DeviceState } from '../../../vmm/device.js';
import { mastersBus, type PciIdentity } from '../../pci/header.js';
import { PciFunction, type PciHost } from '../../pci/function.js';
import { Msi } from '../../pci/msi.js';
import { Msix } from '../../pci/msix.js';
import { DeviceId, type DeviceType } from '../device-type.js';
import type { RegisterArea, VirtioObserver } from '../observer.js';
import { VirtioDevice, type DriverInterrupts, type QueueSetup, type VirtioDeviceOptions } from '../device.js';
import { COMMON_CONFIGURATION } from './pci-common.js';
import { legacySize, legacyTarget } from './pci-legacy.js';

/** How a driver may reach the device: version 1 alone, the legacy interface alone, or both. */
export type PciInterface = 'modern' | 'legacy' | 'transitional';

const VENDOR_ID = 0x1af4;
/** Device ids of PCI (4.1.2.1): 0x1040 + device id; transitional ones have numbers of their own. */
const MODERN_DEVICE_ID = 0x1040;
const TRANSITIONAL_DEVICE_ID: Readonly<Record<number, number>> = {
  [DeviceId.NET]: 0x1000,
  [DeviceId.BLOCK]: 0x1001,
  [DeviceId.CONSOLE]: 0x1003,
  [DeviceId.ENTROPY]: 0x1005,
};
const MODERN_SUBSYSTEM_ID = 0x1100;

const LEGACY_BAR = 0;
const MSIX_BAR = 1;
const MODERN_BAR = 4;

/** Where the structures of version 1 lie in their base address register (4.1.4), a page each. */
const PAGE = 0x1000;
const COMMON = 0;
const ISR = PAGE;
const CONFIG = 2 * PAGE;
const NOTIFY = 3 * PAGE;
const MODERN_SIZE = 4 * PAGE;
/** Bytes from one queue's notification register to the next. */
const NOTIFY_MULTIPLIER = 4;

/** Virtio structure PCI capabilities (4.1.4): vendor-specific, with these types. */
const VENDOR_CAPABILITY = 0x09;
const CapabilityType = { COMMON: 1, NOTIFY: 2, ISR: 3, DEVICE: 4, PCI: 5 } as const;
const CAPABILITY_SIZE = 16;

/** A queue, or configuration changes, without an interrupt of their own (4.1.5.1.2). */
const NO_VECTOR = 0xffff;

const IsrBit = { QUEUE: 1, CONFIG: 2 } as const;

export interface VirtioPciOptions extends VirtioDeviceOptions {
  readonly name: string;
  readonly host: PciHost;
  /** `transitional` by default. */
  readonly interface?: PciInterface;
  /**
   * MSI-X vectors; one a queue and one for configuration changes by default. With 0 there is MSI with one message
   * instead, as bhyve has it, for what the interrupt status register tells.
   */
  readonly vectors?: number | undefined;
}

/** A virtio device on the PCI bus (virtio 1.3, 4.1), by the modern interface, the legacy one, or both. */
export class VirtioPci extends PciFunction implements DriverInterrupts {
  readonly device: VirtioDevice;
  readonly msix: Msix | undefined;
  private readonly msi: Msi | undefined;
  deviceFeatureSelect = 0;
  driverFeatureSelect = 0;
  queueSelect = 0;
  configVector = NO_VECTOR;
  private readonly queueVectors: Uint16Array;
  private isr = 0;
  private readonly observer: VirtioObserver | undefined;
  /** Offset of the capability through which configuration space reaches the structures; 0 without. */
  private window = 0;

  constructor(options: VirtioPciOptions) {
    const { name, type, host, interface: kind = 'transitional' } = options;
    super(name, identityOf(type, kind), host);
    this.observer = options.observer;
    this.device = new VirtioDevice(options, this);
    this.device.setMastering(false);
    const queues = type.queueSizes.length;
    this.queueVectors = new Uint16Array(queues).fill(NO_VECTOR);
    const send = (address: number, data: number): void => host.sendMsi(address, data);
    const vectors = options.vectors ?? queues + 1;
    if (vectors > 0) this.msix = new Msix(vectors, this.config, MSIX_BAR, send);
    else this.msi = new Msi(1, this.config, send);
    if (kind !== 'modern') {
      const size = legacySize(type.configSize);
      const target = this.observed('pci-legacy', legacyTarget(this));
      this.addBar({ index: LEGACY_BAR, space: 'port', size, target });
    }
    if (this.msix) {
      const target = this.observed('msix', this.msix.target);
      this.addBar({ index: MSIX_BAR, space: 'mmio', size: this.msix.size, target });
    }
    if (kind !== 'legacy') this.addModernInterface();
  }

  /** The queue that the driver has selected, if there is one. */
  get queue(): QueueSetup | undefined {
    return this.device.queues[this.queueSelect];
  }

  /** What a vector register reads after a write: NO_VECTOR when there is no such vector (4.1.5.1.2). */
  existingVector(value: number): number {
    return value < (this.msix?.vectors ?? 0) ? value : NO_VECTOR;
  }

  get queueVector(): number {
    return this.queueVectors[this.queueSelect] ?? NO_VECTOR;
  }

  set queueVector(value: number) {
    if (this.queueSelect < this.queueVectors.length) {
      this.queueVectors[this.queueSelect] = this.existingVector(value);
    }
  }

  writeStatus(value: number, legacy = false): void {
    this.device.writeStatus(value, legacy);
    if (value === 0) this.resetInterrupts();
  }

  /** Reading acknowledges the interrupt (4.1.4.5). */
  readIsr(): number {
    const { isr } = this;
    this.isr = 0;
    this.setIntx(false);
    return isr;
  }

  /** @internal For the device: used buffers in queue `index`. */
  queueInterrupt(index: number): void {
    this.interrupt(this.queueVectors[index], IsrBit.QUEUE);
  }

  /** @internal For the device: its configuration has changed. */
  configInterrupt(): void {
    this.interrupt(this.configVector, IsrBit.CONFIG);
  }

  override readConfig(offset: number, size: AccessSize): number {
    if (this.inWindow(offset, size)) this.config.set(offset, size, this.windowRead(size));
    const value = super.readConfig(offset, size);
    this.observer?.configuration('read', offset, size, value);
    return value;
  }

  override writeConfig(offset: number, size: AccessSize, value: number): void {
    super.writeConfig(offset, size, value);
    this.observer?.configuration('write', offset, size, value);
    if (!this.inWindow(offset, size)) return;
    const [target, at, length] = this.windowTarget();
    if (length === size) target?.write(at, size, value);
  }

  override reset(): void {
    this.device.reset();
    super.reset();
    this.device.setMastering(false);
    this.msix?.reset();
    this.deviceFeatureSelect = 0;
    this.driverFeatureSelect = 0;
    this.queueSelect = 0;
    this.resetInterrupts();
  }

  override save(): DeviceState {
    return {
      function: super.save(),
      device: this.device.save(),
      ...(this.msix && { msix: this.msix.save() }),
      selects: [this.deviceFeatureSelect, this.driverFeatureSelect, this.queueSelect],
      configVector: this.configVector,
      queueVectors: Array.from(this.queueVectors),
      isr: this.isr,
    } satisfies VirtioPciState;
  }

  override load(state: DeviceState): void {
    const saved = state as VirtioPciState;
    super.load(saved.function);
    this.device.setMastering(mastersBus(this.config));
    if (saved.msix) this.msix?.load(saved.msix);
    this.updateLine();
    [this.deviceFeatureSelect, this.driverFeatureSelect, this.queueSelect] = saved.selects;
    this.configVector = saved.configVector;
    this.queueVectors.set(saved.queueVectors);
    this.isr = saved.isr;
    this.device.load(saved.device);
  }

  protected override commandWritten(): void {
    this.device.setMastering(mastersBus(this.config));
    this.msix?.commandWritten();
    this.msi?.commandWritten();
  }

  protected override get sendsMessages(): boolean {
    return this.msix?.enabled === true || this.msi?.enabled === true;
  }

  private addModernInterface(): void {
    const { config } = this;
    this.addBar({
      index: MODERN_BAR,
      space: 'mmio',
      size: MODERN_SIZE,
      is64: true,
      prefetchable: true,
      target: this.observed('pci-modern', this.modernTarget()),
    });
    const structure = (name: string, type: number, offset: number, length: number, extra = 0): number =>
      config.addCapability(name, VENDOR_CAPABILITY, CAPABILITY_SIZE + extra, () => [
        { name: `${name}_LENGTH`, offset: 2, width: 1, value: CAPABILITY_SIZE + extra },
        { name: `${name}_TYPE`, offset: 3, width: 1, value: type },
        { name: `${name}_BAR`, offset: 4, width: 1, value: MODERN_BAR },
        { name: `${name}_OFFSET`, offset: 8, width: 4, value: offset },
        { name: `${name}_SIZE`, offset: 12, width: 4, value: length },
        ...(extra > 0
          ? [{ name: `${name}_MULTIPLIER`, offset: 16, width: 4 as const, value: NOTIFY_MULTIPLIER }]
          : []),
      ]);
    structure('VIRTIO_COMMON', CapabilityType.COMMON, COMMON, PAGE);
    structure('VIRTIO_ISR', CapabilityType.ISR, ISR, PAGE);
    structure('VIRTIO_DEVICE', CapabilityType.DEVICE, CONFIG, PAGE);
    structure('VIRTIO_NOTIFY', CapabilityType.NOTIFY, NOTIFY, PAGE, 4);
    this.window = config.addCapability('VIRTIO_WINDOW', VENDOR_CAPABILITY, CAPABILITY_SIZE + 4, () => [
      { name: 'VIRTIO_WINDOW_LENGTH', offset: 2, width: 1, value: CAPABILITY_SIZE + 4 },
      { name: 'VIRTIO_WINDOW_TYPE', offset: 3, width: 1, value: CapabilityType.PCI },
      { name: 'VIRTIO_WINDOW_BAR', offset: 4, width: 1, writable: 0xff },
      { name: 'VIRTIO_WINDOW_OFFSET', offset: 8, width: 4, writable: 0xffff_ffff },
      { name: 'VIRTIO_WINDOW_SIZE', offset: 12, width: 4, writable: 0xffff_ffff },
      { name: 'VIRTIO_WINDOW_DATA', offset: 16, width: 4, writable: 0xffff_ffff },
    ]);
  }

  private modernTarget(): BusTarget {
    const common = COMMON_CONFIGURATION.bind(this);
    const { config } = this.device.type;
    return {
      read: (offset, size) => {
        if (offset < ISR) return common.read(offset, size);
        if (offset < CONFIG) return offset === ISR ? this.readIsr() : 0;
        return offset < NOTIFY ? config.read(offset - CONFIG, size) : 0;
      },
      write: (offset, size, value) => {
        // The register says which queue; with VIRTIO_F_NOTIFICATION_DATA the value says more, which nobody needs.
        if (offset >= NOTIFY) this.device.notify(Math.floor((offset - NOTIFY) / NOTIFY_MULTIPLIER));
        else if (offset < ISR) common.write(offset, size, value);
        else if (offset >= CONFIG) config.write(offset - CONFIG, size, value);
      },
      registerName: (offset, direction) => {
        if (offset >= NOTIFY) return `queue_notify ${Math.floor((offset - NOTIFY) / NOTIFY_MULTIPLIER)}`;
        if (offset >= CONFIG) return config.registerName?.(offset - CONFIG, direction) ?? 'config';
        return offset >= ISR ? 'isr_status' : common.registerName!(offset, direction);
      },
    };
  }

  private observed(area: RegisterArea, target: BusTarget): BusTarget {
    return this.observer?.registers(area, target) ?? target;
  }

  private interrupt(vector: number, isr: number): void {
    if (this.msix?.enabled) {
      this.msix.raise(vector);
      return;
    }
    this.isr |= isr;
    if (this.msi?.enabled) this.msi.raise(0);
    else this.setIntx(true);
  }

  private resetInterrupts(): void {
    this.configVector = NO_VECTOR;
    this.queueVectors.fill(NO_VECTOR);
    this.isr = 0;
    this.setIntx(false);
  }

  private inWindow(offset: number, size: AccessSize): boolean {
    return this.window !== 0 && offset === this.window + CAPABILITY_SIZE && size <= 4;
  }

  /** Where the window leads, at which offset, and how wide an access it makes there. */
  private windowTarget(): [target: BusTarget | undefined, offset: number, length: number] {
    const { config, window } = this;
    const index = config.get(window + 4, 1);
    const offset = config.get(window + 8, 4);
    const length = config.get(window + 12, 4);
    const bar = this.bars.find(({ options }) => options.index === index);
    const fits = bar !== undefined && offset + length <= bar.options.size && offset % length === 0;
    return [fits ? bar.options.target : undefined, offset, length];
  }

  private windowRead(size: AccessSize): number {
    const [target, at, length] = this.windowTarget();
    return length === size ? (target?.read(at, size) ?? 0) : 0;
  }
}

type VirtioPciState = {
  readonly function: DeviceState;
  readonly device: DeviceState;
  readonly msix?: DeviceState;
  readonly selects: readonly [number, number, number];
  readonly configVector: number;
  readonly queueVectors: readonly number[];
  readonly isr: number;
};

function identityOf({ id, pciClass }: DeviceType, kind: PciInterface): PciIdentity {
  // Legacy drivers look for revision 0 and the device id in the subsystem id (4.1.2.3).
  const modern = kind === 'modern';
  return {
    vendorId: VENDOR_ID,
    deviceId: modern ? MODERN_DEVICE_ID + id : TRANSITIONAL_DEVICE_ID[id],
    revision: modern ? 1 : 0,
    classCode: pciClass,
    subsystemVendorId: VENDOR_ID,
    subsystemId: modern ? MODERN_SUBSYSTEM_ID : id,
    interruptPin: 1,
  };
}
