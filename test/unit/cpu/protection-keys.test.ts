import { describe, expect, it } from 'vitest';
import { Guest, Place, type GuestOptions } from './support/guest.js';

/** Protection keys (Intel SDM vol. 3, 4.6.2): PKRU for user pages, IA32_PKRS for supervisor pages. */

const IA32_PKRS = 0x6e1;
const CR4_PAE = 1n << 5n;
const CR4_PKE = 1n << 22n;
const CR4_PKS = 1n << 24n;
const CR0 = 0x8000_0011n;
const CR0_WP = 1n << 16n;
const KEY = 2n;
/** Access disable and write disable of that key. */
const AD = 1 << 4;
const WD = 2 << 4;
const PRESENT = 1;
const WRITE = 2;
const PROTECTION_KEY = 0x20;
const RESERVED_INSTRUCTION = 6;

const SUPERVISOR_PAGE = 0x4000_0000;
const USER_PAGE = 0x8000_0000;

/** The second and third GiB are the first again, with the key: one for the supervisor, one for users. */
function prepare({ memory }: Guest): void {
  const pointers = Place.PAGE_TABLES + 0x1000;
  memory.write64(pointers + 8, (KEY << 59n) | 0x83n);
  memory.write64(pointers + 16, (KEY << 59n) | 0x87n);
}

function guest(source: string, cr4: bigint, cr0 = CR0): Guest {
  const options: GuestOptions = { mode: 'long', prepare, system: { cr0, cr4: CR4_PAE | cr4 } };
  return new Guest(`${source}\n exit`, options).finish();
}

const pkrs = (rights: number): string =>
  `mov ecx, ${IA32_PKRS}\n mov eax, ${rights}\n xor edx, edx\n wrmsr\n`;
const read = (page: number): string => `mov ebx, ${page + 0x5_0000}\n mov al, [rbx]\n`;
const write = (page: number): string => `mov ebx, ${page + 0x5_0000}\n mov byte ptr [rbx], 1\n`;
const fault = (g: Guest): unknown => g.trap && { vector: g.trap.vector, error: g.trap.error };

describe('protection keys for supervisor pages', () => {
  it('refuse what IA32_PKRS disables', () => {
    const refused = (error: number): unknown => ({ vector: 14, error: error | PRESENT | PROTECTION_KEY });
    expect(fault(guest(pkrs(AD) + read(SUPERVISOR_PAGE), CR4_PKS))).toEqual(refused(0));
    expect(fault(guest(pkrs(AD) + write(SUPERVISOR_PAGE), CR4_PKS))).toEqual(refused(WRITE));
    expect(fault(guest(pkrs(WD) + read(SUPERVISOR_PAGE), CR4_PKS))).toBe(undefined);
    expect(fault(guest(pkrs(WD) + write(SUPERVISOR_PAGE), CR4_PKS))).toBe(undefined);
    expect(fault(guest(pkrs(WD) + write(SUPERVISOR_PAGE), CR4_PKS, CR0 | CR0_WP))).toEqual(refused(WRITE));
  });

  it('leave user pages to PKRU, and are off without CR4.PKS', () => {
    expect(fault(guest(pkrs(AD) + write(USER_PAGE), CR4_PKS))).toBe(undefined);
    expect(fault(guest(pkrs(AD) + write(SUPERVISOR_PAGE), CR4_PKE))).toBe(undefined);
    const pkru = `xor ecx, ecx\n xor edx, edx\n mov eax, ${AD}\n wrpkru\n`;
    expect(fault(guest(pkru + write(SUPERVISOR_PAGE), CR4_PKE | CR4_PKS))).toBe(undefined);
    expect(fault(guest(pkru + read(USER_PAGE), CR4_PKE | CR4_PKS))).toMatchObject({ vector: 14 });
    expect(fault(guest(pkru, CR4_PKS))).toMatchObject({ vector: RESERVED_INSTRUCTION });
  });

  it('follow a change of IA32_PKRS at once', () => {
    const g = guest(read(SUPERVISOR_PAGE) + pkrs(AD) + read(SUPERVISOR_PAGE), CR4_PKS);
    expect(fault(g)).toMatchObject({ vector: 14 });
    expect(guest(`${pkrs(WD)} rdmsr`, CR4_PKS).exitCode! & 0xff).toBe(WD);
  });

  it('do not concern instruction fetches', () => {
    const g = guest(
      `${pkrs(AD)} lea rax, [rip + 1f]\n add rax, ${SUPERVISOR_PAGE}\n jmp rax\n 1: mov al, 9`,
      CR4_PKS,
    );
    expect(g.exitCode! & 0xff).toBe(9);
  });

  it('have 32 bits', () => {
    const g = guest(`mov ecx, ${IA32_PKRS}\n xor eax, eax\n mov edx, 1\n wrmsr`, CR4_PKS);
    expect(fault(g)).toEqual({ vector: 13, error: 0 });
  });
});
