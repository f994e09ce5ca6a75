import { describe, expect, it } from 'vitest';
import { basicMemory, lowRamEnd, memoryMap } from '../../../../src/vmm/boot/e820.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { MIB } from './images.js';

const GIB = 1024 * MIB;

/** Memory of any size, without the host's having to give it: only sizes are looked at. */
function sized(bytes: number): GuestMemory {
  const buffer = new SharedArrayBuffer(0);
  const low = { gpa: 0, size: Math.min(bytes, 3 * GIB), buffer, offset: 0 };
  const segments = [low];
  for (let rest = bytes - low.size, gpa = 4 * GIB; rest > 0; rest -= 4 * GIB, gpa += 4 * GIB) {
    segments.push({ gpa, size: Math.min(rest, 4 * GIB), buffer, offset: 0 });
  }
  return Object.assign(Object.create(GuestMemory.prototype) as GuestMemory, { segments, size: bytes });
}

describe('the memory map', () => {
  it('of a small machine', () => {
    expect(memoryMap(sized(256 * MIB))).toEqual([
      { start: 0, end: 0x9_fc00, type: 1 },
      { start: 0x9_fc00, end: 0x10_0000, type: 2 },
      { start: 0x10_0000, end: 0x1000_0000, type: 1 },
      { start: 0xe000_0000, end: 0xf000_0000, type: 2 },
      { start: 0xfec0_0000, end: 0x1_0000_0000, type: 2 },
    ]);
  });

  it('of a machine with RAM above 4 GiB, in as many segments as it takes', () => {
    const map = memoryMap(sized(12 * GIB));
    expect(map[2]).toEqual({ start: 0x10_0000, end: 0xc000_0000, type: 1 });
    expect(map.at(-1)).toEqual({ start: 0x1_0000_0000, end: 13 * GIB, type: 1 });
  });

  it.each([2 * MIB, 100 * MIB + 4096, 3 * GIB, 3 * GIB + 4096, 40 * GIB])(
    'of %i bytes is sorted, without overlaps, and has all RAM but what the firmware has',
    size => {
      const map = memoryMap(sized(size));
      map.forEach((entry, i) => expect(entry.start).toBeGreaterThanOrEqual(i === 0 ? 0 : map[i - 1].end));
      const usable = map
        .filter(({ type }) => type === 1)
        .reduce((sum, { start, end }) => sum + end - start, 0);
      expect(usable).toBe(size - (0x10_0000 - 0x9_fc00));
    },
  );

  it('leaves room for PCI BARs below 4 GiB', () => {
    const inHole = memoryMap(sized(8 * GIB)).filter(({ end, start }) => end > 0xc000_0000 && start < 4 * GIB);
    expect(inHole.every(({ start }) => start >= 0xe000_0000)).toBe(true);
  });

  it('in the two numbers of a BIOS', () => {
    expect(basicMemory(sized(256 * MIB))).toEqual({ lowerKiB: 639, upperKiB: 255 * 1024 });
    expect(basicMemory(sized(8 * GIB))).toEqual({ lowerKiB: 639, upperKiB: 3071 * 1024 });
    expect(lowRamEnd(sized(8 * GIB))).toBe(3 * GIB);
  });
});
