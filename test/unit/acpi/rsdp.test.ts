import { expect, it } from 'vitest';
import { rsdp } from '../../../src/acpi/rsdp.js';
import { expectChecksum, reader, text } from './bytes.js';

it('the RSDP is as ACPI 6.5, 5.2.5.3 has it', () => {
  const bytes = rsdp(0xe_1230, 0xe_4560);
  const view = reader(bytes);
  expect(bytes).toHaveLength(36);
  expect(text(bytes, 0, 8)).toBe('RSD PTR ');
  expect(text(bytes, 9, 15)).toBe('TSVMM ');
  expect(view.getUint8(15), 'revision').toBe(2);
  expect(view.getUint32(16, true)).toBe(0xe_1230);
  expect(view.getUint32(20, true)).toBe(36);
  expect(view.getBigUint64(24, true)).toBe(0xe_4560n);
  // Kernels of ACPI 1.0's time check the first part alone.
  expectChecksum(bytes.subarray(0, 20));
  expectChecksum(bytes);
});
