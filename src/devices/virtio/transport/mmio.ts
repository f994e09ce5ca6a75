import type { BusRange, BusTarget, Device, DeviceState, IrqLine } from '../../../vmm/device.js';
import type { QueueAreas } from '../queue/virtqueue.js';
import { RegisterBlock, type Register } from '../../registers.js';
import { VirtioDevice, type DriverInterrupts, type QueueSetup, type VirtioDeviceOptions } from '../device.js';

/** Register layout: of version 1 of the specification, or that from before (virtio 1.3, 4.2.2 and 4.2.4). */
export type MmioVersion = 1 | 2;

/** Bytes that one device takes: registers, then its configuration space. */
export const MMIO_SIZE = 0x200;
const CONFIG = 0x100;

/** "virt", little-endian. */
const MAGIC = 0x7472_6976;
/** "TSVM", little-endian: drivers only report it. */
const VENDOR_ID = 0x4d56_5354;

const InterruptBit = { USED_BUFFER: 1, CONFIGURATION: 2 } as const;

export interface VirtioMmioOptions extends VirtioDeviceOptions {
  readonly name: string;
  /** Guest physical address of its registers, a multiple of {@link MMIO_SIZE}. */
  readonly base: number;
  readonly irq: IrqLine;
  /** 2 by default. */
  readonly version?: MmioVersion;
}

type VirtioMmioState = {
  readonly device: DeviceState;
  readonly selects: readonly [number, number, number];
  readonly legacyPageSize: number;
  readonly legacyAlignment: number;
  readonly interruptStatus: number;
};

const COMMON_REGISTERS: readonly Register<VirtioMmio>[] = [
  { name: 'MagicValue', offset: 0x000, width: 4, read: () => MAGIC },
  { name: 'Version', offset: 0x004, width: 4, read: mmio => mmio.version },
  { name: 'DeviceID', offset: 0x008, width: 4, read: mmio => mmio.device.type.id },
  { name: 'VendorID', offset: 0x00c, width: 4, read: () => VENDOR_ID },
  {
    name: 'DeviceFeatures',
    offset: 0x010,
    width: 4,
    read: mmio => mmio.device.readDeviceFeatures(mmio.deviceFeaturesSel, mmio.legacy),
  },
  {
    name: 'DeviceFeaturesSel',
    offset: 0x014,
    width: 4,
    write: (mmio, value) => (mmio.deviceFeaturesSel = value),
  },
  {
    name: 'DriverFeatures',
    offset: 0x020,
    width: 4,
    write: (mmio, value) => mmio.device.writeDriverFeatures(mmio.driverFeaturesSel, value),
  },
  {
    name: 'DriverFeaturesSel',
    offset: 0x024,
    width: 4,
    write: (mmio, value) => (mmio.driverFeaturesSel = value),
  },
  { name: 'QueueSel', offset: 0x030, width: 4, write: (mmio, value) => (mmio.queueSel = value) },
  { name: 'QueueSizeMax', offset: 0x034, width: 4, read: mmio => mmio.largestQueue },
  {
    name: 'QueueSize',
    offset: 0x038,
    width: 4,
    write: (mmio, value) => mmio.device.setUpQueue(mmio.queueSel, queue => (queue.size = value)),
  },
  {
    name: 'QueueNotify',
    offset: 0x050,
    width: 4,
    // With VIRTIO_F_NOTIFICATION_DATA the upper half says how far the driver is, which nobody needs (4.2.3.3).
    write: (mmio, value) => mmio.device.notify(value & 0xffff),
  },
  { name: 'InterruptStatus', offset: 0x060, width: 4, read: mmio => mmio.interruptStatus },
  { name: 'InterruptACK', offset: 0x064, width: 4, write: (mmio, value) => mmio.acknowledge(value) },
  {
    name: 'Status',
    offset: 0x070,
    width: 4,
    read: mmio => mmio.device.status,
    write: (mmio, value) => mmio.writeStatus(value & 0xff),
  },
];

/** 4.2.2 */
const REGISTERS = new RegisterBlock<VirtioMmio>(
  [
    ...COMMON_REGISTERS,
    {
      name: 'QueueReady',
      offset: 0x044,
      width: 4,
      read: mmio => (mmio.queue?.enabled ? 1 : 0),
      write: (mmio, value) => mmio.writeQueueReady(value),
    },
    ...area('QueueDesc', 0x080, 'descriptors'),
    ...area('QueueDriver', 0x090, 'driver'),
    ...area('QueueDevice', 0x0a0, 'device'),
    {
      name: 'QueueReset',
      offset: 0x0c0,
      width: 4,
      // A reset is complete when the write returns.
      read: () => 0,
      write: (mmio, value) => {
        if (value === 1) mmio.device.resetQueue(mmio.queueSel);
      },
    },
    { name: 'ConfigGeneration', offset: 0x0fc, width: 4, read: mmio => mmio.device.generation },
    // No shared memory region exists: all ones for its length (4.2.2.1).
    { name: 'SHMLenLow', offset: 0x0b0, width: 4, read: () => 0xffff_ffff },
    { name: 'SHMLenHigh', offset: 0x0b4, width: 4, read: () => 0xffff_ffff },
    { name: 'SHMBaseLow', offset: 0x0b8, width: 4, read: () => 0xffff_ffff },
    { name: 'SHMBaseHigh', offset: 0x0bc, width: 4, read: () => 0xffff_ffff },
  ],
  0,
);

