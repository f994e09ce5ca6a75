import type { Form } from './forms.js';

const forms: Form[] = [];
const add = (opcode: number, options: Partial<Form>): void => {
  forms.push({
    opcode: [opcode],
    immediate: 0,
    modrm: true,
    undefinedFlags: 0,
    no16: true,
    data: 'x87',
    ...options,
  });
};

const MEMORY: readonly (readonly [number, readonly number[]])[] = [
  [0xd8, [0, 1, 2, 3, 4, 5, 6, 7]],
  [0xd9, [0, 2, 3, 5, 7]],
  [0xda, [0, 1, 2, 3, 4, 5, 6, 7]],
  [0xdb, [0, 1, 2, 3, 5, 7]],
  [0xdc, [0, 1, 2, 3, 4, 5, 6, 7]],
  [0xdd, [0, 1, 2, 3, 7]],
  [0xde, [0, 1, 2, 3, 4, 5, 6, 7]],
  [0xdf, [0, 1, 2, 3, 5, 6, 7]],
];
for (const [opcode, regs] of MEMORY) for (const reg of regs) add(opcode, { reg, operand: 'memory' });

const REGISTER: readonly (readonly [number, readonly number[]])[] = [
  [0xd8, [0, 1, 2, 3, 4, 5, 6, 7]],
  [0xd9, [0, 1]],
  [0xda, [0, 1, 2, 3]],
  [0xdb, [0, 1, 2, 3, 5, 6]],
  [0xdc, [0, 1, 4, 5, 6, 7]],
  [0xdd, [0, 2, 3, 4, 5]],
  [0xde, [0, 1, 4, 5, 6, 7]],
  [0xdf, [5, 6]],
];
for (const [opcode, regs] of REGISTER) for (const reg of regs) add(opcode, { reg, operand: 'register' });
// One instruction each.
const single = (opcode: number, reg: number, rms: readonly number[]): void => {
  for (const rm of rms) add(opcode, { reg, rm, operand: 'register' });
};
single(0xd9, 4, [0, 1, 4, 5]);
single(0xd9, 5, [0, 1, 2, 3, 4, 5, 6]);
single(0xd9, 6, [4, 5, 6, 7]);
single(0xd9, 7, [0, 2, 4, 5]);
single(0xda, 5, [1]);
single(0xdb, 4, [2, 3]);
single(0xde, 3, [1]);
single(0xdf, 4, [0]);

/** x87 instructions whose results are exact, which all but the transcendental ones are. */
export const X87_FORMS: readonly Form[] = forms;
