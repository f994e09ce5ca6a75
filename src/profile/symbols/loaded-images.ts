import { ImageError } from '../../errors.js';
import type { Machine } from '../../vmm/machine/machine.js';
import { isLinux, kernelOffset } from './linux-kaslr.js';
import { osvObjects } from './osv-objects.js';
import type { SymbolFile } from './symbol-file.js';
import type { LoadedImage } from './symbolizer.js';

/** Files whose code is in a guest, and what is not known of them, in sentences. */
export interface LoadedImages {
  readonly images: readonly LoadedImage[];
  readonly notes: readonly string[];
}

/** The files whose code is in the guest now, and where; before the machine is closed. */
export async function loadedImages(machine: Machine, given: readonly SymbolFile[]): Promise<LoadedImages> {
  const notes: string[] = [];
  const files = given.filter(file => isReadable(file, notes));
  if (files.every(({ symbols }) => symbols.size === 0))
    notes.push('there are no symbols: name a file that has some with --symbols');
  const state = await machine.vcpu();
  const images: LoadedImage[] = [];
  for (const file of files) {
    const bias = kernelOffset(file, state);
    if (bias === undefined && isLinux(file))
      notes.push(`${file.path}: it is not known where the kernel moved itself to: taken as linked`);
    images.push({ file, bias: bias ?? 0n });
    for (const object of osvObjects(file, machine.memory, state.system)) {
      const { base, range } = object;
      const named = files.find(candidate => baseName(candidate.path) === baseName(object.path));
      images.unshift({ file: object.file, bias: base, range });
      if (named && named !== file) images.unshift({ file: named, bias: base, range });
    }
  }
  // A shared object that was named is where the guest loaded it, and not at its file's addresses.
  const placed = new Set(images.filter(({ range }) => range).map(({ file }) => file));
  return { images: images.filter(({ file, range }) => range !== undefined || !placed.has(file)), notes };
}

/** Its symbols are read here for the first time: that they are damaged must not cost the recording. */
function isReadable(file: SymbolFile, notes: string[]): boolean {
  try {
    return file.symbols.size >= 0;
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    notes.push(`${file.path}: its symbols cannot be read: ${error.message}`);
    return false;
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
