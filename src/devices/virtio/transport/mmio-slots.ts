/** Where a machine has its virtio devices that are not on a PCI bus: as QEMU's microvm, but a page each. */
const FIRST_BASE = 0xfeb0_0000;
/** From one device's registers to the next: a page, so that a kernel can map each for itself. */
export const MMIO_SLOT_SIZE = 0x1000;
/** What the chipset's range leaves room for in front of the IOAPIC, and more than one machine needs. */
export const MMIO_SLOTS = 64;

/** Interrupts that nothing else on either board uses. */
const OWN_GSIS = [16, 17, 18, 19, 20, 21, 22, 23] as const;
/** ISA interrupts that are free where there is no PCI bus and no keyboard. */
const ISA_GSIS = [5, 6, 7, 10, 11, 12, 14, 15] as const;

/** A virtio-mmio device's place in its machine. */
export interface MmioSlot {
  readonly base: number;
  /** Global system interrupt, level-triggered and active-high. */
  readonly gsi: number;
  /** Other devices have the same interrupt. */
  readonly shared: boolean;
}

/**
 * The first `count` places.
 * @param pci the machine has a PCI bus, whose interrupts they leave alone
 * @throws RangeError for more than {@link MMIO_SLOTS}
 */
export function mmioSlots(count: number, pci: boolean): readonly MmioSlot[] {
  if (count > MMIO_SLOTS) throw new RangeError(`there are ${MMIO_SLOTS} virtio-mmio slots, not ${count}`);
  const gsis: readonly number[] = pci ? OWN_GSIS : [...OWN_GSIS, ...ISA_GSIS];
  return Array.from({ length: count }, (_, slot) => ({
    base: FIRST_BASE + slot * MMIO_SLOT_SIZE,
    gsi: gsis[slot % gsis.length],
    shared: slot + gsis.length < count || slot >= gsis.length,
  }));
}

/** The kernel parameter that announces a device to Linux, where it is built for that, and to OSv. */
export function mmioParameter({ base, gsi }: MmioSlot): string {
  return `virtio_mmio.device=${MMIO_SLOT_SIZE / 1024}K@0x${base.toString(16)}:${gsi}`;
}
