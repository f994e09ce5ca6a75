import { describe, expect, it } from 'vitest';
import { ImageError } from '../../../../src/errors.js';
import { BootLayout } from '../../../../src/vmm/boot/boot-layout.js';
import { moduleString, placeBehind, placeInitrd, placeModuleHigh } from '../../../../src/vmm/boot/initrd.js';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { MIB, module } from './images.js';

describe('files in memory', () => {
  const memory = GuestMemory.allocate(16 * MIB);

  it('an initrd lies page aligned at the end of RAM', () => {
    const layout = new BootLayout(memory);
    const { gpa, size } = placeInitrd(layout, module('initrd', 5000));
    expect({ gpa, size }).toEqual({ gpa: 16 * MIB - 8192, size: 5000 });
    expect(memory.bytes(gpa, size).every(byte => byte === 0x5a)).toBe(true);
  });

  it('an initrd stays below the limit, beside the kernel', () => {
    const layout = new BootLayout(memory);
    layout.claim([{ start: 7 * MIB, end: 8 * MIB - 4096, what: 'the kernel' }]);
    expect(placeInitrd(layout, module('initrd', 5000), 8 * MIB).gpa).toBe(7 * MIB - 8192);
    expect(placeInitrd(layout, module('initrd', 4096), 8 * MIB).gpa).toBe(8 * MIB - 4096);
  });

  it.each([
    ['too large', 16 * MIB, 2 ** 32, /give it more memory/],
    ['without a place', 1, MIB, /takes no initrd/],
    ['empty', 0, 2 ** 32, /is empty/],
  ])('an initrd that is %s is refused', (_why, size, limit, message) => {
    const place = () => placeInitrd(new BootLayout(memory), module('initrd', size), limit);
    expect(place).toThrow(message);
    expect(place).toThrow(ImageError);
  });

  it('modules lie behind the kernel, and in front of it when there is no room', () => {
    const layout = new BootLayout(memory);
    layout.claim([{ start: 12 * MIB, end: 14 * MIB + 1, what: 'the kernel' }]);
    expect(placeBehind(layout, 'a', new Uint8Array(10)).gpa).toBe(14 * MIB + 4096);
    expect(placeBehind(layout, 'b', new Uint8Array(0)).gpa).toBe(14 * MIB + 8192);
    expect(placeBehind(layout, 'c', new Uint8Array(4 * MIB)).gpa).toBe(MIB);
    expect(() => placeBehind(layout, 'd', new Uint8Array(8 * MIB))).toThrow(/d \(8 MiB\) does not fit/);
  });

  it('modules may be empty', () => {
    expect(placeModuleHigh(new BootLayout(memory), module('m', 0))).toEqual({
      gpa: 16 * MIB - 4096,
      size: 0,
    });
  });

  it('a module is called by its name and arguments', () => {
    expect(moduleString(module('env', 0))).toBe('env');
    expect(moduleString(module('env', 0, 'a b'))).toBe('env a b');
  });
});
