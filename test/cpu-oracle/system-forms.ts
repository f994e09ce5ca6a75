import type { Form } from './forms.js';

const forms: Form[] = [];
const add = (opcode: number[], options: Partial<Form> = {}): void => {
  forms.push({ opcode, immediate: 0, modrm: false, undefinedFlags: 0, ...options });
};
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

// Branches.
for (const c of range(0, 15)) {
  add([0x70 + c], { immediate: 'near8', branch: true });
  add([0x0f, 0x80 + c], { immediate: 'near', branch: true });
}
for (const opcode of [0xe0, 0xe1, 0xe2, 0xe3, 0xeb]) add([opcode], { immediate: 'near8', branch: true });
for (const opcode of [0xe8, 0xe9]) add([opcode], { immediate: 'near', branch: true });
add([0xc2], { immediate: 'drop', branch: true, data: 'code' });
add([0xc3], { branch: true, data: 'code' });
for (const reg of [2, 4]) add([0xff], { modrm: true, reg, branch: true, data: 'code' });
// Far transfers within user mode.
for (const opcode of [0x9a, 0xea]) add([opcode], { immediate: 'far', mode: 1, stack: true });
for (const reg of [3, 5])
  add([0xff], { modrm: true, reg, operand: 'memory', data: 'code', noWide: true, stack: true });
add([0xca], { immediate: 'drop', data: 'code', stack: true });
add([0xcb], { data: 'code', stack: true });
add([0xcf], { data: 'code', stack: true });
// Interrupts and traps.
add([0xcc]);
add([0xcd], { immediate: 'interrupt' });
add([0xce], { mode: 1 });
add([0x0f, 0x0b]);
for (const opcode of [0xb9, 0xff]) add([0x0f, opcode], { modrm: true });
// Flags.
add([0x9c]);
add([0x9d], { data: 'flags' });
// Segment registers: their loads, and what tells about selectors.
for (const opcode of [0x06, 0x0e, 0x16, 0x1e]) add([opcode], { mode: 1 });
for (const opcode of [0x07, 0x17, 0x1f]) add([opcode], { mode: 1, data: 'selector' });
for (const opcode of [0xa0, 0xa8]) add([0x0f, opcode]);
for (const opcode of [0xa1, 0xa9]) add([0x0f, opcode], { data: 'selector' });
for (const opcode of [0x8c, 0x8e]) add([opcode], { modrm: true, data: 'selector' });
for (const opcode of [0xc4, 0xc5])
  add([opcode], { modrm: true, operand: 'memory', data: 'selector', mode: 1 });
for (const opcode of [0xb2, 0xb4, 0xb5])
  add([0x0f, opcode], { modrm: true, operand: 'memory', data: 'selector', noWide: true });
add([0x63], { modrm: true, mode: 1, data: 'selector' });
for (const opcode of [0x02, 0x03]) add([0x0f, opcode], { modrm: true, data: 'selector' });
for (const reg of [4, 5]) add([0x0f, 0x00], { modrm: true, reg, data: 'selector' });
// Bases of FS and GS.
for (const reg of range(0, 3))
  add([0x0f, 0xae], { modrm: true, reg, operand: 'register', mandatory: 0xf3, no16: true });
// State images.
for (const reg of [0, 1, 4, 5])
  add([0x0f, 0xae], { modrm: true, reg, operand: 'memory', no16: true, plainAddress: true, data: 'image' });
add([0x0f, 0xae], { modrm: true, reg: 0, operand: 'memory', no16: true, plainAddress: true, data: 'x87' });
for (const reg of [2, 3])
  add([0x0f, 0xae], { modrm: true, reg, operand: 'memory', no16: true, data: 'mxcsr' });
add([0x0f, 0xae], { modrm: true, reg: 7, operand: 'memory', no16: true });
for (const reg of [5, 6, 7]) add([0x0f, 0xae], { modrm: true, reg, operand: 'register', no16: true });
// Privileged instructions.
for (const opcode of [0x6c, 0x6d, 0x6e, 0x6f]) add([opcode], { string: true });
for (const opcode of [0xe4, 0xe5, 0xe6, 0xe7]) add([opcode], { immediate: 1 });
for (const opcode of [0xec, 0xed, 0xee, 0xef, 0xf4, 0xfa, 0xfb]) add([opcode]);
for (const opcode of [0x06, 0x07, 0x08, 0x09, 0x30, 0x32, 0x33]) add([0x0f, opcode]);
for (const opcode of [0x20, 0x22])
  add([0x0f, opcode], { modrm: true, operand: 'register', regs: [0, 2, 3, 4] });
for (const opcode of [0x21, 0x23]) add([0x0f, opcode], { modrm: true, operand: 'register' });
for (const reg of [2, 3]) add([0x0f, 0x00], { modrm: true, reg });
for (const reg of [2, 3, 7]) add([0x0f, 0x01], { modrm: true, reg, operand: 'memory' });
add([0x0f, 0x01], { modrm: true, reg: 6 });
add([0x0f, 0x01], { modrm: true, reg: 2, rm: 1, operand: 'register', no16: true });
add([0x0f, 0x01], { modrm: true, reg: 7, rm: 0, operand: 'register', no16: true });
for (const rm of [2, 3]) add([0x0f, 0x01], { modrm: true, reg: 1, rm, operand: 'register', no16: true });
add([0x0f, 0x38, 0x82], { modrm: true, operand: 'memory', mandatory: 0x66 });

/** Control transfers, segments, state images, and privileged instructions, which fault. */
export const SYSTEM_FORMS: readonly Form[] = forms;
