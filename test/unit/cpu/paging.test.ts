import { describe, expect, it } from 'vitest';
import { Guest, Place, Selector, type GuestOptions } from './support/guest.js';

/** Paging (Intel SDM vol. 3, chapter 4). */

const P = 1n;
const RW = 2n;
const US = 4n;
const A = 0x20n;
const D = 0x40n;
const PS = 0x80n;
const G = 0x100n;
const NX = 1n << 63n;
const SMEP = 1n << 20n;
const SMAP = 1n << 21n;
const PKE = 1n << 22n;
const WP = 1n << 16n;
const NXE = 0x800n;

/** In long mode, tables of 4 KiB pages for 1 GiB to 1 GiB + 2 MiB. */
const DIRECTORY = 0x3_1000;
const TABLE = 0x3_2000;
const WINDOW = 0x4000_0000;
/** What page n of the window is mapped to, unless a test says something else. */
const FRAME = 0x40_0000;
const entryAt = (n: number): number => TABLE + 8 * n;

interface PagedOptions extends Partial<GuestOptions> {
  /** Page n of the window: its entry. */
  readonly pages?: Readonly<Record<number, bigint>>;
  readonly directoryEntry?: bigint;
  readonly cr0?: bigint;
  readonly cr4?: bigint;
  readonly efer?: bigint;
}
function paged(source: string, options: PagedOptions = {}): Guest {
  const { pages = {}, directoryEntry = BigInt(TABLE) | 7n, cr0 = WP, cr4 = 0n, efer = 0n, ...rest } = options;
  return new Guest(source, {
    mode: 'long',
    ...rest,
    system: { cr0: 0x8000_0011n | cr0, cr4: 0x20n | cr4, efer: 0x500n | efer },
    prepare: guest => {
      const { memory } = guest;
      // All else is the supervisor's, for SMEP and SMAP.
      if (rest.level !== 3) memory.write64(Place.PAGE_TABLES + 0x1000, PS | RW | P);
      memory.write64(Place.PAGE_TABLES + 0x1008, BigInt(DIRECTORY) | 7n);
      memory.write64(DIRECTORY, directoryEntry);
      for (const [n, entry] of Object.entries(pages)) memory.write64(entryAt(Number(n)), entry);
      options.prepare?.(guest);
    },
  }).finish();
}
const frame = (n: number): bigint => BigInt(FRAME + 0x1000 * n);

const PRESENT = 1;
const WRITE = 2;
const USER = 4;
const RESERVED = 8;
const FETCH = 16;
const KEY = 32;

const READ_IT = `mov eax, [${WINDOW}]`;
const WRITE_IT = `mov [${WINDOW}], eax`;
const CALL_IT = `mov eax, ${WINDOW}\n call rax`;

