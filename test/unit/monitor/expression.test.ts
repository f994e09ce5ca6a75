import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../src/monitor/expression.js';
import { generalRegisters } from '../../../src/vmm/vcpu-state.js';

const state = { registers: generalRegisters({ rip: 0x10_0000n, rsp: 0x8000n, rbp: 0x7000n }) };

describe('an address', () => {
  it.each([
    ['0x1000', 0x1000n],
    ['4096', 4096n],
    ['$rip', 0x10_0000n],
    ['$PC', 0x10_0000n],
    ['$sp-8', 0x7ff8n],
    ['$rip+0x10-1', 0x10_000fn],
    ['$rbp+$rsp', 0xf000n],
    ['-1', 0xffff_ffff_ffff_ffffn],
  ])('%s', (text, value) => {
    expect(evaluate(text, state)).toBe(value);
  });

  it.each([
    ['', /is not an address/],
    ['+', /is not an address/],
    ['1+', /is not an address/],
    ['rip', /neither a number nor a register/],
    ['0xyz', /neither a number/],
    ['$xyz', /no register \$xyz/],
    ['$constructor', /no register/],
    ['1 2', /neither a number/],
  ])('%j is refused', (text, why) => {
    expect(() => evaluate(text, state)).toThrow(why);
  });
});
