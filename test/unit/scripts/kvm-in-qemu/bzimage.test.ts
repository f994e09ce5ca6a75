import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { extractVmlinux } from '../../../../scripts/kvm-in-qemu/bzimage.js';

const KERNEL = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(5000, 7)]);
const SETUP_SECTORS = 2;
const PAYLOAD_OFFSET = 100;

function bzImage(payload: Buffer): Buffer {
  const start = (SETUP_SECTORS + 1) * 512 + PAYLOAD_OFFSET;
  const image = Buffer.concat([Buffer.alloc(start), payload, Buffer.alloc(64)]);
  image[0x1f1] = SETUP_SECTORS;
  image.write('HdrS', 0x202, 'latin1');
  image.writeUInt16LE(0x020f, 0x206);
  image.writeUInt32LE(PAYLOAD_OFFSET, 0x248);
  image.writeUInt32LE(payload.length, 0x24c);
  return image;
}

describe('extractVmlinux', () => {
  it('finds the kernel by the setup header', async () => {
    expect((await extractVmlinux(bzImage(gzipSync(KERNEL)))).equals(KERNEL)).toBe(true);
  });

  it('refuses a file without a setup header', async () => {
    await expect(extractVmlinux(Buffer.alloc(4096))).rejects.toThrow('no setup header');
    await expect(extractVmlinux(Buffer.alloc(10))).rejects.toThrow('no setup header');
  });

  it('refuses a boot protocol without the payload fields', async () => {
    const image = bzImage(gzipSync(KERNEL));
    image.writeUInt16LE(0x0207, 0x206);
    await expect(extractVmlinux(image)).rejects.toThrow('boot protocol 2.7');
  });

  it('refuses an image that is cut short', async () => {
    const image = bzImage(gzipSync(KERNEL));
    await expect(extractVmlinux(image.subarray(0, -65))).rejects.toThrow('cut short');
  });

  it('refuses a kernel that is not an ELF file, or compressed in an unknown way', async () => {
    await expect(extractVmlinux(bzImage(gzipSync(Buffer.alloc(100))))).rejects.toThrow('not an ELF file');
    await expect(extractVmlinux(bzImage(Buffer.from('no such format')))).rejects.toThrow(
      'begins with 6e6f20737563',
    );
  });
});
