import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDemangler } from '../../../../src/host/demangle.js';
import { openKernelSymbols } from '../../../../src/host/symbol-files.js';
import { findLines } from '../../../../src/profile/symbols/line-table.js';
import { readSymbolFile } from '../../../../src/profile/symbols/symbol-file.js';

const SOURCE = `
static inline int twice(int x)
{
  return x * 2;
}

int table(int n)
{
  int sum = 0;
  for (int i = 0; i < n; i++) {
    sum += twice(i);
    if (sum > 1000)
      return -1;
  }
  return sum;
}

int main(int argc, char **argv)
{
  (void)argv;
  return table(argc) == 3;
}
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsvmm-symbols-'));
  writeFileSync(join(folder, 'program.c'), SOURCE);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Compiles the program; GNU's tools are the oracle for what is read of it. */
function compile(name: string, ...flags: string[]): string {
  const path = join(folder, name);
  execFileSync('cc', ['-O1', '-no-pie', '-Wl,--build-id', ...flags, '-o', path, 'program.c'], {
    cwd: folder,
  });
  return path;
}

/** Addresses of all instructions of two functions, by objdump. */
function instructions(path: string): bigint[] {
  const text = execFileSync('objdump', ['-d', '--no-show-raw-insn', path], { encoding: 'utf8' });
  const wanted = text.split(/\n\n/).filter(part => /<(table|main)>:/.test(part));
  return wanted.flatMap(part => [...part.matchAll(/^ +([0-9a-f]+):/gm)].map(([, hex]) => BigInt(`0x${hex}`)));
}

describe('source lines', () => {
  for (const [version, ...flags] of [
    ['2', '-gdwarf-2', '-gstrict-dwarf'],
    ['3', '-gdwarf-3', '-gstrict-dwarf'],
    ['4', '-gdwarf-4'],
    ['5', '-gdwarf-5'],
    ['5, compressed', '-gdwarf-5', '-gz=zlib'],
  ] as const) {
    test(`of DWARF ${version} are those that addr2line tells`, () => {
      const path = compile(`program-${version[0]}-${flags.length}`, ...flags);
      const addresses = instructions(path);
      expect(addresses.length).toBeGreaterThan(15);
      const oracle = execFileSync('addr2line', ['-e', path, ...addresses.map(address => `0x${address.toString(16)}`)], {
        encoding: 'utf8',
      }).trimEnd();
      const lines = readSymbolFile(path, readFileSync(path), inflateSync).lines(addresses);
      const own = addresses.map(address => {
        const place = lines.get(address);
        return place ? `${place.file.split('/').at(-1)}:${place.line}` : '?';
      });
      expect(own).toEqual(oracle.split('\n').map(line => line.replace(/ \(discriminator \d+\)$/, '').split('/').at(-1)));
    });
  }

  test('of a damaged table are none, or other ones, and no error', () => {
    const path = compile('program-damaged', '-gdwarf-5');
    const bytes = readFileSync(path);
    const addresses = instructions(path);
    const from = bytes.length >> 2;
    for (let at = from; at < bytes.length - 64; at += 37) {
      const line = bytes.subarray(at, Math.min(bytes.length, at + 4096));
      expect(findLines({ line }, addresses).size).toBeLessThanOrEqual(addresses.length);
    }
  });
}); // prettier-ignore

describe('symbols', () => {
  test('of a stripped file are those of its debug file, found by its name', async () => {
    const path = compile('stripped', '-g');
    const whole = readSymbolFile(path, readFileSync(path));
    execFileSync('objcopy', ['--only-keep-debug', path, 'stripped.debug'], { cwd: folder });
    execFileSync('objcopy', ['--strip-all', '--add-gnu-debuglink=stripped.debug', path], { cwd: folder });
    const stripped = readSymbolFile(path, readFileSync(path));
    const main = whole.symbols.addressOf('main')!;
    expect(stripped.symbols.addressOf('main')).toBeUndefined();
    expect(stripped).toMatchObject({ debugLink: 'stripped.debug', buildId: whole.buildId });
    expect(whole.buildId).toMatch(/^[0-9a-f]{40}$/);

    const found = await openKernelSymbols(path);
    expect(found?.path).toBe(join(folder, 'stripped.debug'));
    expect(found?.symbols.lookup(main)?.name).toBe('main');
    const oracle = execFileSync('addr2line', ['-e', found!.path, `0x${main.toString(16)}`], { encoding: 'utf8' });
    expect(`${found!.lines([main]).get(main)?.line}\n`).toBe(oracle.split(':').at(-1));
  });

  test('of a System.map are its code', () => {
    const map = readSymbolFile(
      'System.map',
      Buffer.from('ffffffff81000000 T _text\nffffffff81000040 t start\nffffffff82000000 D data\nffffffff81000080 W weak\n'),
    );
    expect(map.symbols.lookup(0xffff_ffff_8100_0044n)).toMatchObject({ name: 'start', offset: 4n });
    expect(map.symbols.addressOf('weak')).toBe(0xffff_ffff_8100_0080n);
    expect(map.symbols.addressOf('data')).toBeUndefined();
  });

  test('of another file are none', () => {
    expect(() => readSymbolFile('x', Buffer.from('hello\n'))).toThrow('neither ELF nor a System.map');
  });
}); // prettier-ignore

test('C++ and Rust names are demangled, others stay', async () => {
  const demangle = await loadDemangler();
  const names = ['_ZN3elf7program6s_objsE', '_ZNSt6vectorIiSaIiEE9push_backERKi', '_ZNK3foo3barEv'];
  const oracle = execFileSync('c++filt', names, { encoding: 'utf8' }).trimEnd().split('\n');
  expect(names.map(demangle)).toEqual(oracle);
  expect(demangle('_RNvCs1234_7mycrate3foo')).toMatch(/mycrate.*::foo$/);
  for (const plain of ['main', '_start', 'f', 'i', 'vfs_read']) expect(demangle(plain)).toBe(plain);
});
