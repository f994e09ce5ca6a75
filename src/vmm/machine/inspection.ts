import { DeviceId } from '../../devices/virtio/device-type.js';
import type { VirtioDevice, Violation } from '../../devices/virtio/device.js';
import type { QueueProgress } from '../../devices/virtio/queue/virtqueue.js';
import { Header } from '../../devices/pci/header.js';
import type { PciFunction } from '../../devices/pci/function.js';
import type { Claim } from '../bus/bus.js';
import type { Device } from '../device.js';
import type { Board } from './board.js';
import { virtioInside } from './virtio-bus.js';

/** What a machine is made of, as plain data for people to look at. */
export interface MachineInspection {
  readonly devices: readonly DeviceInspection[];
  readonly pci: readonly PciInspection[];
  readonly virtio: readonly VirtioInspection[];
  /** By global system interrupt. */
  readonly interrupts: readonly InterruptInspection[];
  /** Message-signalled interrupts that have been sent. */
  readonly messages: number;
}

export interface DeviceInspection {
  readonly name: string;
  /** What it claims now. */
  readonly ranges: readonly Pick<Claim, 'space' | 'base' | 'size'>[];
}

export interface InterruptInspection {
  readonly level: boolean;
  /** How often it has gone high. */
  readonly count: number;
}

export interface PciInspection {
  readonly slot: number;
  readonly function: number;
  readonly name: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** Class, subclass and programming interface, 24 bits. */
  readonly classCode: number;
  readonly command: number;
  readonly interruptLine: number;
  /** INTA# to INTD# as 1 to 4, 0 for none. */
  readonly interruptPin: number;
  readonly bars: readonly BarInspection[];
}

export interface BarInspection {
  readonly index: number;
  readonly space: 'port' | 'mmio';
  readonly is64: boolean;
  readonly prefetchable: boolean;
  readonly address: number;
  readonly size: number;
  /** Accesses reach it. */
  readonly mapped: boolean;
}

export interface VirtioInspection {
  readonly name: string;
  /** virtio 1.3, section 5. */
  readonly type: number;
  /** Device status field (2.1). */
  readonly status: number;
  /** What driver and device have agreed on. */
  readonly features: bigint;
  readonly violations: readonly Violation[];
  /** MAC address, of a network card. */
  readonly mac?: string;
  readonly queues: readonly QueueInspection[];
}

export interface QueueInspection {
  readonly size: number;
  readonly enabled: boolean;
  readonly packed: boolean;
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
  /** While it works. */
  readonly progress?: QueueProgress & { readonly broken: boolean };
}

const MAC_BYTES = 6;

/** @internal For the machine worker. */
export function inspect(board: Board): MachineInspection {
  const claims = [...board.ports.list(), ...board.mmio.list()];
  const devices = [...board.allDevices()];
  return {
    devices: devices.map(({ name }) => ({
      name,
      ranges: claims
        .filter(({ owner }) => owner === name)
        .map(({ space, base, size }) => ({ space, base, size })),
    })),
    pci: [...(board.pci?.functions() ?? [])].map(({ slot, number, pciFunction }) =>
      inspectFunction(slot, number, pciFunction),
    ),
    virtio: devices.flatMap(inspectVirtio),
    interrupts: board.router.counts.map((count, gsi) => ({ count, level: board.router.level(gsi) })),
    messages: board.messages,
  };
}

function inspectFunction(slot: number, number: number, { name, config, bars }: PciFunction): PciInspection {
  return {
    slot,
    function: number,
    name,
    vendorId: config.get(Header.VENDOR_ID, 2),
    deviceId: config.get(Header.DEVICE_ID, 2),
    subsystemVendorId: config.get(Header.SUBSYSTEM_VENDOR_ID, 2),
    subsystemId: config.get(Header.SUBSYSTEM_ID, 2),
    classCode: config.get(Header.REVISION_ID, 4) >>> 8,
    command: config.get(Header.COMMAND, 2),
    interruptLine: config.get(Header.INTERRUPT_LINE, 1),
    interruptPin: config.get(Header.INTERRUPT_PIN, 1),
    bars: bars.map(({ options, address, mapped }) => ({
      index: options.index,
      space: options.space,
      is64: options.is64 ?? false,
      prefetchable: options.prefetchable ?? false,
      address,
      size: options.size,
      mapped,
    })),
  };
}

function inspectVirtio(device: Device): VirtioInspection[] {
  const virtio = virtioInside(device);
  if (!virtio) return [];
  const { type, status, features, violations } = virtio;
  const mac = type.id === DeviceId.NET ? macOf(virtio) : undefined;
  return [
    {
      name: device.name,
      type: type.id,
      status,
      features,
      violations,
      ...(mac !== undefined && { mac }),
      queues: virtio.queues.map((setup, index) => {
        const ring = virtio.queue(index);
        return {
          ...setup,
          packed: virtio.packed,
          ...(ring && { progress: { ...ring.progress(), broken: ring.broken } }),
        };
      }),
    },
  ];
}

function macOf({ type }: VirtioDevice): string {
  return Array.from({ length: MAC_BYTES }, (_, i) =>
    type.config.read(i, 1).toString(16).padStart(2, '0'),
  ).join(':');
}
