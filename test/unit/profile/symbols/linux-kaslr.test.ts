import { expect, test } from 'vitest';
import { kernelOffset } from '../../../../src/profile/symbols/linux-kaslr.js';
import { readSymbolFile } from '../../../../src/profile/symbols/symbol-file.js';
import { STATE_MSRS } from '../../../../src/vmm/state-msrs.js';

const file = readSymbolFile('System.map', Buffer.from('ffffffff81800000 T entry_SYSCALL_64\n'));

function withEntry(address: bigint): ReturnType<typeof kernelOffset> {
  return kernelOffset(file, { msrs: new Map([[STATE_MSRS.LSTAR, address]]) });
}

test('the offset is how far the entry of system calls is from where it was linked', () => {
  expect(withEntry(0xffff_ffff_8180_0000n)).toBe(0n);
  expect(withEntry(0xffff_ffff_a320_0000n)).toBe(0x21a0_0000n);
});

test('there is none where the kernel has not come so far, or the file is of another kernel', () => {
  expect(withEntry(0n)).toBeUndefined();
  expect(withEntry(0xffff_ffff_8180_0040n)).toBeUndefined();
  expect(withEntry(0xffff_ffff_8100_0000n)).toBeUndefined();
  const other = readSymbolFile('System.map', Buffer.from('ffffffff81800000 T main\n'));
  expect(kernelOffset(other, { msrs: new Map([[STATE_MSRS.LSTAR, 0xffff_ffff_8180_0000n]]) })).toBeUndefined();
}); // prettier-ignore
