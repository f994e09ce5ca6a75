import { ImageError } from '../../errors.js';
import { long64 } from './cpu-modes.js';
import { refusalOf } from './image-reader.js';
import { loadBzImage } from './linux-bzimage.js';
import { XLF_KERNEL_64, formatVersion, readBzImage } from './linux-setup.js';
import type { BootProtocol } from './protocol.js';

/** From the load address to the 64-bit entry point (Linux: Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"). */
const ENTRY_OFFSET = 0x200;

/** A bzImage entered in 64-bit mode: RSI = boot_params. */
export const linuxBzImage64: BootProtocol = {
  name: 'linux64',
  title: 'Linux 64-bit boot protocol (bzImage)',

  refuse: image => refusalOf(() => check(image)),

  load(request, memory) {
    check(request.image);
    const { layout, loadAddress, zeroPage } = loadBzImage(request, memory);
    return long64(layout, loadAddress + ENTRY_OFFSET, { rsi: BigInt(zeroPage) });
  },
};

function check(image: Uint8Array): void {
  const { header, code } = readBzImage(image);
  if ((header.extendedLoadFlags & XLF_KERNEL_64) === 0) {
    throw new ImageError(
      `the bzImage (boot protocol ${formatVersion(header.version)}) has no 64-bit entry point`,
    );
  }
  if (code.length <= ENTRY_OFFSET)
    throw new ImageError('the bzImage is too short for its 64-bit entry point');
}
