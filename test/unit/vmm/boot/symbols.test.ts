import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageError } from '../../../../src/errors.js';
import { Symbols } from '../../../../src/vmm/boot/symbols.js';
import { CODE, ascii, concat, elf, symbol } from './images.js';

const GLOBAL_FUNC = 0x12;
const LOCAL_FUNC = 0x02;
const GLOBAL_LABEL = 0x10;
const OBJECT = 0x11;
const BASE = 0xffff_ffff_8100_0000n;

const NAMES = '\0start\0main\0label\0data\0alias\0';
const nameAt = (name: string) => NAMES.indexOf(`\0${name}\0`) + 1;

type Row = readonly [name: string, offset: number, size: number, info: number, section?: number];

function kernel(rows: readonly Row[], tableType = 2): Uint8Array {
  const table = rows.map(([name, offset, size, info, section = 1]) =>
    symbol(64, { name: nameAt(name), value: BASE + BigInt(offset), size, info, section }),
  );
  return elf({
    sections: [
      { name: '.text', type: 1, flags: 6, data: new Uint8Array(0x100) },
      { name: '.symtab', type: tableType, link: 3, data: concat(new Uint8Array(24), ...table) },
      { name: '.strtab', type: 3, data: ascii(NAMES) },
    ],
  });
}

function nameOf(symbols: Symbols, offset: number): string | undefined {
  const match = symbols.lookup(BASE + BigInt(offset));
  return match && `${match.name}+${match.offset}`;
}

describe('symbols of an ELF file', () => {
  it('tell function and offset, up to the end of the function', () => {
    const symbols = Symbols.fromElf(
      kernel([
        ['main', 0x40, 0x10, GLOBAL_FUNC],
        ['start', 0x20, 0x10, LOCAL_FUNC],
      ]),
    );
    expect(symbols.size).toBe(2);
    expect([0x1f, 0x20, 0x2f, 0x30, 0x40, 0x4f, 0x50].map(offset => nameOf(symbols, offset))).toEqual([
      undefined,
      'start+0',
      'start+15',
      undefined,
      'main+0',
      'main+15',
      undefined,
    ]);
    expect(symbols.lookup(BASE + 0x41n)).toEqual({
      name: 'main',
      address: BASE + 0x40n,
      size: 16n,
      offset: 1n,
    });
  });

  it('are functions and labels in code, not data, imports or nameless', () => {
    const symbols = Symbols.fromElf(
      kernel([
        ['data', 0x10, 8, OBJECT],
        ['start', 0x20, 8, GLOBAL_FUNC, 0],
        ['main', 0x30, 0, GLOBAL_LABEL, 2],
        ['', 0x40, 8, GLOBAL_FUNC],
      ]),
    );
    expect(symbols.size).toBe(0);
    expect(symbols.lookup(BASE + 0x10n)).toBeUndefined();
  });

  it('with a label inside a function, and a function inside a function', () => {
    const symbols = Symbols.fromElf(
      kernel([
        ['main', 0x00, 0x80, GLOBAL_FUNC],
        ['start', 0x20, 0x10, GLOBAL_FUNC],
      ]),
    );
    expect(nameOf(symbols, 0x25)).toBe('start+5');
    expect(nameOf(symbols, 0x35)).toBe('main+53');
  });

  it('at one address: functions before labels, globals before locals', () => {
    const symbols = Symbols.fromElf(
      kernel([
        ['label', 0x10, 0, GLOBAL_LABEL],
        ['start', 0x10, 8, LOCAL_FUNC],
        ['main', 0x10, 8, GLOBAL_FUNC],
      ]),
    );
    expect(symbols.size).toBe(1);
    expect(nameOf(symbols, 0x10)).toBe('main+0');
  });

  it('come from dynsym when there is no symtab', () => {
    expect(nameOf(Symbols.fromElf(kernel([['main', 0, 8, GLOBAL_FUNC]], 11)), 1)).toBe('main+1');
  });

  it('are none in a stripped file', () => {
    expect(Symbols.fromElf(elf({ segments: [{ data: CODE }] })).size).toBe(0);
  });

  it('are refused when the tables are damaged', () => {
    const table = { name: '.symtab', type: 2, link: 99, data: new Uint8Array(24) };
    expect(() => Symbols.fromElf(elf({ sections: [table] }))).toThrow(/no string table/);
    expect(() => Symbols.fromElf(ascii('nothing like an ELF'))).toThrow(ImageError);
  });
});

describe('symbols from elsewhere', () => {
  it('reach to the next one when they have no size', () => {
    const symbols = Symbols.of([
      { name: 'b', address: 0x200n, size: 0n },
      { name: 'a', address: 0x100n, size: 0n },
    ]);
    expect(symbols.lookup(0xff)).toBeUndefined();
    expect(symbols.lookup(0x1ff)).toMatchObject({ name: 'a', offset: 0xffn });
    expect(symbols.lookup(0x1000)).toMatchObject({ name: 'b', offset: 0xe00n });
  });
});

const hasCompiler = tryRun('gcc', ['--version']) && tryRun('nm', ['--version']);

/** The oracle is binutils' nm. */
describe.skipIf(!hasCompiler)('symbols of a program that gcc built', () => {
  let directory = '';
  let program = '';

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsvmm-symbols-'));
    program = join(directory, 'program');
    const source = join(directory, 'program.c');
    writeFileSync(
      source,
      'static int twice(int x) { return 2 * x; }\n' +
        'int data = 1;\n' +
        'int thrice(int x) { return twice(x) + x; }\n' +
        'void _start(void) { data = thrice(data); for (;;); }\n',
    );
    execFileSync('gcc', ['-O0', '-static', '-nostdlib', '-no-pie', '-o', program, source]);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('are the functions that nm lists, at the same addresses', () => {
    const symbols = Symbols.fromElf(readFileSync(program));
    const lines = execFileSync('nm', [program], { encoding: 'utf8' }).trim().split('\n');
    const functions = lines.map(line => line.split(' ')).filter(([, kind]) => kind === 't' || kind === 'T');
    expect(functions.map(([, , name]) => name)).toEqual(
      expect.arrayContaining(['twice', 'thrice', '_start']),
    );
    expect(symbols.size).toBe(functions.length);
    for (const [address, , name] of functions) {
      expect(symbols.lookup(BigInt(`0x${address}`) + 1n)).toMatchObject({ name, offset: 1n });
    }
  });
});

function tryRun(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
