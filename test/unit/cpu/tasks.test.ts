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

/** Task switches (Intel SDM vol. 3, chapter 7). */

const NT = 0x4000;
const RF = 0x1_0000;

/** Fields of a 32-bit TSS that make a task run at `eip` in flat segments of level 0. */
function tss32(guest: Guest, at: number, eip: number, fields: Readonly<Record<number, number>> = {}): void {
  const { memory } = guest;
  const defaults: Record<number, number> = {
    32: eip,
    36: 2,
    56: Place.STACK2,
    72: Selector.DATA0,
    76: Selector.CODE0,
    80: Selector.DATA0,
    84: Selector.DATA0,
    100: 0x0068_0000,
  };
  for (const [offset, value] of Object.entries({ ...defaults, ...fields })) {
    memory.write32(at + Number(offset), value);
  }
}

const SECOND = Place.CODE + 0x800;

interface TaskOptions {
  readonly tss?: Readonly<Record<number, number>>;
  readonly gdt?: Readonly<Record<number, bigint>>;
  readonly idt?: GuestOptions['idt'];
  readonly prepare?: (guest: Guest) => void;
}

/** Level 0 code in 32-bit mode, with a second task behind TSS2 and behind a task gate. */
function run(first: string, second: string, { tss, gdt, idt = {}, prepare }: TaskOptions = {}): Guest {
  return new Guest(`${first}\n 98: jmp 98b\n .org 0x800\n ${second}\n 97: jmp 97b`, {
    mode: 'protected',
    gdt: {
      [Selector.TSS2]: descriptor(Place.TSS2, 103, Access.TSS32),
      [Selector.TASK_GATE]: gate(Selector.TSS2, 0, Access.TASK_GATE),
      ...gdt,
    },
    idt,
    prepare: guest => {
      tss32(guest, Place.TSS2, SECOND, tss);
      prepare?.(guest);
    },
  }).finish();
}

const busy = (guest: Guest, selector: number): boolean =>
  (guest.memory.read8(Place.GDT + selector + 5) & Access.BUSY) !== 0;

const SHOW_FLAGS = 'pushf\n pop eax\n note\n';

