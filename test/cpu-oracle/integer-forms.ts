import type { Form } from './forms.js';

const CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800; // prettier-ignore
const ALL = CF | PF | AF | ZF | SF | OF;

/** Shifts leave AF, and OF for counts other than one, undefined; a count beyond the operand makes CF undefined too. */
const SHIFT = AF | OF;

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

const forms: Form[] = [];
const add = (opcode: number[], options: Partial<Form> = {}): void => {
  forms.push({ opcode, immediate: 0, modrm: false, undefinedFlags: 0, ...options });
};

for (const op of range(0, 7)) {
  const undefinedFlags = [1, 4, 6].includes(op) ? AF : 0;
  for (const low of range(0, 3))
    add([op * 8 + low], { modrm: true, undefinedFlags, lockable: op < 7 && low < 2 });
  add([op * 8 + 4], { immediate: 1, undefinedFlags });
  add([op * 8 + 5], { immediate: 'z', undefinedFlags });
  add([0x80], { modrm: true, reg: op, immediate: 1, undefinedFlags, lockable: op < 7 });
  add([0x81], { modrm: true, reg: op, immediate: 'z', undefinedFlags, lockable: op < 7 });
  add([0x82], { modrm: true, reg: op, immediate: 1, undefinedFlags, mode: 1 });
  add([0x83], { modrm: true, reg: op, immediate: 1, undefinedFlags, lockable: op < 7 });
  for (const opcode of [0xc0, 0xc1])
    add([opcode], { modrm: true, reg: op, immediate: 1, undefinedFlags: SHIFT });
  for (const opcode of [0xd0, 0xd1]) add([opcode], { modrm: true, reg: op, undefinedFlags: AF });
  for (const opcode of [0xd2, 0xd3]) add([opcode], { modrm: true, reg: op, undefinedFlags: SHIFT });
}
for (const opcode of [0x84, 0x85]) add([opcode], { modrm: true, undefinedFlags: AF });
for (const opcode of [0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x63]) add([opcode], { modrm: true });
add([0x8d], { modrm: true });
for (const r of range(0, 7)) {
  add([0x50 + r]);
  add([0x58 + r]);
  add([0x90 + r]);
  add([0xb0 + r], { immediate: 1 });
  add([0xb8 + r], { immediate: 'v' });
  add([0x0f, 0xc8 + r], { no16: true });
}
add([0x8f], { modrm: true, reg: 0 });
add([0x68], { immediate: 'z' });
add([0x6a], { immediate: 1 });
add([0x69], { modrm: true, immediate: 'z', undefinedFlags: SF | ZF | AF | PF });
add([0x6b], { modrm: true, immediate: 1, undefinedFlags: SF | ZF | AF | PF });
add([0x0f, 0xaf], { modrm: true, undefinedFlags: SF | ZF | AF | PF });
for (const opcode of [0xf6, 0xf7]) {
  for (const reg of [0, 1])
    add([opcode], { modrm: true, reg, immediate: opcode === 0xf6 ? 1 : 'z', undefinedFlags: AF });
  for (const reg of [2, 3]) add([opcode], { modrm: true, reg, lockable: true });
  for (const reg of [4, 5]) add([opcode], { modrm: true, reg, undefinedFlags: SF | ZF | AF | PF });
  for (const reg of [6, 7]) add([opcode], { modrm: true, reg, undefinedFlags: ALL });
}
for (const opcode of [0xfe, 0xff])
  for (const reg of [0, 1]) add([opcode], { modrm: true, reg, lockable: true });
add([0xff], { modrm: true, reg: 6 });
for (const opcode of [0xc6, 0xc7])
  add([opcode], { modrm: true, reg: 0, immediate: opcode === 0xc6 ? 1 : 'z' });
for (const opcode of [0x98, 0x99, 0x9e, 0x9f, 0xf5, 0xf8, 0xf9, 0xfc, 0xfd, 0xc9, 0xd7]) add([opcode]);
add([0xa8], { immediate: 1, undefinedFlags: AF });
add([0xa9], { immediate: 'z', undefinedFlags: AF });
for (const opcode of [0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf])
  add([opcode], { string: true });
