import { closeSync, openSync, readSync } from 'node:fs';

const MACHINE = 18;
const EM_386 = 3;
const EM_X86_64 = 62;

/** @returns what an ELF file's code is for @throws for files of other machines */
export function codeBitsOf(path: string): 32 | 64 {
  const header = Buffer.alloc(20);
  const file = openSync(path, 'r');
  try {
    readSync(file, header);
  } finally {
    closeSync(file);
  }
  const machine = header.toString('latin1', 0, 4) === '\x7fELF' ? header.readUInt16LE(MACHINE) : undefined;
  if (machine === EM_X86_64) return 64;
  if (machine === EM_386) return 32;
  throw new Error(`${path} is no ELF file for x86`);
}
