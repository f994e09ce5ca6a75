import { describe, expect, it } from 'vitest';
import { Guest, Place, type GuestOptions } from './support/guest.js';

/** Debug exceptions (Intel SDM vol. 3, chapter 17). */

const BS = 0x4000;
const DR6 = 0xffff_0ff0;
const RF = 0x1_0000;

/** Counts and notes #DB: DR6 (whose set bits it clears) and, relative to the code, RIP. */
const HANDLER = `
  handler_1:
    push rax
    mov rax, dr6
    note
    mov rax, [rsp + 8]
    sub rax, ${Place.CODE}
    note
    mov eax, 0xffff0ff0
    mov dr6, rax
    pop rax
    iretq
`;
const SET_TF = 'pushf\n or dword ptr [rsp], 0x100\n popf\n';
const CLEAR_TF = 'pushf\n and dword ptr [rsp], 0xfffffeff\n popf\n';

const guest = (source: string, options: Partial<GuestOptions> = {}): Guest =>
  new Guest(`${source}\n exit\n${HANDLER}`, { mode: 'long', ...options }).finish();
/** Sets a breakpoint register and DR7. */
const breakpoint = (n: number, address: string, dr7: number): string =>
  `lea rax, [${address}]\n mov dr${String(n)}, rax\n mov eax, ${String(dr7)}\n mov dr7, rax\n`;
/** DR7's bits of a breakpoint that is enabled globally. @param kind 0 execution, 1 write, 2 port, 3 access */
const dr7 = (n: number, kind: number, length: number): number =>
  0x400 | (2 << (2 * n)) | (kind << (16 + 4 * n)) | ((length === 8 ? 2 : length - 1) << (18 + 4 * n));

/** The pairs (DR6, RIP) that the handler noted, RIP as distance from a label's place. */
const traps = ({ notes }: Guest): number[][] =>
  notes.flatMap((note, i) => (i % 2 ? [[notes[i - 1], note]] : []));
const reasons = (g: Guest): number[] => traps(g).map(([dr6]) => (dr6 ^ DR6) >>> 0);

describe('single step', () => {
  it('traps after each instruction behind the one that set TF', () => {
    const g = guest(`${SET_TF} nop\n nop\n ${CLEAR_TF}`);
    expect(reasons(g)).toEqual([BS, BS, BS, BS, BS]);
    const [first, second] = traps(g).map(([, rip]) => rip);
    expect(second - first).toBe(1);
  });

  it('traps after each iteration of a repeated instruction, at the instruction', () => {
    const g = guest(`mov ecx, 3\n mov edi, 0x50000\n ${SET_TF} rep stosb\n ${CLEAR_TF}`);
    const rips = traps(g).map(([, rip]) => rip);
    expect(rips.slice(0, 3).map(rip => rip - rips[0])).toEqual([0, 0, 2]);
  });

  it('is held back by MOV SS, not by STI', () => {
    expect(reasons(guest(`mov eax, ss\n ${SET_TF} mov ss, eax\n nop\n ${CLEAR_TF}`))).toHaveLength(4);
    expect(reasons(guest(`cli\n ${SET_TF} sti\n nop\n ${CLEAR_TF}`))).toHaveLength(5);
  });

  it('does not step into an interrupt handler, nor trap behind INT n', () => {
    const g = guest(`${SET_TF} int 0x30\n ${CLEAR_TF} exit\n handler_48: nop\n iretq`);
    // Behind IRET, which gives TF back, one instruction passes.
    expect(reasons(g)).toEqual([BS, BS, BS]);
  });

  it('steps from branch to branch with DEBUGCTL.BTF, which a #DB clears', () => {
    const g =
      guest(`mov ecx, 0x1d9\n mov eax, 2\n xor edx, edx\n wrmsr\n ${SET_TF} nop\n nop\n jmp 1f\n nop\n 1: nop\n ${CLEAR_TF}
      mov ecx, 0x1d9\n rdmsr\n note`);
    expect(reasons(g)).toEqual([BS, BS, BS, BS, BS]);
    expect(g.notes.at(-1)).toBe(0);
  });
});

describe('instruction breakpoints', () => {
  it('are faults in front of the instruction, once if the handler sets RF', () => {
    const g = new Guest(
      `${breakpoint(1, 'rip + 1f', dr7(1, 0, 1))} 1: nop\n exit
       handler_1: push rax\n mov rax, dr6\n note\n mov rax, [rsp + 24]\n note\n or dword ptr [rsp + 24], ${RF}\n pop rax\n iretq`,
      { mode: 'long' },
    ).finish();
    expect(g.notes).toEqual([DR6 | 2, 2].map(n => n >>> 0));
    expect(g.trap).toBeUndefined();
  });

  it('are met before what the instruction itself raises, and behind MOV SS as on AMD’s processors', () => {
    const first = new Guest(`${breakpoint(0, 'rip + 1f', dr7(0, 0, 1))} 1: ud2`, { mode: 'long' }).finish();
    expect(first.trap?.vector).toBe(1);
    const behind = new Guest(
      `mov ecx, ss\n ${breakpoint(0, 'rip + 1f', dr7(0, 0, 1))} mov ss, ecx\n 1: nop\n exit`,
      {
        mode: 'long',
      },
    ).finish();
    expect(behind.trap?.vector).toBe(1);
  });

  it('RF is pushed with faults, and not with traps and interrupts', () => {
    expect(new Guest('ud2', { mode: 'long' }).finish().trap?.rflags).toBe(RF | 2);
    expect(new Guest('int3', { mode: 'long' }).finish().trap?.rflags).toBe(2);
    expect(new Guest(`${SET_TF} nop`, { mode: 'long' }).finish().trap?.rflags).toBe(0x102);
  });
});

