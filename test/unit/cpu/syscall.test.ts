import { describe, expect, it } from 'vitest';
import { Guest, Place, Selector, type GuestOptions } from './support/guest.js';

/** SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS (AMD APM vol. 3). */

const wrmsr = (index: number, value: number, high = 0): string =>
  `mov ecx, ${String(index)}\n mov eax, ${String(value)}\n mov edx, ${String(high)}\n wrmsr\n`;
const [STAR, LSTAR, CSTAR, SFMASK] = [0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084];
const [SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP] = [0x174, 0x175, 0x176];
const ENTRY = Place.CODE + 0x400;
/** Kernel selectors 0x10 and 0x18; SYSRET's 0x53 for 32-bit code, 0x5b for data, 0x63 for 64-bit code. */
const SETUP = `${wrmsr(STAR, ENTRY, 0x0053_0010)}${wrmsr(LSTAR, ENTRY)}${wrmsr(SFMASK, 0x200)}`;

const long = (source: string, options: Partial<GuestOptions> = {}): Guest =>
  new Guest(source, { mode: 'long', system: { efer: 0x501n }, ...options }).finish();
const legacy = (source: string, options: Partial<GuestOptions> = {}): Guest =>
  new Guest(source, { mode: 'protected', system: { efer: 1n }, ...options }).finish();
const SEGMENTS = 'mov eax, cs\n note\n mov eax, ss\n note\n';

describe('SYSCALL', () => {
  it('keeps RIP in RCX and RFLAGS in R11, and clears what SFMASK has', () => {
    const guest =
      long(`${SETUP} push 0x203\n popf\n syscall\n 1: hlt\n .org 0x400\n pushf\n pop rbx\n ${SEGMENTS}
      mov eax, ecx\n note\n mov eax, r11d\n note\n mov eax, ebx\n note\n exit`);
    const [cs, ss, rcx, r11, flags] = guest.notes;
    expect([cs, ss, r11, flags]).toEqual([Selector.CODE0, Selector.DATA0, 0x203, 3]);
    expect(guest.memory.read8(rcx)).toBe(0xf4);
  });

  it('goes to CSTAR from compatibility mode', () => {
    const guest = long(
      `${SETUP} ${wrmsr(CSTAR, Place.CODE + 0x500)} mov ecx, offset 1f\n xor r11d, r11d\n sysretd\n
       .code32\n 1: syscall\n .code64\n .org 0x400\n mov al, 1\n exit\n .org 0x500\n ${SEGMENTS} mov al, 2\n exit`,
    );
    expect(guest.exitCode).toBe(2);
    expect(guest.notes).toEqual([Selector.CODE0, Selector.DATA0]);
  });

  it('in legacy mode goes to STAR’s EIP with interrupts off, and back', () => {
    const guest = legacy(`${SETUP} mov ecx, offset 1f\n sysret\n 1: pushf\n pop eax\n note\n syscall\n hlt
      .org 0x400\n pushf\n pop eax\n note\n ${SEGMENTS} exit`);
    expect(guest.notes).toEqual([0x202, 2, Selector.CODE0, Selector.DATA0]);
  });

  it('does not exist without EFER.SCE', () => {
    for (const instruction of ['syscall', 'sysretq']) {
      expect(long(instruction, { system: {} }).trap).toMatchObject({ vector: 6, rip: Place.CODE });
    }
  });
});

describe('SYSRET', () => {
  it('gives 64-bit code of level 3 the flags of R11 but RF and VM', () => {
    const guest = long(
      `${SETUP} mov rcx, offset 1f\n mov r11d, 0x30ed7\n sysretq\n 1: pushf\n pop rax\n note\n ${SEGMENTS} exit`,
    );
    expect(guest.notes).toEqual([0xed7 & ~8, 0x63, 0x5b]);
  });

  it('is #GP at level 3, and to an address that is not canonical', () => {
    expect(long('sysretq', { level: 3 }).trap).toMatchObject({ vector: 13, error: 0, rip: Place.CODE });
    expect(long(`${SETUP} mov rcx, 0x800000000000\n sysretq`).trap).toMatchObject({
      vector: 13,
      error: 0,
      cs: Selector.CODE0,
    });
  });
});

describe('SYSENTER and SYSEXIT', () => {
  const MSRS = `${wrmsr(SYSENTER_CS, Selector.CODE0)}${wrmsr(SYSENTER_ESP, Place.STACK2)}${wrmsr(SYSENTER_EIP, ENTRY)}`;
  it('go to level 0 and back to level 3', () => {
    const guest = legacy(`${MSRS} mov edx, offset 1f\n mov ecx, ${Place.STACK3}\n sysexit\n
      1: mov eax, esp\n note\n ${SEGMENTS} sysenter\n .org 0x400\n mov eax, esp\n note\n ${SEGMENTS} exit`);
    expect(guest.notes).toEqual([
      Place.STACK3, (Selector.CODE0 + 16) | 3, (Selector.CODE0 + 24) | 3, Place.STACK2, Selector.CODE0, Selector.DATA0,
    ]); // prettier-ignore
  });

  it('are #GP with a null selector, SYSEXIT at level 3', () => {
    expect(legacy('sysenter').trap).toMatchObject({ vector: 13, error: 0, rip: Place.CODE });
    expect(legacy('sysexit', { level: 3 }).trap).toMatchObject({ vector: 13, error: 0, rip: Place.CODE });
  });

  it('do not exist in long mode', () => {
    expect(long('sysenter').trap).toMatchObject({ vector: 6, rip: Place.CODE });
    expect(long('sysexitq').trap).toMatchObject({ vector: 6, rip: Place.CODE });
  });
});

describe('SWAPGS', () => {
  const KERNEL_GS_BASE = 0xc000_0102;
  it('exchanges GS’s base with KERNEL_GS_BASE', () => {
    const guest = long(
      `${wrmsr(KERNEL_GS_BASE, 0x1234)} swapgs\n mov ecx, 0xc0000101\n rdmsr\n note\n swapgs\n rdmsr\n note\n exit`,
    );
    expect(guest.notes).toEqual([0x1234, 0]);
  });
  it('is #GP at level 3 and #UD outside 64-bit mode', () => {
    expect(long('swapgs', { level: 3 }).trap).toMatchObject({ vector: 13, error: 0 });
    expect(legacy('.byte 0x0f, 0x01, 0xf8').trap).toMatchObject({ vector: 6 });
  });
});
