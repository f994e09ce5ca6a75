import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuestMemory } from '../../../../src/vmm/memory/guest-memory.js';
import { readLinear, translate } from '../../../../src/vmm/memory/translate.js';
import type { SystemRegisters } from '../../../../src/vmm/vcpu-state.js';

/** Expected behaviour from Intel SDM volume 3, chapter 4, whose sections the tests name. */

const PAGING = 0x8000_0001n;
const PSE = 1n << 4n;
const PAE = 1n << 5n;
const LA57 = 1n << 12n;
const LONG_MODE = 0x500n;

const PRESENT = 1n;
const LARGE = 1n << 7n;
const PAT_OF_LARGE = 1n << 12n;
const NO_EXECUTE = 1n << 63n;
/** Accessed, dirty, writable, user, global: nothing that changes where a page lies. */
const FLAGS = 0x167n;

const ROOT = 0x1000;
const MIB = 2 ** 20;

/** A machine whose page tables tests write, a table a page from ROOT up. */
class Tables {
  readonly memory = GuestMemory.allocate(2 * MIB);
  private next = ROOT;

  /** A new table's address. */
  table(): number {
    const address = this.next;
    this.next += 0x1000;
    return address;
  }

  entry64(table: number, index: number, value: bigint): void {
    this.memory.write64(table + 8 * index, value);
  }

  entry32(table: number, index: number, value: number): void {
    this.memory.write32(table + 4 * index, value);
  }
}

function system(registers: Partial<Pick<SystemRegisters, 'cr0' | 'cr3' | 'cr4' | 'efer'>>): SystemRegisters {
  const segment = { selector: 0, base: 0n, limit: 0, attributes: 0, unusable: true };
  const table = { base: 0n, limit: 0 };
  return {
    ...{
      cs: segment,
      ds: segment,
      es: segment,
      fs: segment,
      gs: segment,
      ss: segment,
      tr: segment,
      ldt: segment,
    },
    ...{
      gdt: table,
      idt: table,
      cr0: PAGING,
      cr2: 0n,
      cr3: BigInt(ROOT),
      cr4: 0n,
      cr8: 0n,
      efer: 0n,
      apicBase: 0n,
    },
    ...registers,
  };
}

const FOUR_LEVEL = system({ cr4: PAE, efer: LONG_MODE });
const FIVE_LEVEL = system({ cr4: PAE | LA57, efer: LONG_MODE });

/** Maps one page with `levels` levels of 64-bit entries; `leaf` is the level whose entry maps it. */
function map64(tables: Tables, levels: number, linear: bigint, leaf: number, entry: bigint): void {
  let table = tables.table();
  for (let level = levels; level >= leaf; level--) {
    const index = Number((linear >> BigInt(12 + 9 * (level - 1))) & 0x1ffn);
    if (level === leaf) tables.entry64(table, index, entry);
    else {
      const below = tables.table();
      tables.entry64(table, index, BigInt(below) | FLAGS);
      table = below;
    }
  }
}

describe('without paging', () => {
  it('a linear address is the physical one, 32 bits of it', () => {
    const { memory } = new Tables();
    expect(translate(memory, system({ cr0: 1n }), 0x12_3456n)).toBe(0x12_3456);
    expect(translate(memory, system({ cr0: 1n }), 0x1_0000_0010n)).toBe(0x10);
  });
});

