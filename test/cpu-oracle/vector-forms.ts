import type { Form } from './forms.js';

const forms: Form[] = [];
const add = (opcode: number[], options: Partial<Form> = {}): void => {
  forms.push({
    opcode,
    immediate: 0,
    modrm: true,
    undefinedFlags: 0,
    no16: true,
    aligned: true,
    ...options,
  });
};
/** Without a prefix on MMX, with 66 on XMM. */
const both = (opcode: number[], options: Partial<Form> = {}): void => {
  add(opcode, options);
  add(opcode, { ...options, mandatory: 0x66 });
};
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

// Integer operations of MMX and SSE2.
for (const opcode of [
  ...range(0x60, 0x6b), ...range(0x74, 0x76), ...range(0xd1, 0xd5), ...range(0xd8, 0xe5), ...range(0xe8, 0xef),
  ...range(0xf1, 0xf6), ...range(0xf8, 0xfe),
]) both([0x0f, opcode]); // prettier-ignore
add([0x0f, 0x77], { modrm: false, data: 'x87' });
both([0x0f, 0xf7], { operand: 'register', data: 'bytes at rdi', plainAddress: true });
for (const mandatory of [0xf2, 0xf3]) add([0x0f, 0xd6], { mandatory, operand: 'register', data: 'x87' });
for (const opcode of [0x6c, 0x6d, 0xd6]) add([0x0f, opcode], { mandatory: 0x66 });
for (const opcode of [0x6f, 0x7f, 0x6e, 0x7e]) both([0x0f, opcode]);
both([0x0f, 0xe7], { operand: 'memory' });
for (const opcode of [0x6f, 0x7f, 0x7e]) add([0x0f, opcode], { mandatory: 0xf3 });
both([0x0f, 0xd7], { operand: 'register' });
both([0x0f, 0xc4], { immediate: 1 });
both([0x0f, 0xc5], { immediate: 1, operand: 'register' });
for (const mandatory of [undefined, 0x66, 0xf2, 0xf3])
  add([0x0f, 0x70], { immediate: 1, ...(mandatory === undefined ? {} : { mandatory }) });
for (const [opcode, regs] of [[0x71, [2, 4, 6]], [0x72, [2, 4, 6]], [0x73, [2, 6]]] as const) {
  for (const reg of regs) both([0x0f, opcode], { reg, immediate: 1, operand: 'register' });
} // prettier-ignore
for (const reg of [3, 7]) add([0x0f, 0x73], { reg, immediate: 1, operand: 'register', mandatory: 0x66 });
// Moves and logic of SSE.
for (const opcode of [0x10, 0x11])
  for (const mandatory of [0x66, 0xf2, 0xf3]) add([0x0f, opcode], { mandatory });
for (const opcode of [0x10, 0x11, 0x28, 0x29, 0x14, 0x15, 0x54, 0x55, 0x56, 0x57]) add([0x0f, opcode]);
for (const opcode of [0x12, 0x16, 0x14, 0x15, 0x54, 0x55, 0x56, 0x57, 0x28, 0x29]) {
  add([0x0f, opcode], {
    mandatory: 0x66,
    ...(opcode === 0x12 || opcode === 0x16 ? { operand: 'memory' as const } : {}),
  });
}
for (const opcode of [0x12, 0x16]) {
  add([0x0f, opcode]);
  add([0x0f, opcode], { mandatory: 0xf3 });
  both([0x0f, opcode + 1], { operand: 'memory' });
}
add([0x0f, 0x12], { mandatory: 0xf2 });
both([0x0f, 0x50], { operand: 'register' });
both([0x0f, 0xc6], { immediate: 1 });
add([0x0f, 0xf0], { mandatory: 0xf2, operand: 'memory' });
both([0x0f, 0x2b], { operand: 'memory' });
// SSSE3 and SSE4.1.
for (const opcode of [...range(0x00, 0x0b), 0x1c, 0x1d, 0x1e]) both([0x0f, 0x38, opcode]);
for (const opcode of [
  0x10,
  0x14,
  0x15,
  0x17,
  ...range(0x20, 0x25),
  0x28,
  0x29,
  0x2b,
  ...range(0x30, 0x35),
  ...range(0x37, 0x41),
]) {
  add([0x0f, 0x38, opcode], { mandatory: 0x66 });
}
add([0x0f, 0x38, 0x2a], { mandatory: 0x66, operand: 'memory' });
both([0x0f, 0x3a, 0x0f], { immediate: 1 });
for (const opcode of [0x0c, 0x0d, 0x0e, 0x14, 0x15, 0x16, 0x17, 0x20, 0x21, 0x22, 0x42])
  add([0x0f, 0x3a, opcode], { mandatory: 0x66, immediate: 1 });
// SSE4.2's strings.
for (const opcode of range(0x60, 0x63)) add([0x0f, 0x3a, opcode], { mandatory: 0x66, immediate: 1 });

/** MMX and SSE instructions that do not compute in floating point. */
export const VECTOR_FORMS: readonly Form[] = forms;

const floats: Form[] = [];
const float = (mandatory: number | undefined, opcode: number[], options: Partial<Form> = {}): void => {
  floats.push({
    opcode,
    immediate: 0,
    modrm: true,
    undefinedFlags: 0,
    no16: true,
    aligned: true,
    data: 'float',
    ...(mandatory === undefined ? {} : { mandatory }),
    ...options,
  });
};
for (const opcode of [0x51, 0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f, 0xc2]) {
  for (const mandatory of [undefined, 0x66, 0xf3, 0xf2])
    float(mandatory, [0x0f, opcode], opcode === 0xc2 ? { immediate: 1 } : {});
}
for (const mandatory of [undefined, 0xf3])
  for (const opcode of [0x52, 0x53]) float(mandatory, [0x0f, opcode], { approximate: true });
for (const mandatory of [undefined, 0x66, 0xf3, 0xf2]) {
  float(mandatory, [0x0f, 0x5a]);
  for (const opcode of [0x2a, 0x2c, 0x2d]) float(mandatory, [0x0f, opcode]);
}
for (const mandatory of [undefined, 0x66])
  for (const opcode of [0x2e, 0x2f]) float(mandatory, [0x0f, opcode]);
for (const mandatory of [undefined, 0x66, 0xf3]) float(mandatory, [0x0f, 0x5b]);
for (const mandatory of [0x66, 0xf3, 0xf2]) float(mandatory, [0x0f, 0xe6]);
for (const mandatory of [0x66, 0xf2])
  for (const opcode of [0x7c, 0x7d, 0xd0]) float(mandatory, [0x0f, opcode]);
for (const opcode of [0x08, 0x09, 0x0a, 0x0b, 0x40, 0x41])
  float(0x66, [0x0f, 0x3a, opcode], { immediate: 1 });

/** SSE's floating-point instructions. */
export const FLOAT_FORMS: readonly Form[] = floats;
