import type { BarInspection, PciInspection, VirtioInspection } from '../../vmm/machine/inspection.js';
import { Status } from '../../devices/virtio/status.js';
import type { DeviceState } from '../../vmm/device.js';
import { MonitorError, type MonitorCommand } from '../command.js';
import { bitNames, hex64, hexDigits, sizeText } from '../format.js';

/** PCI class codes of what machines here have, without the programming interface (PCI code and ID assignment 1.11). */
const CLASSES: Readonly<Record<number, string>> = {
  0x00ff: 'Unclassified device',
  0x0100: 'SCSI controller',
  0x0200: 'Ethernet controller',
  0x0600: 'Host bridge',
  0x0601: 'ISA bridge',
  0x0780: 'Communication controller',
};

const VIRTIO_TYPES: Readonly<Record<number, string>> = { 1: 'net', 2: 'block', 3: 'console', 4: 'entropy' };

function rangeText(space: string, base: number, size: number): string {
  const digits = space === 'port' ? 4 : 16;
  return `${hexDigits(base, digits)}-${hexDigits(base + size - 1, digits)}`;
}

function barLine({ index, space, is64, prefetchable, address, size, mapped }: BarInspection): string {
  const kind =
    space === 'port' ? 'I/O' : `${is64 ? 64 : 32} bit ${prefetchable ? 'prefetchable ' : ''}memory`;
  const place = `0x${address.toString(16)} [0x${(address + size - 1).toString(16)}]`;
  return `      BAR${index}: ${kind} at ${place}${mapped ? '' : ', not mapped'}`;
}

function functionLines(each: PciInspection): string[] {
  const { slot, vendorId, deviceId, subsystemVendorId, subsystemId, classCode } = each;
  const name = CLASSES[classCode >>> 8] ?? `Class ${hexDigits(classCode >>> 8, 4)}`;
  const identity = (vendor: number, device: number): string =>
    `${hexDigits(vendor, 4)}:${hexDigits(device, 4)}`;
  return [
    `  Bus  0, device ${String(slot).padStart(3)}, function ${each.function}:`,
    `    ${name}: PCI device ${identity(vendorId, deviceId)}`,
    ...(subsystemVendorId ? [`      PCI subsystem ${identity(subsystemVendorId, subsystemId)}`] : []),
    ...(each.interruptPin > 0
      ? [`      IRQ ${each.interruptLine}, pin ${'ABCD'[each.interruptPin - 1]}`]
      : []),
    ...each.bars.map(barLine),
    `      id "${each.name}"`,
  ];
}

function queueLines(device: VirtioInspection): string[] {
  const { name, type, status, features, violations, queues } = device;
  const words = bitNames(status, Status);
  return [
    `${name}: virtio ${VIRTIO_TYPES[type] ?? type}, status 0x${hexDigits(status, 2)}${words.length > 0 ? ` (${words.join(' ')})` : ''}, features 0x${features.toString(16)}`,
    ...queues.flatMap((queue, index) => {
      if (!queue.enabled) return [];
      const { progress } = queue;
      const kind = queue.packed ? 'packed' : 'split';
      const place = `descriptors 0x${queue.descriptors.toString(16)} driver 0x${queue.driver.toString(16)} device 0x${queue.device.toString(16)}`;
      const where = progress
        ? `${progress.available === undefined ? '' : `avail ${progress.available} `}next ${progress.next} used ${progress.used} in flight ${progress.inFlight}${progress.broken ? ' BROKEN' : ''}`
        : 'not running';
      return [`  queue ${index}: ${kind}, size ${queue.size}, ${where}`, `    ${place}`];
    }),
    ...violations.map(
      ({ section, rule, queue }) =>
        `  broken rule, virtio 1.3, ${section}${queue === undefined ? '' : `, queue ${queue}`}: ${rule}`,
    ),
  ];
}

/** A device's state, a line a field; lists of numbers on one. */
export function stateLines(state: DeviceState, indent = ''): string[] {
  return Object.entries(state).flatMap(([key, value]) => {
    if (Array.isArray(value) && value.some(item => typeof item === 'object')) {
      return value.flatMap((item: DeviceState, i) => [
        `${indent}${key}[${i}]:`,
        ...stateLines(item, `${indent}  `),
      ]);
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return [`${indent}${key}:`, ...stateLines(value as DeviceState, `${indent}  `)];
    }
    return [`${indent}${key}: ${valueText(value)}`];
  });
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return listText(value);
  if (typeof value !== 'number' || !Number.isInteger(value) || Math.abs(value) < 10) return String(value);
  return `${value} (0x${value.toString(16)})`;
}

