import { describe, expect, it } from 'vitest';
import {
  Access,
  descriptor,
  Flags,
  gate,
  Guest,
  Place,
  Selector,
  type GuestOptions,
} from './support/guest.js';

/** Segments, their limits and rights, and transfers between them (Intel SDM vol. 3, chapters 3, 5 and 6). */

const { FREE } = Selector;

const flat = (source: string, options: Partial<GuestOptions> = {}): Guest =>
  new Guest(source, { mode: 'protected', ...options }).finish();

/** Loads DS with a selector of the test's own. */
const withData = (own: bigint, source: string): Guest =>
  flat(`mov eax, ${FREE}\n mov ds, ax\n ${source}\n hlt`, { gdt: { [FREE]: own } });

describe('limits', () => {
  const small = descriptor(0x5_0000, 0xff, Access.DATA, Flags.BIG);
  const down = descriptor(0x5_0000, 0xff, 0x97, Flags.BIG);
  const down16 = descriptor(0x5_0000, 0xff, 0x97);
  it.each<[string, bigint, string, boolean]>([
    ['the last byte', small, 'mov al, [0xff]', true],
    ['the byte behind it', small, 'mov al, [0x100]', false],
    ['an access across it', small, 'mov eax, [0xfd]', false],
    ['expand-down: above the limit', down, 'mov al, [0x100]', true],
    ['expand-down: at the limit', down, 'mov al, [0xff]', false],
    ['expand-down of 16 bits: to 64 KiB', down16, 'mov al, [0xffff]', true],
    ['expand-down of 16 bits: no further', down16, 'mov ax, [0xffff]', false],
    ['a write to read-only data', descriptor(0, 0xffff, 0x91, Flags.BIG), 'mov [0], al', false],
    ['a read of executable code', descriptor(0, 0xffff, 0x9b, Flags.BIG), 'mov al, [0]', true],
    ['a write of code', descriptor(0, 0xffff, 0x9b, Flags.BIG), 'mov [0], al', false],
  ])('%s', (_, own, source, allowed) => {
    const { trap } = withData(own, source);
    if (allowed) expect(trap).toBeUndefined();
    else expect(trap).toMatchObject({ vector: 13, error: 0 });
  });

  it('of the stack give #SS', () => {
    const source = `mov eax, ${FREE}\n mov ss, ax\n mov esp, 0x1000\n push eax`;
    // By a task, as the stack cannot take the frame.
    const guest = flat(`${source}\n .org 0x400\n pop eax\n note\n exit`, {
      gdt: {
        [FREE]: descriptor(0x5_0000, 0xff, Access.DATA, Flags.BIG),
        [Selector.TSS2]: descriptor(Place.TSS2, 103, Access.TSS32),
      },
      idt: { 12: gate(Selector.TSS2, 0, Access.TASK_GATE) },
      prepare: ({ memory }) => {
        const fields = {
          32: Place.CODE + 0x400,
          36: 2,
          56: Place.STACK2,
          72: Selector.DATA0,
          76: Selector.CODE0,
          80: Selector.DATA0,
          84: Selector.DATA0,
        };
        for (const [at, value] of Object.entries(fields)) memory.write32(Place.TSS2 + Number(at), value);
      },
    });
    expect(guest.notes).toEqual([0]);
  });
});

describe('branches beyond the limit of code are their own #GP', () => {
  /** 0x200 bytes of 32-bit code, which the code runs in from 0x20 on. */
  const short = { [FREE]: descriptor(Place.CODE, 0x1ff, Access.CODE, Flags.BIG) };
  const source = (branch: string): string =>
    `jmp ${FREE}:0x20\n .org 0x20\n mov eax, 0x200\n mov ecx, 5\n ${branch}\n hlt`;
  it.each<[string, string, number, number?]>([
    ['JMP', '.byte 0xe9\n .long 0x400', 5],
    ['JE', 'cmp eax, eax\n .byte 0x0f, 0x84\n .long 0x400', 5, 2],
    ['CALL', '.byte 0xe8\n .long 0x400', 5],
    ['JMP EAX', 'jmp eax', 5],
    ['CALL EAX', 'call eax', 5],
    ['RET', 'push eax\n ret', 5, 1],
    ['JMP far', `jmp ${FREE}:0x200`, 5],
    ['CALL far', `call ${FREE}:0x200`, 5],
  ])('%s', (_, branch, ecx, before = 0) => {
    const { trap } = flat(source(branch), { gdt: short });
    const pushed = branch.startsWith('push') ? 4 : 0;
    expect(trap).toMatchObject({ vector: 13, error: 0, rip: 0x2a + before, cs: FREE });
    expect(trap?.state.registers.rcx).toBe(BigInt(ecx));
    expect(Number(trap?.state.registers.rsp)).toBe(Place.STACK0 - pushed - 16);
  });

  it('LOOP, which has not counted then', () => {
    const code = { [FREE]: descriptor(Place.CODE, 0x2b, Access.CODE, Flags.BIG) };
    const { trap } = flat(
      `jmp ${FREE}:0x20\n .org 0x20\n mov eax, 0x200\n mov ecx, 5\n loop 1f\n .org 0x60\n 1: hlt`,
      { gdt: code },
    );
    expect(trap).toMatchObject({ vector: 13, error: 0, rip: 0x2a });
    expect(trap?.state.registers.rcx).toBe(5n);
  });

  it('in real mode, too', () => {
    const { trap } = new Guest('.byte 0x66, 0xe9\n .long 0x20000', { mode: 'real' }).finish();
    expect(trap).toMatchObject({ vector: 13, rip: Place.REAL_CODE });
  });
});