/** 4.2.4 */
const LEGACY_REGISTERS = new RegisterBlock<VirtioMmio>(
  [
    ...COMMON_REGISTERS,
    {
      name: 'GuestPageSize',
      offset: 0x028,
      width: 4,
      write: (mmio, value) => mmio.writePageSize(value),
    },
    { name: 'QueueAlign', offset: 0x03c, width: 4, write: (mmio, value) => (mmio.legacyAlignment = value) },
    {
      name: 'QueuePFN',
      offset: 0x040,
      width: 4,
      read: mmio => mmio.queuePfn,
      write: (mmio, value) => (mmio.queuePfn = value),
    },
  ],
  0,
);

function area(name: string, offset: number, part: keyof QueueAreas): readonly Register<VirtioMmio>[] {
  return [
    {
      name: `${name}Low`,
      offset,
      width: 4,
      write: (mmio, value) => mmio.device.writeQueueAddress(mmio.queueSel, part, 'low', value),
    },
    {
      name: `${name}High`,
      offset: offset + 4,
      width: 4,
      write: (mmio, value) => mmio.device.writeQueueAddress(mmio.queueSel, part, 'high', value),
    },
  ];
}

/** A virtio device at a fixed address (virtio 1.3, 4.2). */
export class VirtioMmio implements Device, DriverInterrupts {
  readonly name: string;
  readonly ranges: readonly BusRange[];
  readonly device: VirtioDevice;
  readonly version: MmioVersion;
  deviceFeaturesSel = 0;
  driverFeaturesSel = 0;
  queueSel = 0;
  interruptStatus = 0;
  legacyPageSize = 0;
  legacyAlignment = 0;
  private readonly irq: IrqLine;

  constructor(options: VirtioMmioOptions) {
    const { name, type, base, irq, version = 2 } = options;
    this.name = name;
    this.version = version;
    this.irq = irq;
    this.device = new VirtioDevice(options, this);
    const target = this.target(type.config);
    const observed = options.observer?.registers('mmio', target) ?? target;
    this.ranges = [{ space: 'mmio', base, size: MMIO_SIZE, target: observed }];
  }

  get legacy(): boolean {
    return this.version === 1;
  }

  /** The queue that the driver has selected, if there is one. */
  get queue(): QueueSetup | undefined {
    return this.device.queues[this.queueSel];
  }

  /** 0: the selected queue does not exist. */
  get largestQueue(): number {
    return this.device.type.queueSizes[this.queueSel] ?? 0;
  }

  writeQueueReady(value: number): void {
    if (value === 0) this.device.resetQueue(this.queueSel);
    else this.device.enableQueue(this.queueSel);
  }

  /** The driver writes it before it uses any queue: later it would say something else of the addresses that there are. */
  writePageSize(value: number): void {
    if (!this.device.queues.some(({ enabled }) => enabled)) this.legacyPageSize = value;
  }

  get queuePfn(): number {
    const { queue } = this;
    return queue?.enabled ? Math.floor(queue.descriptors / this.legacyPageSize) : 0;
  }

  set queuePfn(value: number) {
    // The driver has to have told both before (4.2.4).
    if (this.legacyPageSize === 0 || this.legacyAlignment === 0) return;
    this.device.setLegacyQueue(this.queueSel, value * this.legacyPageSize, this.legacyAlignment);
  }

  writeStatus(value: number): void {
    this.device.writeStatus(value, this.legacy);
    if (value === 0) this.acknowledge(0xff);
  }

  acknowledge(bits: number): void {
    this.interruptStatus &= ~bits;
    this.irq.set(false);
    // Drivers that take the interrupt for edge-triggered, as OSv's, get an edge for what is left.
    if (this.interruptStatus !== 0) this.irq.set(true);
  }

  /** @internal For the device: used buffers in a queue. */
  queueInterrupt(): void {
    this.raise(InterruptBit.USED_BUFFER);
  }

  /** @internal For the device: its configuration has changed. */
  configInterrupt(): void {
    this.raise(InterruptBit.CONFIGURATION);
  }

  reset(): void {
    this.device.reset();
    this.deviceFeaturesSel = 0;
    this.driverFeaturesSel = 0;
    this.queueSel = 0;
    this.legacyPageSize = 0;
    this.legacyAlignment = 0;
    this.acknowledge(0xff);
  }

  save(): DeviceState {
    return {
      device: this.device.save(),
      selects: [this.deviceFeaturesSel, this.driverFeaturesSel, this.queueSel],
      legacyPageSize: this.legacyPageSize,
      legacyAlignment: this.legacyAlignment,
      interruptStatus: this.interruptStatus,
    } satisfies VirtioMmioState;
  }

  load(state: DeviceState): void {
    const saved = state as VirtioMmioState;
    [this.deviceFeaturesSel, this.driverFeaturesSel, this.queueSel] = saved.selects;
    this.legacyPageSize = saved.legacyPageSize;
    this.legacyAlignment = saved.legacyAlignment;
    this.interruptStatus = saved.interruptStatus;
    this.irq.set(this.interruptStatus !== 0);
    this.device.load(saved.device);
  }

  private target(config: BusTarget): BusTarget {
    const registers = (this.legacy ? LEGACY_REGISTERS : REGISTERS).bind(this);
    return {
      read: (offset, size) =>
        offset < CONFIG ? registers.read(offset, size) : config.read(offset - CONFIG, size),
      write: (offset, size, value) => {
        if (offset < CONFIG) registers.write(offset, size, value);
        else config.write(offset - CONFIG, size, value);
      },
      registerName: (offset, direction) =>
        offset < CONFIG
          ? registers.registerName!(offset, direction)
          : (config.registerName?.(offset - CONFIG, direction) ?? 'config'),
    };
  }

  private raise(bit: number): void {
    this.interruptStatus |= bit;
    this.irq.set(true);
  }
}
