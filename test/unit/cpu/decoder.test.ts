import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DecoderComparison } from '../../cpu-decoder/comparison.js';
import { CoreDecoder, type CodeBits } from '../../cpu-decoder/core-decoder.js';
import { objdump } from '../../cpu-decoder/objdump.js';
import { syntheticCode } from '../../cpu-decoder/synthetic-code.js';
import { Random } from '../../cpu-oracle/random.js';

/** The oracle is objdump: lengths, operations and operands. `npm run check:decoder` does the same with more. */
describe('the decoder against objdump', () => {
  const decoder = new CoreDecoder();

  /** Instructions of a file that are looked at here. */
  const SAMPLE = 60_000;
  const samples = [
    process.env['TSVMM_LINUX_VMLINUX'],
    '/lib/x86_64-linux-gnu/libc.so.6',
    '/lib/x86_64-linux-gnu/libm.so.6',
    '/bin/bash',
  ].filter(file => file !== undefined && existsSync(file));

  it.each(samples)('agrees on %s', async file => {
    const comparison = new DecoderComparison(decoder, 64);
    await objdump(String(file), [], (address, bytes, text) => {
      comparison.accept(address, bytes, text);
      return comparison.instructions < SAMPLE;
    });
    expect(comparison.descriptions).toEqual([]);
    expect(comparison.instructions).toBeGreaterThan(30_000);
  });

  const MACHINES = { 64: 'i386:x86-64', 32: 'i386', 16: 'i8086' };

  it.each<[CodeBits]>([[64], [32], [16]])(
    'agrees on random encodings of all opcodes, %d-bit code',
    async bits => {
      const folder = mkdtempSync(join(tmpdir(), 'decoder-'));
      const file = join(folder, 'code.bin');
      try {
        writeFileSync(file, syntheticCode(new Random(2026), bits, 8));
        const comparison = new DecoderComparison(decoder, bits);
        await objdump(file, ['-D', '-b', 'binary', '-m', MACHINES[bits]], (address, bytes, text) => {
          comparison.accept(address, bytes, text);
          return true;
        });
        comparison.finish();
        expect(comparison.descriptions).toEqual([]);
        expect(comparison.instructions).toBeGreaterThan(30_000);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