describe('page faults', () => {
  const user: PagedOptions = { level: 3 };
  const cases: [string, string, bigint, number | undefined, PagedOptions?][] = [
    ['not present', READ_IT, 0n, 0],
    ['not present, whatever else is set', WRITE_IT, NX | 0x000f_ff00_0000_0006n, WRITE],
    ['a supervisor’s page for a user', READ_IT, P | RW, PRESENT | USER, user],
    ['a read-only page for a user’s write', WRITE_IT, P | US, PRESENT | WRITE | USER, user],
    ['a read-only page for a supervisor with WP', WRITE_IT, P, PRESENT | WRITE],
    ['no read-only page for a supervisor without', WRITE_IT, P, undefined, { cr0: 0n }],
    ['a reserved address bit', READ_IT, P | (1n << 40n), PRESENT | RESERVED],
    ['NX without EFER.NXE', READ_IT, P | NX, PRESENT | RESERVED],
    ['execution of an NX page', CALL_IT, P | NX, PRESENT | FETCH, { efer: NXE }],
    ['no reading of an NX page', READ_IT, P | NX, undefined, { efer: NXE }],
    ['a user’s page that a supervisor executes with SMEP', CALL_IT, P | US, PRESENT | FETCH, { cr4: SMEP }],
    ['a user’s page that a supervisor reads with SMAP', READ_IT, P | US, PRESENT, { cr4: SMAP }],
    ['none with SMAP between STAC and CLAC', `stac\n ${READ_IT}`, P | US, undefined, { cr4: SMAP }],
    ['execution, said only with NXE or SMEP', CALL_IT, 0n, 0],
    ['execution with SMEP', CALL_IT, 0n, FETCH, { cr4: SMEP }],
  ];
  it.each(cases)('%s', (_, source, entry, error, options) => {
    const { trap } = paged(`${source}\n hlt`, { ...options, pages: { 0: entry ? entry | frame(0) : 0n } });
    if (error === undefined) expect(trap?.vector).not.toBe(14);
    else {
      expect(trap).toMatchObject({ vector: 14, error });
      expect(trap?.state.system.cr2).toBe(BigInt(WINDOW));
    }
  });

  it('of a large page with reserved bits', () => {
    const directoryEntry = 0x20_0000n | PS | RW | P;
    expect(paged(`${READ_IT}\n hlt`, { directoryEntry }).trap).toBeUndefined();
    const { trap } = paged(READ_IT, { directoryEntry: directoryEntry | 0x2000n });
    expect(trap).toMatchObject({ vector: 14, error: PRESENT | RESERVED });
  });

  it('of a write that crosses into a page that is not there: nothing is written', () => {
    const guest = paged(`mov rax, -1\n mov [${WINDOW + 0xffc}], rax`, { pages: { 0: frame(0) | P | RW } });
    expect(guest.trap).toMatchObject({ vector: 14, error: WRITE });
    expect(guest.trap?.state.system.cr2).toBe(BigInt(WINDOW + 0x1000));
    expect(guest.memory.read32(FRAME + 0xffc)).toBe(0);
  });

  it('by the processor itself are a supervisor’s, at any level', () => {
    // The IDT's page.
    const { trap } = paged('int 0x30', {
      level: 3,
      system: {},
      prepare: guest => {
        guest.memory.write64(entryAt(4), BigInt(Place.IDT) | P);
        const [vcpu] = guest.vm.vcpus;
        const state = vcpu.getState();
        vcpu.setState({
          ...state,
          system: { ...state.system, idt: { base: BigInt(WINDOW + 0x4000), limit: 0xfff } },
        });
      },
    });
    expect(trap?.vector).toBe(0x30);
  });
});

describe('accessed and dirty bits', () => {
  it('A of all levels with a read, D of the last with a write', () => {
    const guest = paged(`${READ_IT}\n mov [${WINDOW + 0x1000}], eax\n exit`, {
      pages: { 0: frame(0) | P | RW, 1: frame(1) | P | RW, 2: frame(2) | P | RW },
    });
    const { memory } = guest;
    expect(memory.read64(entryAt(0)) & (A | D)).toBe(A);
    expect(memory.read64(entryAt(1)) & (A | D)).toBe(A | D);
    expect(memory.read64(entryAt(2)) & (A | D)).toBe(0n);
    expect(memory.read64(DIRECTORY) & (A | D)).toBe(A);
  });

  it('D comes with the first write behind a read, none with a write that is refused', () => {
    const guest = paged(`${READ_IT}\n ${WRITE_IT}\n mov [${WINDOW + 0x1000}], eax`, {
      pages: { 0: frame(0) | P | RW, 1: frame(1) | P },
    });
    expect(guest.memory.read64(entryAt(0)) & D).toBe(D);
    expect(guest.memory.read64(entryAt(1)) & (A | D)).toBe(0n);
  });
});

