import { describe, expect, it } from 'vitest';
import { Guest, Place, type GuestOptions } from './support/guest.js';

/** Alignment checks (Intel SDM vol. 3, 6.15, interrupt 17). */

const AC = 0x4_0000n;
const AM = 0x4_0000n;
const DATA = 0x5_0000;

const checked = (source: string, options: Partial<GuestOptions> = {}): Guest =>
  new Guest(`${source}\n exit`, {
    mode: 'long',
    level: 3,
    registers: { rflags: AC | 2n, rbx: BigInt(DATA), rdi: BigInt(DATA + 1), rsi: BigInt(DATA), rcx: 2n },
    system: { cr0: 0x8000_0013n | AM, cr4: 0x620n },
    ...options,
  }).finish();

describe('#AC', () => {
  it.each([
    'mov ax, [rbx + 1]',
    'mov eax, [rbx + 2]',
    'mov rax, [rbx + 4]',
    'mov [rbx + 4], rax',
    'add dword ptr [rbx + 1], 1',
    'lock xadd [rbx + 2], eax',
    'cmpxchg8b [rbx + 4]',
    'mov rax, [rbx + 0xffc]',
    'dec rsp\n push rax',
    'fld qword ptr [rbx + 4]',
    'fld tbyte ptr [rbx + 4]',
    'movsd xmm0, [rbx + 4]',
    'rep movsw',
    'rep stosd',
    'call 1f\n 1: add rsp, 4\n ret',
  ])('%s', source => {
    expect(checked(source).trap).toMatchObject({ vector: 17, error: 0 });
  });

  it.each([
    'mov al, [rbx + 1]',
    'mov ax, [rbx + 2]',
    'mov eax, [rbx + 4]',
    'mov rax, [rbx + 8]',
    'movups xmm0, [rbx + 8]',
    'fld tbyte ptr [rbx + 8]',
    'rep movsb',
    'sidt [rbx]',
    'lea rax, [rbx + 1]',
    'prefetcht0 [rbx + 1]',
  ])('none for %s', source => {
    expect(checked(source).trap).toBeUndefined();
  });

  const UNALIGNED = 'mov eax, [rbx + 1]';
  it('is not there without CR0.AM, without AC, or below level 3', () => {
    expect(checked(UNALIGNED, { system: {} }).trap).toBeUndefined();
    expect(checked(UNALIGNED, { registers: { rbx: BigInt(DATA) } }).trap).toBeUndefined();
    expect(checked(UNALIGNED, { level: 0 }).trap).toBeUndefined();
  });

  it('begins and ends with POPF', () => {
    const on = 'pushf\n or dword ptr [rsp], 0x40000\n popf\n';
    const off = 'pushf\n and dword ptr [rsp], 0xfffbffff\n popf\n';
    const without = { registers: { rbx: BigInt(DATA) } };
    expect(checked(`${UNALIGNED}\n ${on} ${off} ${UNALIGNED}`, without).trap).toBeUndefined();
    expect(checked(`${UNALIGNED}\n ${on} ${UNALIGNED}`, without).trap).toMatchObject({
      vector: 17,
      rip: Place.CODE + 12,
    });
  });

  it('comes behind #PF', () => {
    expect(checked('mov rax, 0x4000000000\n mov eax, [rax + 1]').trap).toMatchObject({ vector: 14 });
  });

  it('does not hold for what the processor reads itself', () => {
    expect(
      checked('int 0x30', {
        prepare: ({ memory }) => memory.write64(Place.TSS + 4, BigInt(Place.STACK0 - 3)),
      }).trap,
    ).toMatchObject({
      vector: 0x30,
    });
  });

  it('there is in virtual-8086 mode', () => {
    const options: GuestOptions = {
      mode: 'vm86',
      registers: { rflags: AC | 0x20002n },
      system: { cr0: 0x11n | AM },
    };
    expect(new Guest('mov ax, [0x7001]', options).finish().trap).toMatchObject({ vector: 17, error: 0 });
  });
});
