import { ImageError } from '../../errors.js';
import { PAGE_SIZE } from '../memory/guest-memory.js';
import { FIRMWARE_END } from './e820.js';
import type { BootLayout, Room } from './boot-layout.js';
import type { BootModule } from './protocol.js';

/** A file in guest memory. */
export interface PlacedFile {
  readonly gpa: number;
  readonly size: number;
}

/**
 * Puts an initrd into memory: page aligned, as high below the hole as it goes, where it is out of the way of a kernel
 * that grows.
 * @param limit the first address that it may not reach
 * @throws ImageError when it is empty or does not fit, or when the limit leaves no room for any
 */
export function placeInitrd(layout: BootLayout, file: BootModule, limit = 2 ** 32): PlacedFile {
  if (file.data.length === 0) throw new ImageError(`the initrd ${file.name} is empty`);
  if (limit <= FIRMWARE_END) throw new ImageError('this kernel takes no initrd');
  return placeFile(layout, `the initrd ${file.name}`, file.data, [
    { from: FIRMWARE_END, to: limit, direction: 'highest' },
  ]);
}

/**
 * Puts a module into memory, page aligned and as high as an initrd.
 * @throws ImageError when it does not fit
 */
export function placeModuleHigh(layout: BootLayout, file: BootModule): PlacedFile {
  return placeFile(layout, `the module ${file.name}`, file.data, [
    { from: FIRMWARE_END, to: 2 ** 32, direction: 'highest' },
  ]);
}

/**
 * Puts a module, or what else a kernel finds by its address, into memory: page aligned, right behind what is loaded, as
 * GRUB and QEMU do it for Multiboot, whose smaller kernels reach only the first megabytes at first.
 * @param what for messages: `the module env`
 * @throws ImageError when it does not fit
 */
export function placeBehind(layout: BootLayout, what: string, data: Uint8Array): PlacedFile {
  return placeFile(layout, what, data, [
    { from: Math.max(layout.end, FIRMWARE_END), to: 2 ** 32, direction: 'lowest' },
    { from: FIRMWARE_END, to: 2 ** 32, direction: 'lowest' },
  ]);
}

type Place = Pick<Room, 'from' | 'to' | 'direction'>;

/** The string of a module: its name, and its arguments if there are any. */
export function moduleString({ name, arguments: rest }: BootModule): string {
  return rest === '' ? name : `${name} ${rest}`;
}

/** Puts a file into the first of the places that has room for it. */
function placeFile(layout: BootLayout, what: string, data: Uint8Array, places: readonly Place[]): PlacedFile {
  for (const place of places) {
    const gpa = layout.tryPlace(what, { ...place, size: data.length, align: PAGE_SIZE });
    if (gpa === undefined) continue;
    layout.memory.write(gpa, data);
    return { gpa, size: data.length };
  }
  const mib = (bytes: number) => Math.ceil(bytes / 2 ** 20);
  throw new ImageError(
    `${what} (${mib(data.length)} MiB) does not fit beside the kernel into the machine's ${mib(layout.memory.size)} MiB; give it more memory`,
    { size: data.length, memory: layout.memory.size },
  );
}