describe('protection keys', () => {
  const key = (n: number): bigint => (BigInt(n) << 59n) | P | RW | US | frame(0);
  const pkru = (value: number): string =>
    `xor ecx, ecx\n xor edx, edx\n mov eax, ${String(value)}\n wrpkru\n`;
  const AD3 = 0x40;
  const WD3 = 0x80;
  it.each<[string, string, number, number | undefined, PagedOptions?]>([
    ['access disabled', READ_IT, AD3, PRESENT | USER | KEY, { level: 3 }],
    ['write disabled', WRITE_IT, WD3, PRESENT | WRITE | USER | KEY, { level: 3 }],
    ['reads with writes disabled', READ_IT, WD3, undefined, { level: 3 }],
    ['a supervisor’s write with WP', WRITE_IT, WD3, PRESENT | WRITE | KEY],
    ['a supervisor’s write without', WRITE_IT, WD3, undefined, { cr0: 0n }],
    [
      'a right that is missing, too',
      WRITE_IT,
      AD3,
      PRESENT | WRITE | USER | KEY,
      { level: 3, directoryEntry: BigInt(TABLE) | P | US },
    ],
    ['another key', WRITE_IT, 0xffff_ff3f & ~3, undefined],
    ['a fetch', `mov byte ptr [${FRAME}], 0xc3\n ${CALL_IT}`, AD3, undefined],
  ])('%s', (_, source, value, error, options) => {
    const guest = paged(`${pkru(value)} ${source}\n hlt`, { cr4: PKE, ...options, pages: { 0: key(3) } });
    if (error === undefined) expect(guest.trap?.vector).not.toBe(14);
    else expect(guest.trap).toMatchObject({ vector: 14, error });
  });

  it('WRPKRU takes effect on translations that are known', () => {
    const guest = paged(`${READ_IT}\n ${pkru(AD3)} ${READ_IT}`, { cr4: PKE, pages: { 0: key(3) } });
    expect(guest.trap).toMatchObject({ vector: 14, error: PRESENT | KEY });
  });

  it('RDPKRU and WRPKRU do not exist without CR4.PKE, and want ECX, and EDX, to be zero', () => {
    expect(paged('xor ecx, ecx\n rdpkru').trap?.vector).toBe(6);
    expect(paged('mov ecx, 1\n rdpkru', { cr4: PKE }).trap).toMatchObject({ vector: 13, error: 0 });
    expect(paged('xor ecx, ecx\n mov edx, 1\n wrpkru', { cr4: PKE }).trap).toMatchObject({
      vector: 13,
      error: 0,
    });
  });
});

/**
 * What is kept is seen by changing an entry behind the processor's back: the old translation shows that it was kept,
 * the new one that it was not.
 */
