import { expect, it } from 'vitest';
import { facs } from '../../../src/acpi/facs.js';
import { reader, text } from './bytes.js';

it('the FACS is as ACPI 6.5, 5.2.10 has it: of version 2, nothing to wake up to, the global lock free', () => {
  const bytes = facs();
  expect(bytes).toHaveLength(64);
  expect(text(bytes, 0, 4)).toBe('FACS');
  expect(reader(bytes).getUint32(4, true)).toBe(64);
  expect(reader(bytes).getUint8(32), 'version').toBe(2);
  const rest = Array.from(bytes).filter((_, i) => i >= 8 && i !== 32);
  expect(rest.every(byte => byte === 0)).toBe(true);
});