describe('data breakpoints', () => {
  it.each([
    ['a write into its bytes', 'mov byte ptr [0x50003], 1', 1, 4, [1]],
    ['a wider write over them', 'mov qword ptr [0x50000], 1', 1, 2, [1]],
    ['no read when it watches writes', 'mov al, [0x50000]', 1, 4, []],
    ['a read when it watches both', 'mov al, [0x50001]', 3, 2, [1]],
    ['no access beside it', 'mov byte ptr [0x50004], 1', 3, 4, []],
    ['eight bytes', 'mov byte ptr [0x50007], 1', 1, 8, [1]],
    ['a push', 'mov rsp, 0x50008\n push rax\n mov rsp, 0x20000', 1, 8, [1]],
    ['an access from the page before', 'mov qword ptr [0x4fffc], 0', 1, 4, [1]],
    ['a vector', 'movups xmm0, [0x50000]', 3, 4, [1]],
    ['a read-modify-write once', 'inc dword ptr [0x50000]', 3, 4, [1]],
  ])('meet %s', (_, source, kind, length, expected) => {
    const g = guest(`${breakpoint(0, '0x50000', dr7(0, kind, length))} ${source}\n nop`, {
      system: { cr4: 0x620n },
    });
    expect(reasons(g)).toEqual(expected);
  });

  it('trap behind the instruction; two at once are one #DB', () => {
    const both = dr7(2, 1, 4) | dr7(3, 3, 1);
    const g = guest(
      `mov eax, 0x50000\n mov dr2, rax\n ${breakpoint(3, '0x50002', both)} mov [0x50000], eax\n 1: nop`,
    );
    expect(reasons(g)).toEqual([12]);
  });

  it('wait behind MOV SS for the next instruction', () => {
    const g = guest(
      `mov [0x50000], ss\n ${breakpoint(0, '0x50000', dr7(0, 3, 2))} mov ss, [0x50000]\n nop\n nop`,
    );
    expect(reasons(g)).toEqual([1]);
  });

  it('stop a repeated instruction behind the iteration', () => {
    const g = guest(
      `mov ecx, 8\n mov edi, 0x50000\n ${breakpoint(0, '0x50003', dr7(0, 1, 1))} rep stosb\n mov eax, ecx\n note`,
    );
    expect(reasons({ ...g, notes: g.notes.slice(0, 2) } as Guest)).toEqual([1]);
    expect(g.notes.at(-1)).toBe(0);
  });
});

describe('I/O breakpoints', () => {
  const OUT = 'mov edx, 0x81\n out dx, al\n in al, 0x80';
  it('meet accesses to ports with CR4.DE', () => {
    const g = guest(`${breakpoint(0, '0x80', dr7(0, 2, 2))} ${OUT}`, { system: { cr4: 0x28n } });
    expect(reasons(g)).toEqual([1, 1]);
  });
  it('are not there without it', () => {
    expect(reasons(guest(`${breakpoint(0, '0x80', dr7(0, 2, 2))} ${OUT}`))).toEqual([]);
  });
});

describe('debug registers', () => {
  it('DR7.GD makes access to them a fault, and is cleared for the handler', () => {
    const g = new Guest(
      'mov eax, 0x2400\n mov dr7, rax\n mov rax, dr0\n exit\n handler_1: mov rax, dr6\n note\n mov rax, dr7\n note\n iretq',
      { mode: 'long' },
    ).finish();
    expect(g.notes).toEqual([(DR6 | 0x2000) >>> 0, 0x400]);
    expect(g.trap).toBeUndefined();
  });

  it('DR4 and DR5 are DR6 and DR7 without CR4.DE, #UD with it', () => {
    const source = '.byte 0x0f, 0x21, 0xe0\n note\n .byte 0x0f, 0x21, 0xe8\n note\n exit';
    expect(guest(source).notes).toEqual([DR6, 0x400]);
    expect(guest(source, { system: { cr4: 0x28n } }).trap).toMatchObject({ vector: 6, rip: Place.CODE });
  });

  it('refuse upper halves of DR6 and DR7, and user code', () => {
    expect(guest('mov rax, 0x100000000\n mov dr7, rax').trap).toMatchObject({ vector: 13, error: 0 });
    expect(guest('mov rax, dr0', { level: 3 }).trap).toMatchObject({ vector: 13, error: 0, rip: Place.CODE });
  });

  it('INT1 traps without a reason in DR6, at any level', () => {
    const g = new Guest('.byte 0xf1', {
      mode: 'long',
      level: 3,
      prepare: machine => machine.memory.write8(Place.IDT + 21, 0x8e),
    }).finish();
    expect(g.trap).toMatchObject({ vector: 1, rip: Place.CODE + 1, rflags: 2 });
  });
});
