import { describe, expect, it } from 'vitest';
import {
  MMIO_SLOTS,
  mmioParameter,
  mmioSlots,
} from '../../../../../src/devices/virtio/transport/mmio-slots.js';

describe('the places of virtio devices at fixed addresses', () => {
  it('are a page each, in front of the IOAPIC', () => {
    const bases = mmioSlots(MMIO_SLOTS, false).map(({ base }) => base);
    expect(bases.slice(0, 2)).toEqual([0xfeb0_0000, 0xfeb0_1000]);
    expect(new Set(bases).size).toBe(MMIO_SLOTS);
    expect(bases.at(-1)! + 0x1000).toBeLessThanOrEqual(0xfec0_0000);
  });

  it('share interrupts only when there are none left', () => {
    expect(mmioSlots(8, true).map(({ gsi }) => gsi)).toEqual([16, 17, 18, 19, 20, 21, 22, 23]);
    expect(mmioSlots(8, true).some(({ shared }) => shared)).toBe(false);
    expect(
      mmioSlots(9, true)
        .map(({ shared }) => shared)
        .indexOf(true),
    ).toBe(0);
    expect(
      mmioSlots(9, true)
        .filter(({ shared }) => shared)
        .map(({ gsi }) => gsi),
    ).toEqual([16, 16]);
    const sixteen = mmioSlots(16, false);
    expect(new Set(sixteen.map(({ gsi }) => gsi)).size).toBe(16);
    expect(sixteen.some(({ shared }) => shared)).toBe(false);
  });

  it('are told to kernels as Linux and OSv read it', () => {
    expect(mmioSlots(2, false).map(mmioParameter)).toEqual([
      'virtio_mmio.device=4K@0xfeb00000:16',
      'virtio_mmio.device=4K@0xfeb01000:17',
    ]);
  });

  it('are not without end', () => {
    expect(() => mmioSlots(MMIO_SLOTS + 1, false)).toThrow(RangeError);
  });
});
