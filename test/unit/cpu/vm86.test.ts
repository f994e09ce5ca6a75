import { describe, expect, it } from 'vitest';
import { gate, Guest, Place, Selector, type GuestOptions } from './support/guest.js';

/** Virtual-8086 mode and its extensions, protected-mode virtual interrupts (Intel SDM vol. 3, chapter 20). */

const VM = 0x2_0000;
const IOPL3 = 0x3000;
const IF = 0x200;
const VIF = 0x8_0000;
const VIP = 0x10_0000;
const VME = 1n;
const PVI = 2n;

interface Vm86Options extends Partial<GuestOptions> {
  readonly flags?: number;
  readonly cr4?: bigint;
}
const vm86 = (source: string, { flags = 0, cr4 = 0n, ...rest }: Vm86Options = {}): Guest =>
  new Guest(source, {
    mode: 'vm86',
    registers: { rflags: BigInt(VM | 2 | flags) },
    system: { cr4 },
    ...rest,
  }).finish();

const GP = { vector: 13, error: 0, rip: Place.REAL_CODE };

describe('virtual-8086 mode', () => {
  it.each(['cli', 'sti', 'pushf', 'popf', 'int 0x30', 'iret'])('%s needs an IOPL of 3', instruction => {
    expect(vm86(instruction).trap).toMatchObject(GP);
  });

  it.each(['hlt', 'mov eax, cr0', 'lgdt [0]', 'clts', 'mov eax, dr0', 'invd', 'wrmsr'])(
    '%s is the monitor’s alone',
    instruction => {
      expect(vm86(instruction, { flags: IOPL3 }).trap).toMatchObject(GP);
    },
  );

  it.each(['sldt ax', 'lar ax, bx', 'verr ax', 'arpl ax, bx', 'lldt ax', 'syscall'])(
    '%s does not exist',
    instruction => {
      expect(vm86(instruction).trap).toMatchObject({ vector: 6, rip: Place.REAL_CODE });
    },
  );

  it('works on IF itself with an IOPL of 3', () => {
    const guest = vm86('sti\n pushfd\n pop eax\n note\n cli\n pushf\n pop ax\n movzx eax, ax\n note\n exit', {
      flags: IOPL3,
    });
    expect(guest.notes).toEqual([IOPL3 | IF | 2, IOPL3 | 2]);
  });

  it('an interrupt gate pushes all segments, clears them, and IRETD gives them back', () => {
    const idt = { 0x30: gate(Selector.CODE0, 0x9800, 0xee) };
    const source = `mov ax, 0x123\n mov ds, ax\n mov ax, 0x234\n mov gs, ax\n int 0x30\n mov ax, gs\n movzx eax, ax\n note\n exit`;
    // push of what the handler sees: DS, then what lies on the stack from EIP up.
    const handler = [
      0x66, 0x8c, 0xd8, // mov ax, ds
      0x0f, 0xb7, 0xc0, // movzx eax, ax
      0xe7, 0xe0, // out 0xe0, eax
      ...[0, 4, 8, 12, 16, 20, 24, 28, 32].flatMap(at => [0x8b, 0x44, 0x24, at, 0xe7, 0xe0]),
      0xcf,
    ]; // prettier-ignore
    const guest = vm86(source, {
      flags: IOPL3,
      idt,
      prepare: ({ memory }) => memory.write(0x9800, Uint8Array.from(handler)),
    });
    expect(guest.notes).toEqual([
      0, Place.REAL_CODE + 12, 0, VM | IOPL3 | 2, 0x7000, 0, 0, 0x123, 0, 0x234, 0x234,
    ]); // prettier-ignore
  });

  it('refuses gates to other levels than 0', () => {
    const idt = { 0x30: gate(Selector.CODE3, 0x9800, 0xee) };
    expect(vm86('int 0x30', { flags: IOPL3, idt }).trap).toMatchObject({ ...GP, error: Selector.CODE3 & ~3 });
  });

  it('checks ports against the I/O map whatever IOPL is', () => {
    const denied = vm86('in al, 0x21', {
      flags: IOPL3,
      prepare: ({ memory }) => memory.write8(Place.TSS + 0x88 + 4, 2),
    });
    expect(denied.trap).toMatchObject(GP);
  });

  it('raises #GP for a jump beyond the limit at the jump', () => {
    expect(vm86('.byte 0x66, 0xea, 0, 0, 1, 0, 0, 0').trap).toMatchObject(GP);
  });
});

