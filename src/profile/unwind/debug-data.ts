import { SYSTEM_CALL_ENTRY } from '../symbols/linux-kaslr.js';
import { readSymbolFile } from '../symbols/symbol-file.js';
import { ImageError } from '../../errors.js';
import { ET_DYN } from '../../vmm/boot/elf-layout.js';
import { Elf, isElf } from '../../vmm/boot/elf.js';
import { readUnwindData } from './elf-unwind.js';
import type { UnwindData } from './unwind-rules.js';

/** What call stacks are read by. */
export interface DebugData {
  readonly unwind: readonly UnwindData[];
  /** Where Linux' entry point of system calls is linked. */
  readonly systemCallEntry?: bigint;
}

/** @param files contents of those besides the kernel's own; what a file does not have, or has damaged, is not used */
export function readDebugData(kernel: Uint8Array, files: readonly Uint8Array[]): DebugData {
  const linked = [kernel, ...files.filter(isLinkedInPlace)];
  const [systemCallEntry] = linked.flatMap(file => addressIn(file, SYSTEM_CALL_ENTRY) ?? []);
  return {
    unwind: linked.flatMap(readUnwindData),
    ...(systemCallEntry !== undefined && { systemCallEntry }),
  };
}

/** Where a shared object is loaded is not known here. */
function isLinkedInPlace(file: Uint8Array): boolean {
  if (!isElf(file)) return true;
  try {
    return new Elf(file).header.type !== ET_DYN;
  } catch (error) {
    if (error instanceof ImageError) return false;
    throw error;
  }
}

function addressIn(file: Uint8Array, name: string): bigint | undefined {
  try {
    return readSymbolFile('', file).addressOf(name);
  } catch (error) {
    // A kernel's file need not have symbols, nor be one that they can be in.
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
