import { RING_FEATURES } from '../../vmm/machine/ring-options.js';
import type { VirtioInterface } from '../../vmm/machine/virtio-interface.js';

/**
 * What a device is made of: a disk, a card, a source of entropy, the console device, one of its ports, or something that
 * every machine has.
 */
export type DeviceRole = 'disk' | 'net' | 'rng' | 'console' | 'port' | 'fixed';

/** A device that `--device` names. */
export interface DeviceKind {
  /** QEMU's name of it. */
  readonly name: string;
  readonly bus: 'PCI' | 'virtio-mmio' | 'virtio-serial-bus' | 'ISA' | 'by the machine';
  readonly description: string;
  readonly role: DeviceRole;
  readonly interface?: VirtioInterface;
  /** Properties, with what they mean; of a fixed device, with the only value that there is. */
  readonly properties: Readonly<Record<string, string>>;
}

const RING: Readonly<Record<string, string>> = Object.fromEntries(
  RING_FEATURES.map(name => [name, 'on|off, whether the driver is offered it']),
);
const PCI = { vectors: 'of MSI-X; 0: MSI with one message' };
const GENERATIONS = {
  'disable-legacy': 'on|off, without the interface from before version 1',
  'disable-modern': 'on|off, without that of version 1',
};
const DISK = {
  drive: 'the id= of a --disk',
  serial: 'up to 20 characters that the guest can read',
  'num-queues': '1 to 64',
  'queue-size': 'a power of two, 4 to 1024',
  logical_block_size: 'bytes',
  physical_block_size: 'bytes',
  'write-cache': 'on|off',
  ...RING,
};
const NET = { netdev: 'the id= of a --net', mac: 'XX:XX:XX:XX:XX:XX', host_mtu: 'bytes' };
const SERIAL = { id: 'by which ports name its bus, ID.0', max_ports: '1 to 31' };
const PORT = {
  chardev: 'the id= of a --chardev or --console',
  name: 'how the guest finds it',
  bus: 'ID.0 of the virtio-serial device',
};

const ROLES = [
  { type: 'blk', role: 'disk', description: 'Virtio block device', properties: DISK, pci: PCI },
  { type: 'net', role: 'net', description: 'Virtio network card', properties: NET, pci: PCI },
  { type: 'serial', role: 'console', description: 'Virtio console device', properties: SERIAL, pci: {} },
  { type: 'rng', role: 'rng', description: 'Virtio source of entropy', properties: {}, pci: {} },
] as const;

/** Every device that `--device` has. */
export const DEVICE_KINDS: readonly DeviceKind[] = [
  ...ROLES.flatMap(({ type, role, description, properties, pci }): DeviceKind[] => [
    { name: `virtio-${type}`, bus: 'by the machine', role, description, properties },
    {
      name: `virtio-${type}-pci`,
      bus: 'PCI',
      role,
      description,
      properties: { ...properties, ...pci, ...GENERATIONS },
      interface: 'transitional',
    },
    {
      name: `virtio-${type}-pci-transitional`,
      bus: 'PCI',
      role,
      description,
      properties: { ...properties, ...pci },
      interface: 'transitional',
    },
    {
      name: `virtio-${type}-pci-non-transitional`,
      bus: 'PCI',
      role,
      description,
      properties: { ...properties, ...pci },
      interface: 'modern',
    },
    { name: `virtio-${type}-device`, bus: 'virtio-mmio', role, description, properties, interface: 'mmio' },
  ]),
  {
    name: 'virtconsole',
    bus: 'virtio-serial-bus',
    role: 'port',
    description: 'Port of the console device: a terminal',
    properties: PORT,
  },
  {
    name: 'virtserialport',
    bus: 'virtio-serial-bus',
    role: 'port',
    description: 'Port of the console device: a stream of bytes with a name',
    properties: PORT,
  },
  {
    name: 'isa-debug-exit',
    bus: 'ISA',
    role: 'fixed',
    description: 'Ends the run; every machine has it',
    properties: { iobase: '0xf4', iosize: '0x04' },
  },
  {
    name: 'isa-debugcon',
    bus: 'ISA',
    role: 'fixed',
    description: 'Debug console; every machine has it',
    properties: { iobase: '0xe9' },
  },
  {
    name: 'pvpanic',
    bus: 'ISA',
    role: 'fixed',
    description: 'Hears of the guest’s panics; every machine has it',
    properties: { ioport: '0x505' },
  },
];

/** What `--device help` prints. */
export function listDevices(): string {
  const lines = DEVICE_KINDS.map(
    ({ name, bus, description }) => `name "${name}", bus ${bus}, ${description}`,
  );
  return `${lines.join('\n')}\n`;
}

/** What `--device NAME,help` prints. */
export function listProperties({ name, properties }: DeviceKind): string {
  const lines = Object.entries(properties).map(([property, meaning]) => `  ${property}=<${meaning}>`);
  return lines.length > 0 ? `${name} options:\n${lines.join('\n')}\n` : `There are no options for ${name}.\n`;
}
