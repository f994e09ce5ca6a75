import { expect, it } from 'vitest';
import { DecoderComparison } from './comparison.js';
import { CoreDecoder } from './core-decoder.js';
import { codeBitsOf } from './elf-file.js';
import { objdump } from './objdump.js';

const files = JSON.parse(process.env['CPU_DECODER_FILES'] ?? '[]') as string[];

/** Run by `npm run check:decoder`, which gives it the files. */
it.runIf(files.length > 0)(
  'decodes like objdump',
  async () => {
    const decoder = new CoreDecoder();
    const comparisons = { 64: new DecoderComparison(decoder, 64), 32: new DecoderComparison(decoder, 32) };
    for (const file of files) {
      const comparison = comparisons[codeBitsOf(file)];
      const { instructions } = comparison;
      await objdump(file, [], (address, bytes, text) => {
        comparison.accept(address, bytes, text);
        return true;
      });
      comparison.finish();
      console.log(`${String(comparison.instructions - instructions).padStart(10)} instructions  ${file}`);
    }
    const both = [comparisons[64], comparisons[32]];
    const sum = (of: (comparison: DecoderComparison) => number): number =>
      both.reduce((total, comparison) => total + of(comparison), 0);
    console.log(
      `${files.length} files, ${sum(c => c.instructions)} instructions, ${sum(c => c.distinct)} different, ` +
        `${sum(c => c.absent)} of these above x86-64-v2, ${sum(c => c.bad)} (bad), ${sum(c => c.mismatches)} mismatches`,
    );
    expect(both.flatMap(({ descriptions }) => descriptions)).toEqual([]);
  },
  3_600_000,
);
