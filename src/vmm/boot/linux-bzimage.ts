import { ImageError, hex } from '../../errors.js';
import { BootLayout } from './boot-layout.js';
import { lowRamEnd } from './e820.js';
import { readBzImage, type BzImage } from './linux-setup.js';
import type { BootRequest } from './protocol.js';
import { putZeroPage } from './zero-page.js';
import type { GuestMemory } from '../memory/guest-memory.js';

/** A bzImage in memory, with its boot information. */
export interface LoadedBzImage {
  readonly layout: BootLayout;
  readonly loadAddress: number;
  readonly zeroPage: number;
}

/**
 * Puts a bzImage's protected-mode code and everything it needs into memory.
 * @throws ImageError for an image that is damaged or does not fit, ConfigError for what the protocol cannot do
 */
export function loadBzImage(request: BootRequest, memory: GuestMemory): LoadedBzImage {
  const bzImage = readBzImage(request.image);
  const layout = new BootLayout(memory);
  const loadAddress = placeCode(layout, bzImage);
  memory.write(loadAddress, bzImage.code);
  const zeroPage = putZeroPage(layout, request, { ...bzImage, loadAddress });
  return { layout, loadAddress, zeroPage };
}

/**
 * A kernel that is not relocatable moves itself to its preferred address: it is loaded there at once. A relocatable
 * one may be anywhere above, but not below: it takes the preferred address when it finds itself below it.
 */
function placeCode(layout: BootLayout, { loadAddress, initSize, alignment }: BzImage): number {
  const what = 'the kernel';
  if (alignment === 0) {
    layout.claim([{ start: loadAddress, end: loadAddress + initSize, what }]);
    return loadAddress;
  }
  const room = {
    size: initSize,
    align: alignment,
    from: loadAddress,
    to: 2 ** 32,
    direction: 'lowest',
  } as const;
  const found = layout.tryPlace(what, room);
  if (found === undefined) {
    const needed = Math.ceil((loadAddress + initSize) / 2 ** 20);
    throw new ImageError(
      `the kernel needs ${hex(initSize)} bytes of RAM from ${hex(loadAddress)} up, and RAM below 4 GiB ends at ${hex(lowRamEnd(layout.memory))}; give the machine at least ${needed} MiB`,
      { loadAddress, initSize, memory: layout.memory.size },
    );
  }
  return found;
}
