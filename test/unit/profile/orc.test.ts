import { describe, expect, test } from 'vitest';
import { GuestMemory } from '../../../src/vmm/memory/guest-memory.js';
import { MAX_FRAMES } from '../../../src/profile/record-memory.js';
import { StackWalker } from '../../../src/profile/stack-walker.js';
import { OrcRules, type OrcTables } from '../../../src/profile/unwind/orc.js';
import { CfaFrom, Row, RuleShift } from '../../../src/profile/unwind/unwind-table.js';

/** ORC_REG_* of arch/x86/include/asm/orc_types.h. */
const UNDEFINED = 0;
const PREV_SP = 1;
const BP = 4;
const SP = 5;
const R10 = 6;
const BP_INDIRECT = 8;
const SP_INDIRECT = 9;

interface Entry {
  readonly at: bigint;
  readonly sp: readonly [register: number, offset: number];
  readonly bp?: readonly [register: number, offset: number];
  readonly type: 'undefined' | 'end' | 'call' | 'regs' | 'partial';
}

/** Where the section of addresses is linked. */
const SECTION = 0xffff_ffff_82c5_d5c0n;

/** The sections as objtool writes them: before Linux 6.4, and since. */
function tables(entries: readonly Entry[], modern: boolean): OrcTables {
  const addresses = Buffer.alloc(entries.length * 4);
  const orc = Buffer.alloc(entries.length * 6);
  entries.forEach(({ at, sp, bp = [UNDEFINED, 0], type }, i) => {
    addresses.writeInt32LE(Number(BigInt.asIntN(64, at - (SECTION + BigInt(i * 4)))), i * 4);
    const kinds = modern
      ? ['undefined', 'end', 'call', 'regs', 'partial'].indexOf(type) | (type === 'regs' ? 8 : 0)
      : Math.max(0, ['call', 'regs', 'partial'].indexOf(type)) | (type === 'end' ? 4 : 0);
    orc.writeInt16LE(sp[1], i * 6);
    orc.writeInt16LE(bp[1], i * 6 + 2);
    orc.writeUInt16LE(sp[0] | (bp[0] << 4) | (kinds << 8), i * 6 + 4);
  });
  return { kind: 'orc', addresses, at: SECTION, entries: orc, signalBit: modern };
}

/** Made-up code: functions at known addresses of a kernel. */
const TEXT = 0xffff_ffff_8100_0000n;
const INNER = TEXT + 0x100n;
const FRAMED = TEXT + 0x200n;
const HANDLER = TEXT + 0x300n;
const REALIGNED = TEXT + 0x400n;
const SWITCHED = TEXT + 0x500n;
const OUTER = TEXT + 0x600n;
const START = TEXT + 0x700n;
const UNKNOWN = TEXT + 0x800n;
const END = TEXT + 0x900n;

const ENTRIES: readonly Entry[] = [
  { at: INNER, sp: [SP, 24], type: 'call' },
  { at: FRAMED, sp: [BP, 16], bp: [PREV_SP, -16], type: 'call' },
  { at: HANDLER, sp: [SP, 8], type: 'regs' },
  { at: REALIGNED, sp: [BP_INDIRECT, -8], bp: [BP, 0], type: 'call' },
  { at: SWITCHED, sp: [SP_INDIRECT, 8], type: 'call' },
  { at: OUTER, sp: [SP, 16], type: 'call' },
  { at: START, sp: [UNDEFINED, 0], type: 'end' },
  { at: UNKNOWN, sp: [R10, 0], type: 'call' },
  { at: END, sp: [UNDEFINED, 0], type: 'undefined' },
];

/** RAM that is seen by one page table entry of 2 MiB, at the stack's and at the code's addresses alike. */
const STACK = 0xffff_ffff_8110_0000n;
const PHYSICAL = 0x20_0000;

function machine(): { memory: GuestMemory; put: (at: bigint, value: bigint) => void; call: (at: bigint) => void } {
  const memory = GuestMemory.allocate(8 << 20);
  // PML4, PDPT, PD: the top 2 GiB's first large page of code.
  memory.write64(0x1000 + 511 * 8, 0x2003n);
  memory.write64(0x2000 + 510 * 8, 0x3003n);
  memory.write64(0x3000 + 8 * 8, BigInt(PHYSICAL) | 0x83n);
  const physical = (linear: bigint): number => PHYSICAL + Number(linear - TEXT);
  return {
    memory,
    put: (at, value) => memory.write64(physical(at), value),
    // CALL rel32 in front of a return address.
    call: at => memory.write8(physical(at) - 5, 0xe8),
  };
} // prettier-ignore

