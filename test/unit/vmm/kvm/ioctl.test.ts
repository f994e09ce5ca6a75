import { describe, expect, it } from 'vitest';
import { io, ior, iow, iowr } from '../../../../src/vmm/kvm/ioctl.js';

/** Numbers that every Linux on x86 has had for decades (include/uapi/asm-generic/ioctls.h, linux/fs.h, linux/if_tun.h). */
describe('ioctl request numbers', () => {
  it('have direction, size, type and number in their places', () => {
    expect(io(0xae, 0x80)).toBe(0xae80);
    // FIONREAD's successors: BLKGETSIZE64 reads a size_t, TUNSETIFF passes an int, TIOCGPTN reads an unsigned int.
    expect(ior(0x12, 114, 8)).toBe(0x8008_1272);
    expect(iow('T'.charCodeAt(0), 202, 4)).toBe(0x4004_54ca);
    expect(ior('T'.charCodeAt(0), 0x30, 4)).toBe(0x8004_5430);
    // FIFREEZE goes both ways.
    expect(iowr('X'.charCodeAt(0), 119, 4)).toBe(0xc004_5877);
  });

  it('are unsigned', () => {
    expect(iowr(0xff, 0xff, 0x3fff)).toBe(0xffff_ffff);
  });
});
