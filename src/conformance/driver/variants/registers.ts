import { DeviceId } from '../../../devices/virtio/device-type.js';
import { VirtioMmio } from '../../../devices/virtio/transport/mmio.js';
import type { RegisterFilter, Variant, VariantDevice } from './variant.js';

/** Registers of MMIO (virtio 1.4, 4.2.2). */
const Mmio = {
  MAGIC_VALUE: 0x000,
  VERSION: 0x004,
  DEVICE_ID: 0x008,
  QUEUE_SEL: 0x030,
  QUEUE_READY: 0x044,
  INTERRUPT_STATUS: 0x060,
  STATUS: 0x070,
  QUEUE_RESET: 0x0c0,
  CONFIG: 0x100,
} as const;
/** Of the common configuration structure of PCI (4.1.4.3). */
const Pci = {
  STATUS: 0x14,
  QUEUE_SELECT: 0x16,
  QUEUE_ENABLE: 0x1c,
  QUEUE_RESET: 0x3a,
  CONFIG: 0x2000,
} as const;

const WRONG_MAGIC = 0x7472_6977;
const WRONG_VERSION = 3;
const UNDEFINED_INTERRUPTS = 0xffff_fff8;
/** What speed and duplex may not say (5.1.4). */
const Speed = { OFFSET: 12, ODD: 0x8000_0001, DUPLEX: 16, ODD_DUPLEX: 0x5a } as const;
const ACKNOWLEDGE = 1;
/** Reads that a reset takes. */
const PATIENCE = 3;

/** One register of an MMIO device that always reads `value`. */
function mmioReads(register: number, value: number): NonNullable<Variant['registers']> {
  return ({ transport }) => ({
    read: (_area, offset, size, own) =>
      transport instanceof VirtioMmio && offset === register && size === 4 ? value : own,
  });
}

/** Resets of the device and of its queues that are done after a few looks. */
function slowResets({ transport }: VariantDevice): RegisterFilter {
  const isMmio = transport instanceof VirtioMmio;
  const [status, reset, enabled] = isMmio
    ? [Mmio.STATUS, Mmio.QUEUE_RESET, Mmio.QUEUE_READY]
    : [Pci.STATUS, Pci.QUEUE_RESET, Pci.QUEUE_ENABLE];
  let deviceLeft = 0;
  const queuesLeft = new Map<number, number>();
  const selected = (): number =>
    transport instanceof VirtioMmio ? transport.queueSel : transport.queueSelect;
  return {
    read: (area, offset, _size, own) => {
      if (area !== 'mmio' && area !== 'pci-modern') return own;
      if (offset === status && deviceLeft > 0) {
        deviceLeft--;
        return ACKNOWLEDGE;
      }
      const left = queuesLeft.get(selected()) ?? 0;
      if (left === 0 || (offset !== reset && offset !== enabled)) return own;
      if (offset === reset) queuesLeft.set(selected(), left - 1);
      return 1;
    },
    written: (area, offset, _size, value) => {
      if (area !== 'mmio' && area !== 'pci-modern') return;
      if (offset === status) deviceLeft = value === 0 ? PATIENCE : 0;
      else if (offset === reset && value === 1) queuesLeft.set(selected(), PATIENCE);
      else if (offset === enabled && value === 1) queuesLeft.delete(selected());
    },
  };
}

/** Numbers that are no speed and no duplex, of a network card. */
function oddSpeed({ transport, type }: VariantDevice): RegisterFilter {
  const config = transport instanceof VirtioMmio ? Mmio.CONFIG : Pci.CONFIG;
  return {
    read: (area, offset, _size, own) => {
      if (type.id !== DeviceId.NET || (area !== 'mmio' && area !== 'pci-modern')) return own;
      if (offset === config + Speed.OFFSET) return Speed.ODD;
      return offset === config + Speed.DUPLEX ? Speed.ODD_DUPLEX : own;
    },
  };
}

/** Variants of what registers say. */
export const REGISTERS = {
  'wrong-magic': {
    what: 'MMIO devices with another MagicValue',
    absent: true,
    registers: mmioReads(Mmio.MAGIC_VALUE, WRONG_MAGIC),
  },
  'wrong-version': {
    what: 'MMIO devices of a version to come',
    absent: true,
    registers: mmioReads(Mmio.VERSION, WRONG_VERSION),
  },
  placeholders: {
    what: 'MMIO devices with DeviceID 0',
    absent: true,
    registers: mmioReads(Mmio.DEVICE_ID, 0),
  },
  'odd-interrupt-status': {
    what: 'undefined bits are set in InterruptStatus of MMIO devices',
    provokes: ['4.2.2.2/undefined-bits'],
    late: true,
    registers: ({ transport, acted }) => ({
      read: (_area, offset, _size, own) => {
        if (!(transport instanceof VirtioMmio) || offset !== Mmio.INTERRUPT_STATUS || own === 0) return own;
        acted();
        return (own | UNDEFINED_INTERRUPTS) >>> 0;
      },
    }),
  },
  'slow-resets': {
    what: 'resets of devices and queues that take a while',
    registers: slowResets,
  },
  'odd-speed': {
    what: 'a network card whose speed and duplex make no sense',
    provokes: ['5.1.4.2/speed'],
    registers: oddSpeed,
  },
} as const satisfies Readonly<Record<string, Variant>>;
