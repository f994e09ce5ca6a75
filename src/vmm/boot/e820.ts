import { ECAM_BASE } from '../../devices/pci/config-access.js';
import { HIGH_RAM_START, MMIO_HOLE_START, type GuestMemory } from '../memory/guest-memory.js';

/** A piece of the guest physical address space, `start` included, `end` not. */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

/** What a memory map says about a range: the types of the ACPI specification 6.5, table 15.3, that occur here. */
export const E820_RAM = 1;
export const E820_RESERVED = 2;

export interface MemoryMapEntry extends AddressRange {
  readonly type: typeof E820_RAM | typeof E820_RESERVED;
}

/** End of base memory: 639 KiB, as on a PC with a 1 KiB extended BIOS data area. */
export const BASE_MEMORY_END = 0x9_fc00;
/** From the end of base memory to here the MP table and the ACPI tables live, in RAM that is not the kernel's. */
export const FIRMWARE_END = 0x10_0000;

/** PCI's memory-mapped configuration space: 256 buses of 1 MiB (PCI Express base specification 6.0, 7.2.2). */
export const ECAM: AddressRange = { start: ECAM_BASE, end: ECAM_BASE + 0x1000_0000 };
/** IOAPIC, HPET, local APICs, and above them where a PC has its firmware. */
export const CHIPSET_MMIO: AddressRange = { start: 0xfec0_0000, end: 0x1_0000_0000 };

/**
 * The machine's memory map, sorted, without overlaps. What it leaves out below 4 GiB is for PCI BARs: Linux looks for
 * room for them in gaps of the map, so the hole is not reserved as a whole.
 */
export function memoryMap(memory: GuestMemory): readonly MemoryMapEntry[] {
  const ram = (start: number, end: number): MemoryMapEntry => ({ start, end, type: E820_RAM });
  const reserved = (start: number, end: number): MemoryMapEntry => ({ start, end, type: E820_RESERVED });
  const map = [
    ram(0, BASE_MEMORY_END),
    reserved(BASE_MEMORY_END, FIRMWARE_END),
    ram(FIRMWARE_END, lowRamEnd(memory)),
    reserved(ECAM.start, ECAM.end),
    reserved(CHIPSET_MMIO.start, CHIPSET_MMIO.end),
  ];
  const high = memory.segments.filter(segment => segment.gpa >= HIGH_RAM_START);
  const last = high.at(-1);
  // The segments above 4 GiB lie one behind the other: they are one range to the guest.
  if (last) map.push(ram(HIGH_RAM_START, last.gpa + last.size));
  return map;
}

/** Where the RAM that starts at 0 ends, at the latest at the hole below 4 GiB. */
export function lowRamEnd(memory: GuestMemory): number {
  return Math.min(memory.segments[0].size, MMIO_HOLE_START);
}

/**
 * The two sizes that a BIOS reports, in KiB: base memory from 0, and extended memory from 1 MiB up to the first hole
 * (Multiboot specification 0.6.96, 3.3).
 */
export function basicMemory(memory: GuestMemory): { readonly lowerKiB: number; readonly upperKiB: number } {
  return {
    lowerKiB: BASE_MEMORY_END / 1024,
    upperKiB: Math.floor((lowRamEnd(memory) - FIRMWARE_END) / 1024),
  };
}