describe('task switches', () => {
  it('CALL nests: both tasks are busy, NT is set, IRET goes back behind the call', () => {
    const guest = run(
      `mov ebx, 7\n call ${Selector.TSS2}:0\n mov eax, ebx\n note\n ${SHOW_FLAGS} mov al, 1\n exit`,
      `${SHOW_FLAGS} str eax\n note\n movzx eax, word ptr [${Place.TSS2}]\n note
       mov al, [${Place.GDT + Selector.TSS + 5}]\n note\n mov ebx, 9\n iret`,
    );
    expect(guest.exitCode).toBe(1);
    expect(guest.notes).toEqual([2 | NT, Selector.TSS2, Selector.TSS, Access.TSS32 | Access.BUSY, 7, 2]);
    expect(busy(guest, Selector.TSS2)).toBe(false);
    // The nested task's flags are saved without NT, its EIP behind its IRET.
    expect(guest.memory.read32(Place.TSS2 + 36)).toBe(2);
    expect(guest.state.system.cr0 & 8n).toBe(8n);
  });

  it('JMP moves the busy bit and leaves no way back', () => {
    const guest = run(`jmp ${Selector.TSS2}:0`, `${SHOW_FLAGS} mov al, 2\n exit`);
    expect(guest.exitCode).toBe(2);
    expect(guest.notes).toEqual([2]);
    expect(busy(guest, Selector.TSS)).toBe(false);
    expect(busy(guest, Selector.TSS2)).toBe(true);
    expect(guest.memory.read32(Place.TSS + 32)).toBe(Place.CODE + 7);
  });

  it('goes through a task gate, by INT n too, whose registers come from the TSS', () => {
    const tss = { 40: 0x1111, 44: 0x2222, 48: 0x3333, 52: 0x4444, 60: 0x5555, 64: 0x6666, 68: 0x7777 };
    const idt = { 0x30: gate(Selector.TSS2, 0, Access.TASK_GATE | Access.LEVEL3) };
    const guest = run(
      'int 0x30\n mov al, 3\n exit',
      'note\n mov eax, ecx\n note\n mov eax, edx\n note\n mov eax, ebx\n note\n mov eax, ebp\n note\n' +
        ' mov eax, esi\n note\n mov eax, edi\n note\n iret',
      { tss, idt },
    );
    expect(guest.exitCode).toBe(3);
    expect(guest.notes).toEqual([0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666, 0x7777]);
  });

  it('an exception through a task gate pushes its error code on the new stack and saves RF', () => {
    const idt = { 13: gate(Selector.TSS2, 0, Access.TASK_GATE) };
    const guest = run(
      `mov eax, 0x1238\n mov ds, ax`,
      `pop eax\n note\n mov eax, [${Place.TSS + 36}]\n note\n mov eax, [${Place.TSS + 32}]\n note\n exit`,
      { idt },
    );
    expect(guest.notes).toEqual([0x1238, 2 | RF, Place.CODE + 5]);
  });

  it('switches to a 16-bit task and back', () => {
    const guest = run(
      `call ${Selector.TSS2}:0\n mov al, 4\n exit`,
      `.code16\n note\n mov eax, esp\n note\n mov eax, fs\n note\n iret\n .code32`,
      {
        gdt: {
          [Selector.TSS2]: descriptor(Place.TSS2, 43, Access.TSS16),
          [Selector.FREE]: descriptor(SECOND, 0xffff, Access.CODE),
        },
        prepare: ({ memory }) => {
          memory.write(Place.TSS2, new Uint8Array(44));
          for (const [offset, value] of [
            [16, 2], [18, 0xabcd], [26, 0x7ffe],
            [34, Selector.DATA16], [36, Selector.FREE], [38, Selector.DATA16], [40, Selector.DATA16],
          ]) memory.write16(Place.TSS2 + offset, value); // prettier-ignore
        },
      },
    );
    expect(guest.exitCode).toBe(4);
    expect(guest.notes).toEqual([0xabcd, 0x7ffe, 0]);
    expect(guest.memory.read16(Place.TSS2 + 18)).toBe(0);
  });

  it('raises #DB with DR6.BT before the first instruction of a task whose T flag is set', () => {
    const guest = run(`jmp ${Selector.TSS2}:0`, 'mov al, 5\n exit\n handler_1: mov eax, dr6\n note\n iret', {
      tss: { 100: 0x0068_0001 },
    });
    expect(guest.notes).toEqual([0xffff_8ff0]);
    expect(guest.exitCode).toBe(5);
  });

  it('turns local breakpoints off', () => {
    const guest = run(`mov eax, 0x2ff\n mov dr7, eax\n jmp ${Selector.TSS2}:0`, 'mov eax, dr7\n note\n exit');
    expect(guest.notes).toEqual([0x6aa]);
  });

  it('loads the page tables of the task', () => {
    // A page directory that maps 4 MiB pages onto themselves, but the second one onto the first.
    const guest = run(`jmp ${Selector.TSS2}:0`, 'mov eax, [0x409000]\n note\n mov eax, cr3\n note\n exit', {
      tss: { 28: 0x3000 },
      prepare: guest => {
        const { memory } = guest;
        memory.write32(0x2000, 0x83);
        memory.write32(0x3000, 0x83);
        memory.write32(0x3004, 0x83);
        const [vcpu] = guest.vm.vcpus;
        const state = vcpu.getState();
        vcpu.setState({
          ...state,
          system: { ...state.system, cr0: 0x8000_0011n, cr4: 0x10n, cr3: 0x2000n },
        });
      },
    });
    expect(guest.notes).toEqual([guest.memory.read32(0x9000), 0x3000]);
  });

  describe('refuses, as the old task, ', () => {
    const cases: [string, string, number, number, TaskOptions?][] = [
      ['a busy task by JMP', `jmp ${Selector.TSS}:0`, 13, Selector.TSS],
      ['a busy task through its gate', `call ${Selector.TASK_GATE}:0`, 13, Selector.TSS2, {
        gdt: { [Selector.TSS2]: descriptor(Place.TSS2, 103, Access.TSS32 | Access.BUSY) },
      }],
      ['a task that is not present', `call ${Selector.TSS2}:0`, 11, Selector.TSS2, {
        gdt: { [Selector.TSS2]: descriptor(Place.TSS2, 103, 0x09) },
      }],
      ['a gate that is not present', `call ${Selector.TASK_GATE}:0`, 11, Selector.TASK_GATE, {
        gdt: { [Selector.TASK_GATE]: gate(Selector.TSS2, 0, 0x05) },
      }],
      ['a short TSS', `call ${Selector.TSS2}:0`, 10, Selector.TSS2, {
        gdt: { [Selector.TSS2]: descriptor(Place.TSS2, 102, Access.TSS32) },
      }],
      ['a gate into the LDT', `call ${Selector.TASK_GATE}:0`, 13, 0x74, {
        gdt: { [Selector.TASK_GATE]: gate(0x74, 0, Access.TASK_GATE) },
      }],
      ['IRET without a busy task to go to', 'pushf\n or dword ptr [esp], 0x4000\n popf\n iret', 10, Selector.TSS2, {
        prepare: ({ memory }) => memory.write16(Place.TSS, Selector.TSS2),
      }],
      ['an interrupt to a busy task, which is external', 'ud2', 13, Selector.TSS | 1, {
        idt: { 6: gate(Selector.TSS, 0, Access.TASK_GATE) },
      }],
    ]; // prettier-ignore
    it.each(cases)('%s', (_, source, vector, error, options) => {
      const { trap } = run(source, '', options);
      expect(trap).toMatchObject({ vector, error });
      expect(trap?.state.system.tr.selector).toBe(Selector.TSS);
      expect(trap?.rip).toBeGreaterThanOrEqual(Place.CODE);
    });
  });

  describe('raises, as the new task, for ', () => {
    const FREE = Selector.FREE;
    const CS = 76;
    const [SS, DS, LDT] = [80, 84, 96];
    const flat = (access: number): bigint => descriptor(0, 0xf_ffff, access, Flags.BIG | Flags.GRANULAR);
    const cases: [string, number, number, Readonly<Record<number, number>>, bigint?][] = [
      ['an LDT that is none', 10, Selector.DATA0, { [LDT]: Selector.DATA0 }],
      ['an LDT that is not present', 10, FREE, { [LDT]: FREE }, descriptor(0, 0xff, 0x02)],
      ['a data segment as code', 10, Selector.DATA0, { [CS]: Selector.DATA0 }],
      ['a null code segment', 10, 0, { [CS]: 0 }],
      ['code that is not present', 11, FREE, { [CS]: FREE }, flat(0x1b)],
      ['a stack of another level', 10, Selector.DATA3 & ~3, { [SS]: Selector.DATA3 }],
      ['a stack that is not present', 12, FREE, { [SS]: FREE }, flat(0x13)],
      ['data that is code only to be executed', 10, FREE, { [DS]: FREE }, flat(0x99)],
      ['data that is not present', 11, FREE, { [DS]: FREE }, flat(0x13)],
      [
        'a start beyond the limit',
        13,
        0,
        { [CS]: FREE, 32: 0x2000 },
        descriptor(0, 0xfff, Access.CODE, Flags.BIG),
      ],
    ];
    it.each(cases)('%s', (_, vector, error, tss, free) => {
      // Its handler is a task again, so that it needs nothing of the broken one.
      const idt = { [vector]: gate(Selector.LDT, 0, Access.TASK_GATE) };
      const guest = run(
        `jmp ${Selector.TSS2}:0\n .org 0x400\n pop eax\n note\n movzx eax, word ptr [0xc000]\n note\n exit`,
        'exit',
        {
          tss,
          idt,
          gdt: {
            [Selector.LDT]: descriptor(0xc000, 103, Access.TSS32),
            ...(free === undefined ? {} : { [FREE]: free }),
          },
          prepare: g => tss32(g, 0xc000, Place.CODE + 0x400, { 56: Place.STACK0 }),
        },
      );
      expect(guest.notes).toEqual([error, Selector.TSS2]);
    });
  });
});
