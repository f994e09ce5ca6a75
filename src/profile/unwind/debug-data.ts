import { SYSTEM_CALL_ENTRY } from '../symbols/linux-kaslr.js';
import { OBJECT_LIST } from '../symbols/osv-objects.js';
import { readSymbolFile } from '../symbols/symbol-file.js';
import { ImageError } from '../../errors.js';
import { ET_DYN } from '../../vmm/boot/elf-layout.js';
import { Elf, isElf } from '../../vmm/boot/elf.js';
import { readUnwindData } from './elf-unwind.js';
import type { ObjectUnwind } from './loaded-rules.js';
import type { UnwindData } from './unwind-rules.js';

/** What call stacks are read by. */
export interface DebugData {
  /** Of what is linked where it runs, or moves with the kernel. */
  readonly unwind: readonly UnwindData[];
  /** Where Linux' entry point of system calls is linked. */
  readonly systemCallEntry?: bigint;
  /** Of what OSv loads wherever there is room. */
  readonly objects: readonly ObjectUnwind[];
  /** Where OSv keeps what it has loaded. */
  readonly objectList?: bigint;
}

/** A file besides the kernel's own. */
export interface DebugFile {
  /** Without its folders. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a file does not have, or has damaged, is not used. */
export function readDebugData(kernel: Uint8Array, files: readonly DebugFile[]): DebugData {
  const objects = files.flatMap(file => sharedObject(file) ?? []);
  const linked = [kernel, ...files.filter(({ bytes }) => !isSharedObject(bytes)).map(({ bytes }) => bytes)];
  const systemCallEntry = addressIn(linked, SYSTEM_CALL_ENTRY);
  const objectList = objects.length > 0 ? addressIn(linked, OBJECT_LIST) : undefined;
  const unwind: UnwindData[] = [];
  for (const file of linked) unwind.push(...readUnwindData(file, unwind));
  return {
    unwind,
    ...(systemCallEntry !== undefined && { systemCallEntry }),
    objects,
    ...(objectList !== undefined && { objectList }),
  };
}

function sharedObject({ name, bytes }: DebugFile): ObjectUnwind | undefined {
  if (!isSharedObject(bytes)) return undefined;
  const ends = new Elf(bytes).loadable.map(({ vaddr, memorySize }) => Number(vaddr) + memorySize);
  return { name, size: Math.max(0, ...ends), unwind: readUnwindData(bytes) };
}

/** Also a program that is loaded like one. */
function isSharedObject(file: Uint8Array): boolean {
  if (!isElf(file)) return false;
  try {
    return new Elf(file).header.type === ET_DYN;
  } catch (error) {
    if (error instanceof ImageError) return false;
    throw error;
  }
}

/** By the first file that knows it. */
function addressIn(files: readonly Uint8Array[], name: string): bigint | undefined {
  for (const file of files) {
    const address = addressInFile(file, name);
    if (address !== undefined) return address;
  }
  return undefined;
}

function addressInFile(file: Uint8Array, name: string): bigint | undefined {
  try {
    return readSymbolFile('', file).addressOf(name);
  } catch (error) {
    // A kernel's file need not have symbols, nor be one that they can be in.
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