describe('call gates', () => {
  const TARGET = Place.CODE + 0x400;
  const at3 = (type: number, count: number, selector: number = Selector.CODE0): Record<number, bigint> => ({
    [FREE]: gate(selector, TARGET, type | Access.LEVEL3, count),
  });
  const show = (offsets: readonly number[]): string =>
    offsets.map(o => `mov eax, [esp + ${String(o)}]\n note`).join('\n');

  it('to an inner level copy parameters, and RET n drops them from both stacks', () => {
    const guest = flat(
      `push 0x111\n push 0x222\n call ${FREE}:0\n mov eax, esp\n note\n mov eax, cs\n note\n exit
       .org 0x400\n ${show([0, 4, 8, 12, 16, 20])} \n ret 8`.replace('ret 8', 'retf 8'),
      { level: 3, gdt: at3(Access.CALL_GATE32, 2) },
    );
    expect(guest.notes).toEqual([
      Place.CODE + 17, Selector.CODE3, 0x222, 0x111, Place.STACK3 - 8, Selector.DATA3, Place.STACK3, Selector.CODE3,
    ]); // prettier-ignore
  });

  it('of 16 bits push words', () => {
    const guest = flat(`push 0x1110222\n call ${FREE}:0\n .org 0x400\n ${show([0, 4, 8])}\n exit`, {
      level: 3,
      gdt: {
        [FREE]: gate(FREE + 8, 0x400, Access.CALL_GATE16 | Access.LEVEL3, 1),
        [FREE + 8]: descriptor(Place.CODE, 0xffff, Access.CODE, Flags.BIG),
      },
    });
    // IP and CS; the parameter and SP; SS.
    expect(guest.notes.map(n => [n & 0xffff, n >>> 16]).flat().slice(0, 5)).toEqual([
      12, Selector.CODE3, 0x222, (Place.STACK3 - 4) & 0xffff, Selector.DATA3,
    ]); // prettier-ignore
  });

  it('to the same level do not switch stacks; JMP leaves no return address', () => {
    const called = flat(`call ${FREE}:0\n .org 0x400\n mov eax, esp\n note\n exit`, {
      gdt: at3(Access.CALL_GATE32, 2),
    });
    expect(called.notes).toEqual([Place.STACK0 - 8]);
    const jumped = flat(`jmp ${FREE}:0\n .org 0x400\n mov eax, esp\n note\n exit`, {
      gdt: at3(Access.CALL_GATE32, 2),
    });
    expect(jumped.notes).toEqual([Place.STACK0]);
  });

  it.each<[string, Record<number, bigint>, number, number, string?]>([
    ['of a lower level', { [FREE]: gate(Selector.CODE0, TARGET, Access.CALL_GATE32) }, 13, FREE],
    ['that are not present', { [FREE]: gate(Selector.CODE0, TARGET, 0x6c) }, 11, FREE],
    ['to a null selector', at3(Access.CALL_GATE32, 0, 0), 13, 0],
    ['to data', at3(Access.CALL_GATE32, 0, Selector.DATA0), 13, Selector.DATA0],
    [
      'to code that is not present',
      { ...at3(Access.CALL_GATE32, 0, FREE + 8), [FREE + 8]: descriptor(0, 0xffff, 0x1b) },
      11,
      FREE + 8,
    ],
    ['by JMP to an inner level', at3(Access.CALL_GATE32, 0), 13, Selector.CODE0, 'jmp'],
  ])('%s', (_, gdt, vector, error, by = 'call') => {
    expect(flat(`${by} ${FREE}:0`, { level: 3, gdt }).trap).toMatchObject({ vector, error, rip: Place.CODE });
  });

  it('to a stack that is wrong give #TS, to one that is too small #SS', () => {
    const bad = (ss: number, esp: number, own?: bigint): Guest =>
      flat(`call ${FREE}:0`, {
        level: 3,
        gdt: {
          ...at3(Access.CALL_GATE32, 0, FREE + 8),
          [FREE + 8]: descriptor(0, 0xf_ffff, 0xbb, Flags.BIG | Flags.GRANULAR),
          ...(own === undefined ? {} : { [FREE + 16]: own }),
        },
        prepare: ({ memory }) => {
          // The stack of level 1.
          memory.write32(Place.TSS + 12, esp);
          memory.write32(Place.TSS + 16, ss);
        },
      });
    expect(bad(0, Place.STACK2).trap).toMatchObject({ vector: 10, error: 0 });
    expect(bad(Selector.DATA3, Place.STACK2).trap).toMatchObject({ vector: 10, error: Selector.DATA3 & ~3 });
    const level1 = (access: number): bigint => descriptor(0, 0xff, access, Flags.BIG);
    expect(bad((FREE + 16) | 1, 0x80, level1(0x33)).trap).toMatchObject({ vector: 12, error: FREE + 16 });
    expect(bad((FREE + 16) | 1, 8, level1(0xb3)).trap).toMatchObject({ vector: 12, error: FREE + 16 });
  });

  it('of 64 bits have 16 bytes, of which the upper half has no type', () => {
    const wide = (upper: bigint): Guest =>
      new Guest(
        `call fword ptr [rip + 1f]\n 1: .long 0\n .word ${FREE}\n .org 0x400\n mov eax, esp\n note\n mov eax, [rsp + 16]\n note\n exit`,
        {
          mode: 'long',
          level: 3,
          gdt: { [FREE]: gate(Selector.CODE0, TARGET, 0xec), [FREE + 8]: upper },
        },
      ).finish();
    expect(wide(0n).notes).toEqual([Place.STACK0 - 32, Place.STACK3]);
    expect(wide(1n << 40n).trap).toMatchObject({ vector: 13, error: FREE });
  });
});

