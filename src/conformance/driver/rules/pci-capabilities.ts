import type { VirtioPci } from '../../../devices/virtio/transport/pci.js';
import { hex } from '../../../errors.js';
import type { AccessSize } from '../../../vmm/device.js';
import type { WatchedDevice } from '../watched-device.js';

const CAPABILITIES_POINTER = 0x34;
const VENDOR_SPECIFIC = 0x09;
const PCI_CFG = 5;
const VENDOR_CFG = 9;
/** Of a capability with vendor data: the id of the vendor, and what only that vendor's drivers understand (4.1.4.8). */
const VendorData = { ID: 4, DATA: 6 } as const;
/** Fields of a virtio capability (virtio 1.4, 4.1.4). */
const Capability = { NEXT: 1, LENGTH: 2, TYPE: 3, BAR: 4, OFFSET: 8, SIZE: 12, DATA: 16 } as const;

interface Structure {
  readonly at: number;
  readonly length: number;
  readonly type: number;
  readonly bar: number;
  readonly offset: number;
  readonly size: number;
}

/** Virtio's capabilities in PCI configuration space (4.1.4 and 4.1.4.9). */
export class PciCapabilityRules {
  /** Bytes of the vendor's id that were read: bit 0 and 1. */
  private vendorRead = 0;

  constructor(
    private readonly watched: WatchedDevice,
    private readonly pci: VirtioPci,
  ) {}

  access(direction: 'read' | 'write', offset: number, size: AccessSize, value: number): void {
    if (offset < 0x40) return;
    const structures = this.structures();
    const hit = structures.find(({ at, length }) => offset < at + length && at < offset + size);
    if (!hit) return;
    if (hit.type === PCI_CFG && offset >= hit.at + Capability.BAR) {
      this.window(hit, structures, direction, offset, value);
      return;
    }
    if (hit.type === VENDOR_CFG) this.vendorData(hit, direction, offset, size);
    this.watched.check(
      '4.1.4.1/capability-read-only',
      direction === 'read',
      () => `it writes ${hex(value)} to offset ${hex(offset)} of the configuration space, in a capability`,
    );
  }

  /** Whose data it is stands in front of them. */
  private vendorData({ at }: Structure, direction: 'read' | 'write', offset: number, size: AccessSize): void {
    const covers = (field: number): boolean => offset <= at + field && offset + size > at + field;
    if (direction === 'read') {
      if (covers(VendorData.ID)) this.vendorRead |= 1;
      if (covers(VendorData.ID + 1)) this.vendorRead |= 2;
    }
    const known = this.vendorRead === 3;
    if (!known && offset + size <= at + VendorData.DATA) return;
    this.watched.check(
      '4.1.4.8.2/vendor-id',
      known,
      () => `it ${direction}s vendor data at offset ${hex(offset)} without having read whose they are`,
    );
  }

  /** The window of PCI_CFG, by which the structures are reached without memory accesses. */
  private window(
    { at }: Structure,
    structures: readonly Structure[],
    direction: 'read' | 'write',
    offset: number,
    value: number,
  ): void {
    const { config } = this.pci;
    const bar = config.get(at + Capability.BAR, 1);
    const from = config.get(at + Capability.OFFSET, 4);
    const length = config.get(at + Capability.SIZE, 4);
    if (offset === at + Capability.OFFSET && direction === 'write' && length > 0) {
      this.watched.check(
        '4.1.4.9.2/window-aligned',
        value % length === 0,
        () => `it writes the offset ${hex(value)} for accesses of ${length} bytes`,
      );
    }
    if (offset !== at + Capability.DATA) return;
    const inside = structures.some(
      other =>
        other.type !== PCI_CFG &&
        other.bar === bar &&
        from >= other.offset &&
        from + length <= other.offset + other.size,
    );
    this.watched.check(
      '4.1.4.9.2/window-in-structure',
      inside,
      () => `it reaches ${length} bytes at ${hex(from)} of BAR ${bar}`,
    );
  }

  private structures(): readonly Structure[] {
    const { config } = this.pci;
    const found: Structure[] = [];
    for (
      let at = config.get(CAPABILITIES_POINTER, 1);
      at >= 0x40 && found.length < 48;
      at = config.get(at + 1, 1)
    ) {
      if (config.get(at, 1) !== VENDOR_SPECIFIC) continue;
      found.push({
        at,
        length: config.get(at + Capability.LENGTH, 1),
        type: config.get(at + Capability.TYPE, 1),
        bar: config.get(at + Capability.BAR, 1),
        offset: config.get(at + Capability.OFFSET, 4),
        size: config.get(at + Capability.SIZE, 4),
      });
    }
    return found;
  }
}
