import { expect, it } from 'vitest';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode } from './support/machine.js';

const ORIGIN = 0x10_0000;
/** Dividend's upper and lower half and divisor of each case; quotient and remainder replace the dividend. */
const TABLE = 0x20_0000;
const RECORD = 24;

/** Values at which a digit of the quotient is guessed wrong, a shift is by nothing, or something carries. */
const EDGES = [1n, 2n, 3n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x100000001n, 0x1fffffffffffn]
  .flatMap(value => [value, (1n << 64n) - value, (1n << 63n) - value, (1n << 63n) + value])
  .filter(value => value < 1n << 64n);

it('DIV divides 128 bits by 64', () => {
  const cases = EDGES.flatMap(divisor =>
    EDGES.filter(high => high < divisor).flatMap(high => EDGES.map(low => ({ high, low, divisor }))),
  );
  expect(cases.length).toBeGreaterThan(20_000);

  const machine = new TestMachine();
  cases.forEach(({ high, low, divisor }, i) => {
    [high, low, divisor].forEach((value, j) => machine.memory.write64(TABLE + i * RECORD + j * 8, value));
  });
  const source = `
    mov rbx, ${TABLE}
    mov ecx, ${cases.length}
    1: mov rdx, [rbx]
    mov rax, [rbx + 8]
    div qword ptr [rbx + 16]
    mov [rbx], rax
    mov [rbx + 8], rdx
    add rbx, ${RECORD}
    dec ecx
    jnz 1b
    mov dx, 0xf4
    out dx, al
    2: hlt
    jmp 2b`;
  machine.memory.write(ORIGIN, assemble(source, ORIGIN));
  const state = longMode(machine.memory, { rip: BigInt(ORIGIN), rsp: 0x8_0000n });
  machine.vm.vcpus[0].setState({ ...state, activity: 'running' });
  expect(machine.run(10_000)).toBe('kicked');

  const wrong = cases.filter(({ high, low, divisor }, i) => {
    const dividend = (high << 64n) | low;
    const quotient = machine.memory.read64(TABLE + i * RECORD);
    const remainder = machine.memory.read64(TABLE + i * RECORD + 8);
    return quotient !== dividend / divisor || remainder !== dividend % divisor;
  });
  expect(wrong).toEqual([]);
});