describe('CR4.VME', () => {
  const INT = 'int 0x30\n exit';
  /** The 8086 program's own handler of vector 0x30 at 0:9800 notes the flags that were pushed and those that it has. */
  const redirected = ({ memory }: Guest): void => {
    memory.write8(Place.TSS + 0x68 + 6, 0xfe);
    memory.write32(0x30 * 4, 0x9800);
    // mov bp, sp; movzx eax, word [bp + 4]; out 0xe0, eax; pushf; pop ax; out 0xe0, eax; iret
    memory.write(
      0x9800,
      Uint8Array.of(
        0x89,
        0xe5,
        0x66,
        0x0f,
        0xb7,
        0x46,
        4,
        0x66,
        0xe7,
        0xe0,
        0x9c,
        0x58,
        0x66,
        0xe7,
        0xe0,
        0xcf,
      ),
    );
  };

  it('CLI, STI, PUSHF and POPF work on VIF', () => {
    const guest = vm86(
      'sti\n pushf\n pop ax\n movzx eax, ax\n note\n cli\n pushf\n pop ax\n note\n or ax, 0x200\n push ax\n popf\n hlt',
      { cr4: VME },
    );
    expect(guest.notes).toEqual([IOPL3 | IF | 2, IOPL3 | 2]);
    expect(guest.trap?.rflags).toBe(0x1_0000 | VM | VIF | 2);
  });

  it.each([
    ['STI', 'sti', VIP],
    ['POPF of IF', 'push 0x200\n nop\n popf', VIP],
    ['POPF of TF', 'push 0x100\n nop\n popf', 0],
    ['a 32-bit PUSHF', 'pushfd', 0],
    ['a 32-bit POPF', 'popfd', 0],
    ['a 32-bit IRET', 'iretd', 0],
  ])('leaves %s to the monitor', (_, source, flags) => {
    expect(vm86(source, { cr4: VME, flags }).trap).toMatchObject({ vector: 13, error: 0 });
  });

  it('INT n stays in the program where the redirection bitmap says so, with IOPL 3', () => {
    const guest = vm86(INT, { cr4: VME, flags: IOPL3 | IF, prepare: redirected });
    expect(guest.notes).toEqual([IOPL3 | IF | 2, IOPL3 | 2]);
    expect(guest.trap).toBeUndefined();
  });

  it('and with a lower IOPL shows VIF as IF', () => {
    const guest = vm86(INT, { cr4: VME, flags: VIF, prepare: redirected });
    expect(guest.notes).toEqual([IOPL3 | IF | 2, IOPL3 | 2]);
    expect(guest.state.registers.rflags & BigInt(VIF)).toBe(BigInt(VIF));
  });

  it('INT n goes to the monitor where the bitmap says so', () => {
    expect(vm86(INT, { cr4: VME }).trap).toMatchObject(GP);
    expect(vm86(INT, { cr4: VME, flags: IOPL3 }).trap).toMatchObject({ vector: 0x30 });
  });
});

describe('CR4.PVI', () => {
  const user = (source: string, rflags: number, cr4 = PVI): Guest =>
    new Guest(source, {
      mode: 'protected',
      level: 3,
      registers: { rflags: BigInt(rflags | 2) },
      system: { cr4 },
    }).finish();

  it('CLI and STI work on VIF at level 3', () => {
    expect(user('sti\n hlt', 0).trap?.rflags).toBe(0x1_0000 | VIF | 2);
    expect(user('cli\n hlt', VIF).trap?.rflags).toBe(0x1_0000 | 2);
  });

  it('STI raises #GP with VIP set, and both do without PVI', () => {
    expect(user('sti', VIP).trap).toMatchObject({ vector: 13, error: 0, rip: Place.CODE });
    expect(user('cli', 0, 0n).trap).toMatchObject({ vector: 13, error: 0, rip: Place.CODE });
  });
});
