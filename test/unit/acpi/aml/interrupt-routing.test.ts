import { expect, it } from 'vitest';
import { interruptRoutingTable } from '../../../../src/acpi/aml.js';
import { hexOf } from '../bytes.js';

it('routes pins to fixed interrupts', () => {
  expect(
    hexOf(
      interruptRoutingTable([
        { device: 0, pin: 0, gsi: 16 },
        { device: 31, pin: 3, gsi: 23 },
      ]),
    ),
  ).toBe(
    // Device 0's address is 0xFFFF alone, INTA# is 0, and there is no source.
    '12 19 02 12 09 04 0b ff ff 00 00 0a 10 12 0c 04 0c ff ff 1f 00 0a 03 00 0a 17',
  );
});

it('routes pins to link devices', () => {
  expect(hexOf(interruptRoutingTable([{ device: 1, pin: 1, link: '^LNKB' }]))).toBe(
    '12 11 01 12 0e 04 0c ff ff 01 00 01 5e 4c 4e 4b 42 00',
  );
});