describe('invalidation', () => {
  const PCIDE = 1n << 17n;
  const PGE = 0x80n;
  const page = (n: number, more = 0n): bigint => frame(n) | P | RW | more;
  const look = `mov eax, [${WINDOW}]\n note\n`;
  /** Maps the window's first page to frame 1. */
  const change = `mov eax, [${FRAME + 0x2000}]\n mov [${entryAt(0)}], eax\n`;
  const back = `mov eax, [${FRAME + 0x2008}]\n mov [${entryAt(0)}], eax\n`;
  const [OLD, NEW] = [0x111, 0x222];
  const FAR_TABLES = 0x3_8000;
  function run(source: string, first: bigint, cr4: bigint): number[] {
    return paged(`${look} ${source}\n exit`, {
      pages: { 0: first },
      cr4,
      prepare: ({ memory }) => {
        memory.write32(FRAME, OLD);
        memory.write32(FRAME + 0x1000, NEW);
        const more = first & G;
        memory.write64(FRAME + 0x2000, page(1, more));
        memory.write64(FRAME + 0x2008, page(0, more));
        memory.write64(FAR_TABLES, memory.read64(Place.PAGE_TABLES));
      },
    }).notes;
  }
  const loadCr3 = (value: number, keep = false): string =>
    `mov rax, ${keep ? `0x8000000000000000 + ` : ''}${String(value)}\n mov cr3, rax\n`;
  const T = Place.PAGE_TABLES;
  const invpcid = (type: number, pcid: number): string =>
    `mov qword ptr [0x50000], ${String(pcid)}\n mov eax, ${WINDOW}\n mov [0x50008], rax\n mov eax, ${String(type)}\n invpcid rax, [0x50000]\n`;
  const toggle = (bit: bigint): string =>
    `mov rax, cr4\n xor rax, ${String(bit)}\n mov cr4, rax\n xor rax, ${String(bit)}\n mov cr4, rax\n`;

  it.each<[string, string, number, bigint?, bigint?]>([
    ['an entry that changes is seen late', '', OLD],
    ['INVLPG', `invlpg [${WINDOW + 0x123}]`, NEW],
    ['INVLPG of another page', `invlpg [${WINDOW + 0x1000}]`, OLD],
    ['MOV CR3', loadCr3(T), NEW],
    ['MOV CR3 and a global page', loadCr3(T), OLD, G, PGE],
    ['MOV CR3 and a page marked global without CR4.PGE', loadCr3(T), NEW, G],
    ['INVLPG of a global page', `invlpg [${WINDOW}]`, NEW, G, PGE],
    ['toggling CR4.PGE', toggle(PGE), NEW, G, PGE],
    ['toggling CR0.WP', 'mov rax, cr0\n xor rax, 0x10000\n mov cr0, rax', NEW, G, PGE],
    ['MOV CR3 to another PCID and back, kept', loadCr3(T + 5) + loadCr3(T, true), OLD, 0n, PCIDE],
    ['MOV CR3 to another PCID and back', loadCr3(T + 5) + loadCr3(T), NEW, 0n, PCIDE],
    ['another PCID', loadCr3(T + 5, true), NEW, 0n, PCIDE],
    ['another PCID, of a global page', loadCr3(T + 5), OLD, G, PCIDE | PGE],
    [
      'INVLPG under another PCID',
      `${loadCr3(T + 5)} invlpg [${WINDOW}]\n ${loadCr3(T, true)}`,
      OLD,
      0n,
      PCIDE,
    ],
    [
      'the same of a global page',
      `${loadCr3(T + 5)} invlpg [${WINDOW}]\n ${loadCr3(T, true)}`,
      NEW,
      G,
      PCIDE | PGE,
    ],
    ['INVPCID of an address', invpcid(0, 0), NEW, 0n, PCIDE],
    ['INVPCID of an address in another PCID', invpcid(0, 7), OLD, 0n, PCIDE],
    [
      'INVPCID of an address from another PCID',
      loadCr3(T + 7) + invpcid(0, 0) + loadCr3(T, true),
      NEW,
      0n,
      PCIDE,
    ],
    ['INVPCID of an address and a global page', invpcid(0, 0), OLD, G, PCIDE | PGE],
    ['INVPCID of a PCID', invpcid(1, 0), NEW, 0n, PCIDE],
    ['INVPCID of another PCID', invpcid(1, 9), OLD, 0n, PCIDE],
    ['INVPCID of a PCID and a global page', invpcid(1, 0), OLD, G, PCIDE | PGE],
    ['INVPCID of all', invpcid(2, 0), NEW, G, PCIDE | PGE],
    ['INVPCID of all but global pages', invpcid(3, 0), OLD, G, PCIDE | PGE],
    [
      'INVPCID of all but global pages and another PCID',
      loadCr3(T + 7) + invpcid(3, 0) + loadCr3(T, true),
      NEW,
      0n,
      PCIDE,
    ],
    [
      'more PCIDs than are kept',
      [1, 2, 3, 4, 5, 6, 7, 8].map(n => loadCr3(T + n)).join('') + loadCr3(T, true),
      NEW,
      0n,
      PCIDE,
    ],
  ])('%s', (_, source, expected, more = 0n, cr4 = 0n) => {
    expect(run(`${change} ${source}\n ${look}`, page(0, more), cr4)).toEqual([OLD, expected]);
  });

  it('INVLPG inside a large page forgets all of it', () => {
    const large = (n: number): bigint => BigInt(n * 0x20_0000) | PS | RW | P;
    const source = `mov eax, [${WINDOW + 0x9000}]\n note\n mov eax, ${Number(large(3))}\n mov [${DIRECTORY}], eax
      invlpg [${WINDOW}]\n mov eax, [${WINDOW + 0x9000}]\n note\n exit`;
    const guest = paged(source, {
      directoryEntry: large(2),
      prepare: ({ memory }) => {
        memory.write32(0x40_9000, OLD);
        memory.write32(0x60_9000, NEW);
      },
    });
    expect(guest.notes).toEqual([OLD, NEW]);
  });

  it('keeps what it knows over more flushes than there are contexts', () => {
    const notes = run(
      `mov ecx, 3000\n mov rbx, cr3\n 1: mov cr3, rbx\n dec ecx\n jnz 1b\n ${look} ${change} mov cr3, rbx\n ${look} ${back} mov cr3, rbx\n ${look}`,
      page(0),
      0n,
    );
    expect(notes).toEqual([OLD, OLD, NEW, OLD]);
  });

  it.each<[string, string, bigint?]>([
    ['CR4.PCIDE with a PCID in CR3', `${loadCr3(T + 0x18)} mov rax, cr4\n or eax, 0x20000\n mov cr4, rax`],
    ['bit 63 of CR3 without PCIDs', loadCr3(T, true)],
    ['CR3 beyond the physical addresses', 'mov rax, 0x10000001000\n mov cr3, rax'],
    ['an unknown type of INVPCID', invpcid(4, 0)],
    ['INVPCID with a reserved bit', invpcid(1, 0x1000), PCIDE],
    ['INVPCID of a PCID without CR4.PCIDE', invpcid(1, 1)],
    [
      'INVPCID of an address that is not canonical',
      `mov rax, 0x800000000000\n mov [0x50008], rax\n xor eax, eax\n mov [0x50000], rax\n invpcid rax, [0x50000]`,
    ],
    ['paging off with PCIDs', 'mov rax, cr0\n btr rax, 31\n mov cr0, rax', PCIDE],
  ])('#GP for %s', (_, source, cr4 = 0n) => {
    expect(paged(source, { cr4 }).trap).toMatchObject({ vector: 13, error: 0 });
  });
});

