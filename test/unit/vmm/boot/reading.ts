import type { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';

/** Reads guest memory as a guest would, by the offsets that the specifications give. */

export function textAt(memory: GuestMemory, gpa: number): string {
  let text = '';
  for (let at = gpa; memory.read8(at) !== 0; at++) text += String.fromCharCode(memory.read8(at));
  return text;
}

export interface Range {
  readonly start: number;
  readonly size: number;
  readonly type: number;
}

/** A memory map of entries with a base, a length (8 bytes each) and a type. */
export function mapAt(memory: GuestMemory, gpa: number, count: number, stride: number): Range[] {
  return Array.from({ length: count }, (_, i) => ({
    start: Number(memory.read64(gpa + i * stride)),
    size: Number(memory.read64(gpa + i * stride + 8)),
    type: memory.read32(gpa + i * stride + 16),
  }));
}

/** The map of a machine with less than 3 GiB. */
export function mapOf(ramBytes: number): Range[] {
  return [
    { start: 0, size: 0x9_fc00, type: 1 },
    { start: 0x9_fc00, size: 0x6_0400, type: 2 },
    { start: 0x10_0000, size: ramBytes - 0x10_0000, type: 1 },
    { start: 0xe000_0000, size: 0x1000_0000, type: 2 },
    { start: 0xfec0_0000, size: 0x140_0000, type: 2 },
  ];
}

export function bytesAt(memory: GuestMemory, gpa: number, size: number): number[] {
  return Array.from(memory.bytes(gpa, size));
}