describe('returns to an outer level', () => {
  it('IRET takes SS and ESP and drops segments that are the inner level’s', () => {
    const guest = flat(
      `push ${Selector.DATA3}\n push ${Place.STACK3}\n push 0x202\n push ${Selector.CODE3}\n push offset 1f\n iret
       1: mov eax, esp\n note\n mov eax, ds\n note\n mov eax, cs\n note\n pushf\n pop eax\n note\n exit`,
    );
    expect(guest.notes).toEqual([Place.STACK3, 0, Selector.CODE3, 0x202]);
  });

  it.each<[string, number, number, number, number]>([
    ['code of an inner level', Selector.CODE0 | 3, Selector.DATA3, 13, Selector.CODE0],
    ['a null SS', Selector.CODE3, 0, 13, 0],
    ['a stack of another level', Selector.CODE3, Selector.DATA0, 13, Selector.DATA0],
    ['data as code', Selector.DATA3, Selector.DATA3, 13, Selector.DATA3 & ~3],
    ['a null CS', 0, Selector.DATA3, 13, 0],
  ])('refuses %s', (_, cs, ss, vector, error) => {
    const push = `push ${ss}\n push ${Place.STACK3}\n`;
    expect(flat(`${push} push 2\n push ${cs}\n push 0\n iret`).trap).toMatchObject({ vector, error });
    expect(flat(`${push} push ${cs}\n push 0\n retf`).trap).toMatchObject({ vector, error });
  });

  it('user code cannot give itself I/O privilege or interrupts', () => {
    const guest = flat(
      'push 0x3202\n popf\n pushf\n pop eax\n note\n push 0x3202\n push cs\n push offset 1f\n iret\n 1: pushf\n pop eax\n note\n exit',
      { level: 3 },
    );
    expect(guest.notes).toEqual([2, 2]);
  });
});