describe('32-bit paging', () => {
  const CR3 = 0x3_0000;
  function legacy(source: string, entries: Readonly<Record<number, number>>, cr4 = 0x10n): Guest {
    return new Guest(source, {
      mode: 'protected',
      system: { cr0: 0x8001_0011n, cr4, cr3: BigInt(CR3) },
      prepare: ({ memory }) => {
        memory.write32(CR3, 0x83);
        for (const [n, entry] of Object.entries(entries)) memory.write32(CR3 + 4 * Number(n), entry);
        memory.write32(0x3_4000, 0x12_3003);
        memory.write32(0x12_3456, 0xabcd);
      },
    }).finish();
  }
  it('walks tables and sets A and D', () => {
    const guest = legacy('mov eax, [0x40000456]\n note\n mov [0x40000456], eax\n exit', { 0x100: 0x3_4003 });
    expect(guest.notes).toEqual([0xabcd]);
    expect(guest.memory.read32(0x3_4000)).toBe(0x12_3063);
    expect(guest.memory.read32(CR3 + 0x400)).toBe(0x3_4023);
  });
  it('4 MiB pages have 40-bit addresses, and bit 21 reserved', () => {
    expect(legacy('mov eax, [0x40123456]\n note\n exit', { 0x100: 0x83 }).notes).toEqual([0xabcd]);
    // At 4 GiB there is no RAM.
    const far = legacy('mov eax, [0x40123456]\n note\n exit', { 0x100: 0x2083 });
    expect(far.notes).toEqual([0xffff_ffff]);
    expect(far.mmio).toEqual([{ gpa: 0x1_0012_3456, size: 4 }]);
    expect(legacy('mov eax, [0x40123456]', { 0x100: 0x20_0083 }).trap).toMatchObject({
      vector: 14,
      error: 9,
    });
  });
});

