import { describe, expect, it } from 'vitest';
import { ConfigError, ImageError } from '../../../../src/errors.js';
import { BootLayout, zeroTerminated } from '../../../../src/vmm/boot/boot-layout.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { MIB } from './images.js';
import { textAt } from './reading.js';

describe('boot layout', () => {
  const memory = GuestMemory.allocate(16 * MIB);
  const kernel = (start: number, end: number) => ({ start, end, what: 'the kernel' });

  it('puts boot information at 64 KiB and up, each piece in its own place', () => {
    const layout = new BootLayout(memory);
    const first = layout.put('one', Uint8Array.of(1, 2, 3));
    const second = layout.place('two', 4096, 4096);
    const third = layout.putText('three', 'text');
    expect([first, second, third]).toEqual([0x1_0000, 0x1_1000, 0x1_0010]);
    expect(Array.from(memory.bytes(first, 3))).toEqual([1, 2, 3]);
    expect(textAt(memory, third)).toBe('text');
  });

  it('zeroes what it places', () => {
    memory.bytes(0x1_0000, 64).fill(0xff);
    const gpa = new BootLayout(memory).place('zeroes', 64);
    expect(memory.bytes(gpa, 64).every(byte => byte === 0)).toBe(true);
  });

  it('goes around a kernel in low memory, and never to where OSv and start-up code live', () => {
    const layout = new BootLayout(memory);
    layout.claim([kernel(0x8000, 0x1_8000)]);
    expect(layout.place('small', 16)).toBe(0x1_8000);
    const occupied = new BootLayout(memory);
    occupied.claim([kernel(0x1_0000, 0x9_fc00)]);
    expect(occupied.place('small', 16)).toBe(0x3000);
    occupied.claim([kernel(0x3010, 0x1_0000)]);
    expect(occupied.place('other', 16)).toBe(0x10_0000);
  });

  it('says so when there is no room left', () => {
    const layout = new BootLayout(memory);
    layout.claim([kernel(0x3000, 0x9_fc00), kernel(0x10_0000, 0x20_0000)]);
    expect(() => layout.place('the GDT', 48)).toThrow(/no room below 2 MiB for the GDT/);
    expect(() => layout.place('the GDT', 48)).toThrow(ConfigError);
    expect(() => new BootLayout(memory).putText('the command line', 'x'.repeat(2 * MIB))).toThrow(
      ConfigError,
    );
  });

  it.each([
    ['each other', [kernel(0x10_0000, 0x10_2000), kernel(0x10_1fff, 0x10_3000)], /overlap/],
    ['the firmware', [kernel(0x9_0000, 0xa_0000)], /firmware tables/],
    ['video memory', [kernel(0xb_8000, 0xb_9000)], /firmware tables/],
    ['the end of RAM', [kernel(15 * MIB, 16 * MIB + 1)], /no RAM/],
    ['addresses that no machine has', [kernel(2 ** 63, 2 ** 63)], /no RAM/],
  ])('refuses a kernel that overlaps %s', (_what, claims, message) => {
    expect(() => new BootLayout(memory).claim(claims)).toThrow(message);
    expect(() => new BootLayout(memory).claim(claims)).toThrow(ImageError);
  });

  it('ignores empty ranges and takes adjacent ones', () => {
    const layout = new BootLayout(memory);
    layout.claim([kernel(0x10_0000, 0x10_1000), kernel(0x10_0800, 0x10_0800), kernel(0x10_1000, 0x10_2000)]);
    expect(layout.end).toBe(0x10_2000);
  });

  it('finds the lowest and the highest free place', () => {
    const layout = new BootLayout(memory);
    layout.claim([kernel(0x20_0000, 0x30_0000), kernel(0x80_0000, 0x90_0000)]);
    const room = { size: 0x10_0000, align: 0x10_0000, from: 0x18_0000, to: 0xa0_0000 };
    expect(layout.find({ ...room, direction: 'lowest' })).toBe(0x30_0000);
    expect(layout.find({ ...room, direction: 'highest' })).toBe(0x90_0000);
    expect(layout.find({ ...room, to: 0x9f_ffff, direction: 'highest' })).toBe(0x70_0000);
    expect(layout.find({ ...room, from: 0x38_0000, to: 0x50_0000, direction: 'lowest' })).toBe(0x40_0000);
    expect(layout.find({ ...room, from: 0x38_0000, to: 0x4f_ffff, direction: 'lowest' })).toBeUndefined();
    expect(layout.find({ ...room, from: 0x38_0000, to: 0x4f_ffff, direction: 'highest' })).toBeUndefined();
    expect(layout.find({ ...room, from: 0, to: 2 ** 40, direction: 'highest' })).toBe(0xf0_0000);
  });

  it('refuses texts with a zero character', () => {
    expect(() => zeroTerminated('the command line', 'a\0b')).toThrow(ConfigError);
    expect(Array.from(zeroTerminated('x', 'é'))).toEqual([0xc3, 0xa9, 0]);
  });
});
