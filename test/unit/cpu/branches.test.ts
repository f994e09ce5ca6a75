import { describe, expect, it } from 'vitest';
import { CoreRunner } from '../../cpu-oracle/core-runner.js';
import { CODE, SCRATCH, TestCase } from '../../cpu-oracle/layout.js';

const PAGE_FAULT = 14;
const RSP = 4;
const STACK = SCRATCH + 64;

/** AMD APM vol. 3, 1.2.2: a prefix of 66 makes near branches 16 bits wide in 64-bit mode, too. */
describe('near branches with an operand size prefix in 64-bit mode', () => {
  const runner = new CoreRunner();

  it.each([
    ['JMP rel8', [0x66, 0xeb, 0x10], 0x13, 0],
    ['JMP rel16', [0x66, 0xe9, 0x34, 0x12], 0x1238, 0],
    ['JMP rel32 with REX.W', [0x66, 0x48, 0xe9, 0x00, 0x00, 0x01, 0x00], CODE + 0x10007, 0],
    ['JNE rel8', [0x66, 0x75, 0x10], 0x13, 0],
    ['JNE rel16', [0x66, 0x0f, 0x85, 0x34, 0x12], 0x1239, 0],
    ['LOOP', [0x66, 0xe2, 0x10], 0x13, 0],
    ['JMP AX', [0x66, 0xff, 0xe0], 0x5678, 0],
    ['CALL rel16', [0x66, 0xe8, 0x34, 0x12], 0x1238, -2],
    ['CALL AX', [0x66, 0xff, 0xd0], 0x5678, -2],
    ['RET', [0x66, 0xc3], 0x9abc, 2],
  ])('%s', (_, code, target, moved) => {
    const test = new TestCase();
    test.setCode(code, 0);
    for (let register = 0; register < 16; register++) test.state.setRegister(register, 0x1234_5678n);
    test.state.setRegister(RSP, BigInt(STACK));
    test.state.rflags = 2;
    new DataView(test.state.memory.buffer, test.state.memory.byteOffset, test.state.memory.length).setUint32(
      STACK - SCRATCH,
      0x1234_9abc,
      true,
    );
    const { vector, state } = runner.run(test);
    // Nothing is mapped there.
    expect([vector, Number(state.rip)]).toEqual([PAGE_FAULT, target]);
    expect(Number(state.register(RSP)) - STACK).toBe(moved);
  });
});