describe('PAE paging', () => {
  const CR3 = 0x3_0020;
  const PDPTE = 0x3_1001n;
  function pae(source: string, entries: Readonly<Record<number, bigint>> = {}): Guest {
    return new Guest(source, {
      mode: 'protected',
      system: { cr0: 0x8001_0011n, cr4: 0x20n, cr3: BigInt(CR3), efer: 0x800n },
      prepare: guest => {
        const { memory } = guest;
        memory.write64(CR3, PDPTE);
        memory.write64(0x3_1000, 0x83n);
        memory.write64(0x3_1008, 0x3_2003n);
        memory.write64(0x3_2000, 0x12_3003n);
        memory.write32(0x12_3456, 0xabcd);
        for (const [at, entry] of Object.entries(entries)) memory.write64(Number(at), entry);
        const [vcpu] = guest.vm.vcpus;
        vcpu.setState(vcpu.getState());
      },
    }).finish();
  }
  it('walks three levels and sets A and D, not in page-directory-pointer entries', () => {
    const { notes, memory } = pae('mov eax, [0x200456]\n note\n mov [0x200456], eax\n exit');
    expect(notes).toEqual([0xabcd]);
    expect([CR3, 0x3_1008, 0x3_2000].map(at => memory.read64(at))).toEqual([PDPTE, 0x3_2023n, 0x12_3063n]);
  });
  it('reads page-directory-pointer entries when CR3 is loaded', () => {
    const late = `mov eax, [${CR3}]\n mov [${CR3 + 8}], eax\n`;
    expect(pae(`${late} mov eax, [0x40200456]`).trap).toMatchObject({ vector: 14, error: 0 });
    expect(pae(`${late} mov eax, cr3\n mov cr3, eax\n mov eax, [0x40200456]\n note\n exit`).notes).toEqual([
      0xabcd,
    ]);
  });
  it.each([
    ['reserved bits', 0x3_1003n, 13],
    ['an address that does not exist', PDPTE | (1n << 41n), 13],
    ['reserved bits of one that is not present', 0x3_1002n, undefined],
  ])('MOV CR3 and %s in an entry', (_, entry, vector) => {
    const { trap } = pae(
      `mov dword ptr [${CR3 + 24}], ${Number(entry & 0xffff_ffffn)}\n mov dword ptr [${CR3 + 28}], ${Number(entry >> 32n)}
       mov eax, cr3\n mov cr3, eax\n exit`,
    );
    expect(trap?.vector).toBe(vector);
  });
  it('has bits 62 to 52 reserved, and NX', () => {
    const reading = 'mov eax, [0x200456]';
    expect(pae(reading, { 0x32000: 0x12_3003n | (1n << 52n) }).trap).toMatchObject({ vector: 14, error: 9 });
    const calling = pae('mov eax, 0x200456\n call eax', { 0x32000: 0x12_3003n | NX });
    expect(calling.trap).toMatchObject({ vector: 14, error: PRESENT | FETCH });
  });
});

describe('addresses that are not canonical', () => {
  it.each([
    ['#GP for data', 'mov rax, 0x800000000000\n mov al, [rax]', 13],
    ['#SS by RSP', 'mov rsp, 0x800000000000\n mov rax, [rsp]', 12],
    ['#SS by RBP', 'mov rbp, 0x800000000000\n mov rax, [rbp]', 12],
    ['#SS for a push', 'mov rsp, 0x800000001000\n push rax', 12],
    ['#GP by RBP with FS', 'mov rbp, 0x800000000000\n mov rax, fs:[rbp]', 13],
  ])('%s', (_, source, vector) => {
    expect(new Guest(source, { mode: 'long', prepare: useInterruptStack }).finish().trap).toMatchObject({
      vector,
      error: 0,
    });
  });
  it.each([
    ['JMP', 'mov rax, 0x800000000000\n jmp rax', 10, 0],
    ['CALL', 'mov rax, 0x800000000000\n call rax', 10, 0],
    ['RET', 'mov rax, 0x800000000000\n push rax\n ret', 11, -8],
    ['JMP to memory', `mov rax, 0x800000000000\n mov [0x50000], rax\n jmp qword ptr [0x50000]`, 18, 0],
  ])('%s there is its own #GP', (_, source, at, moved) => {
    const { trap } = new Guest(source, { mode: 'long' }).finish();
    expect(trap).toMatchObject({ vector: 13, error: 0, rip: Place.CODE + at, rsp: Place.STACK0 + moved });
  });
});

function useInterruptStack({ memory }: Guest): void {
  // IST 1 for #SS and #GP.
  memory.write64(Place.TSS + 0x24, BigInt(Place.STACK2));
  for (const vector of [12, 13]) memory.write8(Place.IDT + 16 * vector + 4, 1);
  memory.write16(Place.IDT + 16 * 12 + 2, Selector.CODE0);
}
