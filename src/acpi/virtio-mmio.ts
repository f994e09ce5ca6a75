import { MMIO_SLOT_SIZE, type MmioSlot } from '../devices/virtio/transport/mmio-slots.js';
import {
  device,
  integer,
  interrupt,
  memory32Fixed,
  name,
  resourceTemplate,
  string,
  type Statement,
} from './aml.js';

/** A virtio device at a fixed address, by the name that Linux's driver knows: `VR00`, `VR01`, … */
export function virtioMmio({ base, gsi, shared }: MmioSlot, slot: number): Statement {
  const sharing = shared ? 'shared' : 'exclusive';
  return device(
    `VR${slot.toString(16).toUpperCase().padStart(2, '0')}`,
    name('_HID', string('LNRO0005')),
    name('_UID', integer(slot)),
    name('_CCA', integer(1)),
    name(
      '_CRS',
      resourceTemplate(
        memory32Fixed(base, MMIO_SLOT_SIZE),
        interrupt(gsi, { trigger: 'level', polarity: 'high', sharing }),
      ),
    ),
  );
}