for (const c of range(0, 15)) {
  add([0x0f, 0x40 + c], { modrm: true });
  add([0x0f, 0x90 + c], { modrm: true });
}
for (const opcode of [0xa3, 0xab, 0xb3, 0xbb])
  add([0x0f, opcode], { modrm: true, undefinedFlags: OF | SF | AF | PF });
for (const reg of range(4, 7))
  add([0x0f, 0xba], { modrm: true, reg, immediate: 1, undefinedFlags: OF | SF | AF | PF });
for (const opcode of [0xbc, 0xbd]) add([0x0f, opcode], { modrm: true, undefinedFlags: ALL & ~ZF });
for (const opcode of [0xa4, 0xac])
  add([0x0f, opcode], { modrm: true, immediate: 1, no16: true, undefinedFlags: SHIFT });
for (const opcode of [0xa5, 0xad]) add([0x0f, opcode], { modrm: true, no16: true, undefinedFlags: SHIFT });
// Of 16 bits, they are defined for no more than 16.
for (const opcode of [0xa4, 0xac])
  add([0x0f, opcode], { modrm: true, immediate: 'count', undefinedFlags: SHIFT });
for (const opcode of [0xa5, 0xad]) add([0x0f, opcode], { modrm: true, data: 'count', undefinedFlags: SHIFT });
for (const opcode of [0xb6, 0xb7, 0xbe, 0xbf]) add([0x0f, opcode], { modrm: true });
for (const opcode of [0xb0, 0xb1, 0xc0, 0xc1]) add([0x0f, opcode], { modrm: true, lockable: true });
add([0x0f, 0xc7], { modrm: true, reg: 1, lockable: true, aligned: true });
add([0x0f, 0xb8], { modrm: true, mandatory: 0xf3 });
add([0x0f, 0x38, 0xf0], { modrm: true });
add([0x0f, 0x38, 0xf1], { modrm: true });
add([0x0f, 0x38, 0xf0], { modrm: true, mandatory: 0xf2 });
add([0x0f, 0x38, 0xf1], { modrm: true, mandatory: 0xf2 });
for (const opcode of [0x0d, ...range(0x18, 0x1f)])
  add([0x0f, opcode], { modrm: true, ...(opcode === 0x0d ? { operand: 'memory' as const } : {}) });
add([0xc8], { immediate: 'enter' });
add([0x90], { mandatory: 0xf3 });
add([0x0f, 0xc3], { modrm: true, operand: 'memory', no16: true });
for (const [index, opcode] of [0xa0, 0xa1, 0xa2, 0xa3].entries())
  add([opcode], { immediate: 'offset', no16: index % 2 === 0 });
add([0x9b], { data: 'x87' });

// Only outside 64-bit mode.
for (const opcode of [0x27, 0x2f]) add([opcode], { mode: 1, undefinedFlags: OF });
for (const opcode of [0x37, 0x3f]) add([opcode], { mode: 1, undefinedFlags: OF | SF | ZF | PF });
for (const opcode of [0xd4, 0xd5]) add([opcode], { mode: 1, immediate: 1, undefinedFlags: OF | AF | CF });
for (const r of range(0, 15)) add([0x40 + r], { mode: 1 });
for (const opcode of [0x60, 0x61, 0xd6]) add([opcode], { mode: 1 });
add([0x62], { mode: 1, modrm: true, operand: 'memory' });
add([0x62], { mode: 1, modrm: true, operand: 'memory', data: 'code' });
// They do not exist in 64-bit mode.
for (const opcode of [
  0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x9a, 0xce, 0xd4, 0xd5, 0xd6,
  0xea,
])
  add([opcode], { mode: 0 });

/** Integer instructions of user mode that neither branch nor load segment registers. */
export const INTEGER_FORMS: readonly Form[] = forms;
