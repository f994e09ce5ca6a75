import { expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { wantsFirmware, withFirmware } from '../../../../scripts/kvm-unit-tests/firmware.js';

const ADDRESS = 0x8000;
const HEADERS = 84;

/** A 32-bit ELF file with a Multiboot header and code in one segment. */
function kernel(code: readonly number[], address = ADDRESS): Uint8Array {
  const image = new Uint8Array(HEADERS + 12 + code.length);
  const view = new DataView(image.buffer);
  const entry = address + HEADERS + 12;
  image.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  const half: [number, number][] = [
    [16, 2], // executable
    [18, 3], // i386
    [40, 52],
    [42, 32],
    [44, 1],
  ];
  const words: [number, number][] = [
    [20, 1],
    [24, entry],
    [28, 52],
    // The program header: all of the file.
    [52, 1],
    [60, address],
    [64, address],
    [68, image.length],
    [72, image.length],
    [76, 7],
    // Multiboot 1
    [84, 0x1bad_b002],
    [92, 2 ** 32 - 0x1bad_b002],
  ];
  for (const [at, value] of half) view.setUint16(at, value, true);
  for (const [at, value] of words) view.setUint32(at, value, true);
  image.set(code, HEADERS + 12);
  return image;
}

async function exitCode(image: Uint8Array): Promise<number | undefined> {
  await using machine = await createMachine({ kernel: image, accel: 'wasm', timeoutMs: 30_000 });
  const { reason, code } = await machine.run();
  expect(reason).toBe('exit');
  return code;
}

/** `out 0xf4, eax` */
const EXIT = [0xe7, 0xf4];

test('the kernel finds the PICs and the vectors as firmware leaves them', async () => {
  // in al, 0x21; in al, 0xa1 to AH; mov ecx, [4 * 8]; shl ecx, 16; or eax, ecx
  const code = [
    ...[0x31, 0xc0, 0xe4, 0xa1, 0x88, 0xc4, 0xe4, 0x21],
    ...[0x8b, 0x0d, 0x20, 0, 0, 0, 0xc1, 0xe1, 0x10, 0x09, 0xc8],
    ...EXIT,
  ];
  expect(await exitCode(withFirmware(kernel(code)))).toBe(0x7000_fffa);
});

test('what the boot loader left in EAX and EBX arrives', async () => {
  expect(await exitCode(withFirmware(kernel(EXIT)))).toBe(0x2bad_b002);
  // mov eax, [ebx]: the flags of the Multiboot information
  expect((await exitCode(withFirmware(kernel([0x8b, 0x03, ...EXIT]))))! & 1).toBe(1);
});

test('only kernels below 64 KiB want it', () => {
  expect(wantsFirmware(kernel(EXIT))).toBe(true);
  expect(wantsFirmware(kernel(EXIT, 0x40_0000))).toBe(false);
});
