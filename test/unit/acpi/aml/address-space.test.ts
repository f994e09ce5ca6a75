import { describe, expect, it } from 'vitest';
import { dwordMemory, qwordMemory, wordBusNumber, wordIo } from '../../../../src/acpi/aml.js';
import { hexOf } from '../bytes.js';

describe('what a host bridge produces', () => {
  it.each([
    ['WordBusNumber', wordBusNumber(0, 255), '88 0d 00 02 0c 00 00 00 00 00 ff 00 00 00 00 01'],
    ['WordIO', wordIo(0xd00, 0xf300), '88 0d 00 01 0c 03 00 00 00 0d ff ff 00 00 00 f3'],
    [
      'DWordMemory',
      dwordMemory(0xc000_0000, 0x2000_0000),
      '87 17 00 00 0c 01 00 00 00 00 00 00 00 c0 ff ff ff df 00 00 00 00 00 00 00 20',
    ],
    [
      'DWordMemory, cacheable',
      dwordMemory(0xa_0000, 0x2_0000, 'cacheable'),
      '87 17 00 00 0c 03 00 00 00 00 00 00 0a 00 ff ff 0b 00 00 00 00 00 00 00 02 00',
    ],
    [
      'QWordMemory, prefetchable',
      qwordMemory(0x80_0000_0000n, 0x40_0000_0000n, 'prefetchable'),
      '8a 2b 00 00 0c 07 00 00 00 00 00 00 00 00 00 00 00 00 80 00 00 00 ' +
        'ff ff ff ff bf 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 40 00 00 00',
    ],
  ])('%s', (_, descriptor, expected) => {
    expect(hexOf(descriptor)).toBe(expected);
  });
});