/** Long lists, a disk's sectors or a configuration space, end early. */
const MAX_ITEMS = 64;

function listText(items: readonly unknown[]): string {
  const shown = items.slice(0, MAX_ITEMS).map(String).join(' ');
  return items.length > MAX_ITEMS ? `${shown} … (${items.length} values)` : shown;
}

export const DEVICE_TOPICS: readonly MonitorCommand[] = [
  {
    name: 'devices',
    alias: 'qtree',
    help: 'the devices and what each claims',
    run: async (_, { machine }) =>
      (await machine.inspect()).devices.flatMap(({ name, ranges }) => [
        name,
        ...ranges.map(
          ({ space, base, size }) =>
            `  ${space === 'port' ? 'i/o ' : 'mmio'} ${rangeText(space, base, size)}`,
        ),
      ]),
  },
  {
    name: 'device',
    parameters: 'NAME',
    help: 'the state of a device: what its save() tells',
    run: async ([name], { machine }) => {
      if (name === undefined) throw new MonitorError('which device? info devices lists them');
      return stateLines(await machine.device(name));
    },
  },
  {
    name: 'pci',
    help: 'the functions of the PCI bus',
    run: async (_, { machine }) => {
      const { pci } = await machine.inspect();
      return pci.length > 0 ? pci.flatMap(functionLines) : ['the machine has no PCI bus'];
    },
  },
  {
    name: 'mtree',
    help: 'who answers at which addresses and ports',
    run: async (_, { machine }) => {
      const claims = await machine.claims();
      const list = (space: string): string[] =>
        claims
          .filter(claim => claim.space === space)
          .map(({ base, size, owner }) => `  ${rangeText(space, base, size)}: ${owner}`);
      const ram = machine.memory.segments.map(
        ({ gpa, size }) => `  ${rangeText('mmio', gpa, size)}: ram (${sizeText(size)})`,
      );
      return ['memory', ...[...ram, ...list('mmio')].sort(), 'I/O', ...list('port')];
    },
  },
  {
    name: 'queues',
    alias: 'virtio',
    help: 'virtio devices and their queues: indices and buffers in flight',
    run: async (_, { machine }) => {
      const { virtio } = await machine.inspect();
      return virtio.length > 0 ? virtio.flatMap(queueLines) : ['the machine has no virtio device'];
    },
  },
  {
    name: 'block',
    help: 'the disks',
    run: (_, { machine }) =>
      machine.disks.length > 0
        ? machine.disks.map(
            ({ file, readOnly, snapshot, interface: kind }, i) =>
              `virtio-blk${i}: ${file} (${[kind, readOnly ? 'read-only' : 'read-write', ...(snapshot ? ['snapshot'] : [])].join(', ')})`,
          )
        : ['the machine has no disk'],
  },
  {
    name: 'network',
    help: 'the network cards',
    run: async (_, { machine }) => {
      const cards = (await machine.inspect()).virtio.filter(({ mac }) => mac !== undefined);
      return cards.length > 0
        ? cards.map(
            ({ name, mac, status }) =>
              `${name}: mac ${mac}, ${status & Status.DRIVER_OK ? 'in use' : 'not in use'}`,
          )
        : ['the machine has no network card'];
    },
  },
  {
    name: 'chardev',
    help: 'serial ports and consoles',
    run: (_, { machine }) => [
      ...machine.serialPorts.map(({ name }) => `${name}: serial port`),
      ...machine.consoles.map(
        ({ name, kind, isOpen }) => `${name}: virtio ${kind}, ${isOpen ? 'open' : 'closed'} in the guest`,
      ),
    ],
  },
  {
    name: 'unclaimed',
    help: 'accesses that no device answered',
    run: async (_, { machine }) =>
      (await machine.unclaimed()).map(
        ({ space, direction, address, count }) =>
          `${direction} of ${space} ${space === 'port' ? hexDigits(address, 4) : hex64(address)}: ${count} times`,
      ),
  },
];