describe.each([
  [4, FOUR_LEVEL],
  [5, FIVE_LEVEL],
] as const)('with %d levels (4.5)', (levels, registers) => {
  const linear = levels === 4 ? 0xffff_8012_3456_7abcn : 0xff12_8012_3456_7abcn;

  it.each<[leaf: number, offset: bigint]>([
    [1, 0xabcn],
    [2, 0x16_7abcn],
    [3, 0x3456_7abcn],
  ])('finds a page that level %d maps', (leaf, offset) => {
    const tables = new Tables();
    const page = 0x40_8000_0000n;
    const large = leaf > 1 ? LARGE | PAT_OF_LARGE : 0n;
    map64(tables, levels, linear, leaf, page | FLAGS | large | NO_EXECUTE);
    expect(translate(tables.memory, registers, linear)).toBe(Number(page | offset));
  });

  it.each([1, 2, 3, levels])('finds nothing where the entry of level %d is not present', leaf => {
    const tables = new Tables();
    map64(tables, levels, linear, leaf, 0x8000_0000n | (FLAGS & ~PRESENT));
    expect(translate(tables.memory, registers, linear)).toBeUndefined();
  });

  it('takes bit 7 of the topmost level for no large page', () => {
    const tables = new Tables();
    map64(tables, levels, linear, levels, 0x8000n | FLAGS | LARGE);
    expect(translate(tables.memory, registers, linear)).toBeUndefined();
  });

  it('finds nothing where a table is not in RAM', () => {
    const tables = new Tables();
    map64(tables, levels, linear, 2, 0xfee0_0000n | FLAGS);
    expect(translate(tables.memory, registers, linear)).toBeUndefined();
    expect(translate(tables.memory, { ...registers, cr3: 0xf_ffff_ffff_f000n }, linear)).toBeUndefined();
  });

  it('does not take process-context identifiers for a part of the address', () => {
    const tables = new Tables();
    map64(tables, levels, linear, 1, 0x9000n | FLAGS);
    const withPcid = { ...registers, cr3: (1n << 63n) | BigInt(ROOT) | 0xfffn };
    expect(translate(tables.memory, withPcid, linear)).toBe(0x9abc);
  });

  it('ends with any tables that a guest can write', () => {
    const tables = new Tables();
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 512, maxLength: 512 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (entries, address) => {
          // Entries that point back into the same table, as well as everywhere else.
          entries.forEach((entry, i) =>
            tables.entry64(ROOT, i, i % 2 ? entry : (entry & 0xfffn) | BigInt(ROOT)),
          );
          const gpa = translate(tables.memory, registers, address);
          expect(gpa === undefined || (gpa >= 0 && gpa < 2 ** 52)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('with PAE (4.4)', () => {
  const registers = system({ cr4: PAE, cr3: BigInt(ROOT + 0x20) });
  const linear = 0xc123_4567n;

  function pointers(): { tables: Tables; directory: number } {
    const tables = new Tables();
    const root = tables.table();
    const directory = tables.table();
    // Four pointers, aligned to 32 bytes alone; the last gigabyte has a directory.
    tables.entry64(root + 0x20, 3, BigInt(directory) | PRESENT);
    return { tables, directory };
  }

  it('finds a page of 4 KiB above 4 GiB', () => {
    const { tables, directory } = pointers();
    const table = tables.table();
    tables.entry64(directory, 9, BigInt(table) | FLAGS);
    tables.entry64(table, 0x34, 0x8_0000_1000n | FLAGS | NO_EXECUTE);
    expect(translate(tables.memory, registers, linear)).toBe(0x8_0000_1567);
  });

  it('finds a page of 2 MiB', () => {
    const { tables, directory } = pointers();
    tables.entry64(directory, 9, 0x8_0020_0000n | FLAGS | LARGE);
    expect(translate(tables.memory, registers, linear)).toBe(0x8_0023_4567);
  });

  it('finds nothing without a pointer or a directory entry', () => {
    const { tables } = pointers();
    expect(translate(tables.memory, registers, 0x123n)).toBeUndefined();
    expect(translate(tables.memory, registers, linear)).toBeUndefined();
  });
});

describe('with 32-bit paging (4.3)', () => {
  const linear = 0x0040_3abcn;

  it('finds a page of 4 KiB', () => {
    const tables = new Tables();
    const [directory, table] = [tables.table(), tables.table()];
    tables.entry32(directory, 1, table | 0x67);
    tables.entry32(table, 3, 0xf000_0067);
    expect(translate(tables.memory, system({}), linear)).toBe(0xf000_0abc);
  });

  it('finds a page of 4 MiB with CR4.PSE, and takes bit 7 for nothing without it', () => {
    const tables = new Tables();
    const [directory, table] = [tables.table(), tables.table()];
    tables.entry32(directory, 1, 0xf040_0000 | 0xe7);
    expect(translate(tables.memory, system({ cr4: PSE }), linear)).toBe(0xf040_3abc);
    tables.entry32(directory, 1, table | 0xe7);
    tables.entry32(table, 3, 0xf000_0067);
    expect(translate(tables.memory, system({}), linear)).toBe(0xf000_0abc);
  });

  it('looks at 32 bits of the address', () => {
    const tables = new Tables();
    tables.entry32(tables.table(), 1, 0xf040_0000 | 0xe7);
    expect(translate(tables.memory, system({ cr4: PSE }), linear | (1n << 40n))).toBe(0xf040_3abc);
  });

  it('finds nothing where an entry is not present', () => {
    const tables = new Tables();
    const [directory, table] = [tables.table(), tables.table()];
    expect(translate(tables.memory, system({}), linear)).toBeUndefined();
    tables.entry32(directory, 1, table | 0x67);
    expect(translate(tables.memory, system({}), linear)).toBeUndefined();
  });
});

describe('readLinear', () => {
  it('goes on across pages that do not lie beside each other', () => {
    const tables = new Tables();
    const [directory, table] = [tables.table(), tables.table()];
    tables.entry32(directory, 0, table | 1);
    tables.entry32(table, 0, 0x9001);
    tables.entry32(table, 1, 0x7001);
    tables.memory.write(0x9ffe, Uint8Array.of(1, 2));
    tables.memory.write(0x7000, Uint8Array.of(3, 4));
    expect(Array.from(readLinear(tables.memory, system({}), 0xffen, 4))).toEqual([1, 2, 3, 4]);
  });

  it('ends where a page is missing or lies outside RAM', () => {
    const tables = new Tables();
    const [directory, table] = [tables.table(), tables.table()];
    tables.entry32(directory, 0, table | 1);
    tables.entry32(table, 0, 0x9001);
    expect(readLinear(tables.memory, system({}), 0xffdn, 16)).toHaveLength(3);
    tables.entry32(table, 1, 0xfee0_0001);
    expect(readLinear(tables.memory, system({}), 0xffdn, 16)).toHaveLength(3);
    expect(readLinear(tables.memory, system({}), 0x40_0000n, 16)).toHaveLength(0);
  });

  it('wraps at the end of the address space', () => {
    const tables = new Tables();
    const chain = [tables.table(), tables.table(), tables.table(), tables.table()];
    for (const index of [0, 511]) {
      chain
        .slice(0, 3)
        .forEach((table, level) => tables.entry64(table, index, BigInt(chain[level + 1]) | PRESENT));
    }
    tables.entry64(chain[3], 511, 0x9001n);
    tables.entry64(chain[3], 0, 0x7001n);
    tables.memory.write8(0x9fff, 1);
    tables.memory.write8(0x7000, 2);
    expect(Array.from(readLinear(tables.memory, FOUR_LEVEL, 2n ** 64n - 1n, 2))).toEqual([1, 2]);
  });
});
