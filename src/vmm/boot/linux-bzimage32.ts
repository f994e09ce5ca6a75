import { flat32 } from './cpu-modes.js';
import { refusalOf } from './image-reader.js';
import { loadBzImage } from './linux-bzimage.js';
import { readBzImage } from './linux-setup.js';
import type { BootProtocol } from './protocol.js';

/**
 * A bzImage entered in 32-bit protected mode, at the start of its code: ESI = boot_params, EBP = EDI = EBX = 0
 * (Linux: Documentation/arch/x86/boot.rst, "32-bit Boot Protocol").
 */
export const linuxBzImage32: BootProtocol = {
  name: 'linux32',
  title: 'Linux 32-bit boot protocol (bzImage)',

  refuse: image => refusalOf(() => readBzImage(image)),

  load(request, memory) {
    const { layout, loadAddress, zeroPage } = loadBzImage(request, memory);
    return flat32(layout, loadAddress, { rsi: BigInt(zeroPage) });
  },
};
