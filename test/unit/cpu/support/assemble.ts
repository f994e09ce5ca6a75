import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Assembles GNU syntax (Intel operand order) to the bytes that stand at `origin`. */
export function assemble(source: string, origin: number): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'assemble-'));
  const [text, object, binary] = ['a.s', 'a.o', 'a.bin'].map(name => join(folder, name));
  try {
    writeFileSync(text, `.intel_syntax noprefix\n${source}\n`);
    execFileSync('as', ['--64', '-o', object, text]);
    execFileSync('ld', [
      '-Ttext',
      `0x${origin.toString(16)}`,
      '-e',
      '0',
      '--oformat',
      'binary',
      '-o',
      binary,
      object,
    ]);
    return readFileSync(binary);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