describe('the IDT', () => {
  it.each<[string, bigint | undefined, number, number]>([
    ['a gate of a lower level', gate(Selector.CODE0, 0, 0x8e), 13, 0x30 * 8 + 2],
    ['a gate that is not present', gate(Selector.CODE0, 0, 0x6e), 11, 0x30 * 8 + 2],
    ['no gate', descriptor(0, 0, 0x92), 13, 0x30 * 8 + 2],
    ['a gate to a null selector', gate(0, 0, 0xee), 13, 0],
    ['a gate to data', gate(Selector.DATA0, 0, 0xee), 13, Selector.DATA0],
    ['a gate beyond the GDT', gate(0x2000, 0, 0xee), 13, 0x2000],
  ])('INT n and %s', (_, entry, vector, error) => {
    expect(flat('int 0x30', { level: 3, idt: { 0x30: entry ?? 0n } }).trap).toMatchObject({
      vector,
      error,
      rip: Place.CODE,
    });
  });

  it('has a limit', () => {
    expect(
      flat('int 0xff', { system: { idt: { base: BigInt(Place.IDT), limit: 0x7f7 } } }).trap,
    ).toMatchObject({ vector: 13, error: 0x7fa });
  });

  it('error codes of what goes wrong with an exception say that it is external', () => {
    expect(flat('ud2', { idt: { 6: gate(Selector.CODE0, 0, 0x0e) } }).trap).toMatchObject({
      vector: 11,
      error: 6 * 8 + 3,
    });
    expect(flat('ud2', { idt: { 6: gate(Selector.DATA0, 0, 0x8e) } }).trap).toMatchObject({
      vector: 13,
      error: Selector.DATA0 | 1,
    });
  });

  it('#GP on the way to #GP is #DF, and on the way to that the end', () => {
    const broken = gate(Selector.DATA0, 0, 0x8e);
    expect(flat('mov eax, 0xfff8\n mov ds, ax', { idt: { 13: broken } }).trap).toMatchObject({
      vector: 8,
      error: 0,
    });
    const guest = new Guest('mov eax, 0xfff8\n mov ds, ax', {
      mode: 'protected',
      idt: { 13: broken, 8: broken },
    });
    expect(guest.run(1000)).toBe('shutdown');
  });

  it('#UD on the way from nothing is no #DF; #GP on the way to #UD is a #GP', () => {
    expect(flat('ud2', { idt: { 6: gate(Selector.DATA0, 0, 0x8e) } }).trap?.vector).toBe(13);
  });
});

describe('LAR, LSL, VERR, VERW, ARPL', () => {
  const ask = (instruction: string, selector: number, level: 0 | 3 = 0): Guest =>
    flat(
      `mov ecx, ${String(selector)}\n xor eax, eax\n ${instruction}\n setz dl\n note\n movzx eax, dl\n note\n exit`,
      { level },
    );
  it.each<[string, number, 0 | 3, number, number]>([
    ['lar eax, ecx', Selector.CODE0, 0, 0x00cf_9b00, 1],
    ['lar eax, ecx', Selector.TSS, 0, 0x8b00, 1],
    ['lar eax, ecx', Selector.CODE0, 3, 0, 0],
    ['lar eax, ecx', 0, 0, 0, 0],
    ['lar eax, ecx', 0x2000, 0, 0, 0],
    ['lsl eax, ecx', Selector.CODE16, 0, 0xffff, 1],
    ['lsl eax, ecx', Selector.DATA0, 0, 0xffff_ffff, 1],
    ['lsl eax, ecx', Selector.TSS, 0, 0x2088, 1],
    ['verr cx', Selector.CODE3, 3, 0, 1],
    ['verw cx', Selector.CODE3, 3, 0, 0],
    ['verw cx', Selector.DATA3, 3, 0, 1],
    ['verr cx', Selector.DATA0, 3, 0, 0],
  ])('%s of %i at level %i', (instruction, selector, level, value, zero) => {
    expect(ask(instruction, selector, level).notes).toEqual([value, zero]);
  });

  it('ARPL raises the RPL', () => {
    const guest = flat(
      'mov eax, 0x10\n mov ecx, 3\n arpl ax, cx\n note\n arpl ax, cx\n setz al\n movzx eax, al\n note\n exit',
    );
    expect(guest.notes).toEqual([0x13, 0]);
  });
});

describe('LLDT and LTR', () => {
  it.each<[string, string, number, number, number, bigint?]>([
    ['LTR of a busy TSS', 'ltr', Selector.TSS, 13, Selector.TSS],
    ['LTR of null', 'ltr', 0, 13, 0],
    ['LTR of data', 'ltr', Selector.DATA0, 13, Selector.DATA0],
    ['LTR of one that is not present', 'ltr', FREE, 11, FREE, descriptor(0, 0x67, 0x09)],
    ['LLDT of a TSS', 'lldt', Selector.TSS, 13, Selector.TSS],
    ['LLDT from the LDT', 'lldt', 0xc, 13, 0xc],
  ])('%s', (_, name, selector, vector, error, own) => {
    const gdt = own === undefined ? {} : { [FREE]: own };
    expect(flat(`mov eax, ${String(selector)}\n ${name} ax`, { gdt }).trap).toMatchObject({ vector, error });
  });

  it('in long mode want a canonical base and no type in the upper half', () => {
    const load = (upper: bigint): Guest =>
      new Guest(`mov eax, ${FREE}\n lldt ax\n sldt eax\n note\n exit`, {
        mode: 'long',
        gdt: { [FREE]: descriptor(0, 0xff, Access.LDT), [FREE + 8]: upper },
      }).finish();
    expect(load(0n).notes).toEqual([FREE]);
    expect(load(0xffff_8000n).notes).toEqual([FREE]);
    expect(load(0x8000n).trap).toMatchObject({ vector: 13, error: FREE });
    expect(load(2n << 40n).trap).toMatchObject({ vector: 13, error: FREE });
  });
});