describe.each([
  ['before Linux 6.4', false],
  ['since Linux 6.4', true],
])('ORC tables %s', (_name, modern) => {
  test('lead a walk through calls, frames, an interrupt and stacks elsewhere', () => {
    const { memory, put, call } = machine();
    const rules = new OrcRules(tables(ENTRIES, modern));
    const expected = [INNER + 4n, FRAMED + 9n, HANDLER + 7n, REALIGNED, SWITCHED + 6n, OUTER + 5n, START + 5n];
    for (const address of [FRAMED + 9n, HANDLER + 7n, SWITCHED + 6n, OUTER + 5n, START + 5n]) call(address);
    const rsp = STACK;
    const rbp = STACK + 0x40n;
    // INNER: its return address is 24 − 8 above RSP.
    put(rsp + 16n, FRAMED + 9n);
    // FRAMED: RBP + 16 is the frame address; below it are the return address and the caller's RBP.
    put(rbp + 8n, HANDLER + 7n);
    put(rbp, 0x1234n);
    // HANDLER: pt_regs 8 above RSP, which is RBP + 16 by now. It was entered in front of an instruction of REALIGNED.
    const regs = rbp + 24n;
    const realigned = STACK + 0x400n;
    put(regs + 32n, realigned);
    put(regs + 128n, REALIGNED);
    put(regs + 152n, STACK + 0x300n);
    // REALIGNED: the frame address is in memory at RBP − 8, the caller's RBP at RBP.
    put(realigned - 8n, STACK + 0x500n);
    put(realigned, 0x5678n);
    put(STACK + 0x500n - 8n, SWITCHED + 6n);
    // SWITCHED: the frame address is 8 above where the word at RSP points to.
    put(STACK + 0x500n, STACK + 0x600n);
    put(STACK + 0x600n, OUTER + 5n);
    // OUTER: 16.
    put(STACK + 0x608n + 8n, START + 5n);
    const frames = new Uint32Array(MAX_FRAMES * 2);
    const system = { cr0: 0x8000_0001n, cr3: 0x1000n, cr4: 0x20n, efer: 0x500n };
    const count = new StackWalker(memory, [rules]).walk(INNER + 4n, { rsp, rbp, system, wide: true }, frames);
    const found = Array.from({ length: count }, (_, i) => (BigInt(frames[i * 2 + 1]) << 32n) | BigInt(frames[i * 2]));
    expect(found.map(address => address.toString(16))).toEqual(expected.map(address => address.toString(16)));
  }); // prettier-ignore

  test('lead it in a kernel that has moved itself', () => {
    const { memory, put, call } = machine();
    const rules = new OrcRules(tables(ENTRIES, modern));
    const moved = 0x10_0000n;
    call(OUTER + 5n);
    put(STACK + 16n, OUTER + 5n);
    const frames = new Uint32Array(MAX_FRAMES * 2);
    const system = { cr0: 0x8000_0001n, cr3: 0x1000n, cr4: 0x20n, efer: 0x500n };
    const state = { rsp: STACK, rbp: 1n, system, wide: true };
    expect(new StackWalker(memory, [rules]).walk(INNER + moved, state, frames)).toBe(1);
    expect(new StackWalker(memory, [rules], () => moved).walk(INNER + moved, state, frames)).toBe(2);
  });

  test('know nothing of code before their first and behind their last entry', () => {
    const rules = new OrcRules(tables(ENTRIES, modern));
    for (const address of [0n, TEXT, INNER - 1n, 0x40_0000n]) expect(rules.find(address)).toBe(-1);
    for (const address of [UNKNOWN, END, END + 0x1000n]) {
      expect(rules.find(address)).toBe(0);
      expect((rules.rows[Row.RULES] >> RuleShift.CFA) & 15).toBe(CfaFrom.NOTHING);
    }
  });
});
