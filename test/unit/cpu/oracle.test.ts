import { describe, expect, it } from 'vitest';
import { CoreRunner } from '../../cpu-oracle/core-runner.js';
import { compareForms } from '../../cpu-oracle/campaign.js';
import { INTEGER_FORMS } from '../../cpu-oracle/integer-forms.js';
import { NativeRunner } from '../../cpu-oracle/native.js';
import { FLOAT_FORMS, VECTOR_FORMS } from '../../cpu-oracle/vector-forms.js';
import { X87_FORMS } from '../../cpu-oracle/x87-forms.js';

/** The oracle is the processor that the tests run on: single instructions, executed natively and in the core. */
describe.runIf(process.arch === 'x64' && process.platform === 'linux')(
  'the core against the host processor',
  () => {
    const native = new NativeRunner();
    const core = new CoreRunner();

    it.each([
      ['integer', INTEGER_FORMS],
      ['MMX and SSE', VECTOR_FORMS],
      ['SSE floating point', FLOAT_FORMS],
      ['x87', X87_FORMS],
    ])('agrees on %s instructions', (_, forms) => {
      expect(compareForms({ native, core, forms, seed: 2026, cases: 12_000 })).toEqual([]);
    });
  },
);
