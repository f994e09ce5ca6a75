import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { elfFrameEntries, readUnwindData } from '../../../src/profile/unwind/elf-unwind.js';
import type { FrameIndex } from '../../../src/profile/unwind/frame-index.js';
import { frameRows, type FrameRow, type RegisterRule } from '../../../src/profile/unwind/frame-rows.js';
import { unwindRules } from '../../../src/profile/unwind/unwind-rules.js';
import { Row, ROW_WORDS } from '../../../src/profile/unwind/unwind-table.js';

/** Registers of x86-64 by their numbers (System V ABI, 3.6.2), and the return address. */
const NAMES = ['rax', 'rdx', 'rcx', 'rbx', 'rsi', 'rdi', 'rbp', 'rsp',
  'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'ra']; // prettier-ignore

const GUEST = new URL('../../../guests/build/frames.elf', import.meta.url).pathname;
const LIBC = ['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/libc.so.6'];

function signed(offset: number): string {
  return `${offset < 0 ? '' : '+'}${offset}`;
}

/** A rule as readelf writes it. */
function ruleText(rule: RegisterRule | undefined): string {
  switch (rule?.kind) {
    case undefined:
    case 'undefined':
      return 'u';
    case 'same':
      return 's';
    case 'offset':
      return `c${signed(rule.offset)}`;
    case 'value':
      return `v${signed(rule.offset)}`;
    case 'register':
      return NAMES[rule.register];
    case 'expression':
      return 'exp';
    case 'value-expression':
      return 'vexp';
  }
}

function cfaText({ cfa }: FrameRow): string {
  if (cfa === undefined) return '?';
  return cfa.kind === 'expression' ? 'exp' : `${NAMES[cfa.register]}${signed(cfa.offset)}`;
}

/** The rows of each function, by its start, as `readelf --debug-dump=frames-interp` has them: LOC, CFA, and each register's rule. */
function readelfRows(path: string): Map<string, string[]> {
  // Its status tells of separate debug files, too, that it looks for and does not find.
  const { stdout: text } = spawnSync('readelf', ['-W', '--debug-dump=frames-interp', path], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const functions = new Map<string, string[]>();
  let rows: string[] | undefined;
  let columns: string[] = [];
  for (const line of text.split('\n')) {
    const entry = /^[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ (?:(CIE)|FDE .*pc=([0-9a-f]+)\.\.)/.exec(line);
    if (entry) {
      rows = entry[1] === undefined ? [] : undefined;
      if (rows) functions.set(BigInt(`0x${entry[2]}`).toString(16), rows);
      continue;
    }
    // A register that another has the value of: `r1 (rdx)`.
    const words = line.replace(/\br\d+ \((\w+)\)/g, '$1').trim();
    const [loc, cfa, ...rules] = words.split(/\s+/);
    if (loc === 'LOC') columns = rules;
    else if (rows && /^[0-9a-f]{16}$/.test(loc)) {
      const named = columns.map((name, i) => `${name}=${rules[i]}`).filter(rule => !rule.endsWith('=u'));
      rows.push([BigInt(`0x${loc}`).toString(16), cfa, ...named.sort()].join(' '));
    }
  }
  return functions;
}

function ourRows(path: string): Map<string, string[]> {
  const functions = new Map<string, string[]>();
  for (const entry of elfFrameEntries(readFileSync(path))) {
    const rows = frameRows(entry).map(row => {
      const named = Array.from(row.rules, ([register, rule]) => `${NAMES[register]}=${ruleText(rule)}`);
      const rules = named.filter(rule => !rule.endsWith('=u')).sort();
      return [(entry.start + BigInt(row.at)).toString(16), cfaText(row), ...rules].join(' ');
    });
    functions.set(entry.start.toString(16), rows);
  }
  return functions;
}

function compare(path: string): number {
  const theirs = readelfRows(path);
  const ours = ourRows(path);
  expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
  let compared = 0;
  for (const [start, rows] of theirs) {
    // Of an entry that changes nothing readelf prints no row at all.
    if (rows.length === 0) expect(ours.get(start)).toHaveLength(1);
    else expect(ours.get(start)).toEqual(rows);
    compared += rows.length;
  }
  return compared;
}

describe('call frame information', () => {
  test('of a guest is what readelf tells', () => {
    expect(compare(GUEST)).toBeGreaterThan(30);
  });

  const libc = LIBC.find(path => {
    try {
      return realpathSync(path) !== '';
    } catch {
      return false;
    }
  });
  test.skipIf(libc === undefined)('of the C library is what readelf tells', () => {
    // Signal frames, expressions, remembered states, linkage tables: whatever compilers and people write.
    expect(compare(realpathSync(libc!))).toBeGreaterThan(10_000);
  });

  test('is found for each address of the code, and for none outside of it', () => {
    const image = readFileSync(GUEST);
    const [data] = readUnwindData(image);
    const rules = unwindRules(data);
    const entries = [...elfFrameEntries(image)];
    for (const entry of entries) {
      const rows = frameRows(entry);
      for (let at = 0; at < entry.size; at++) {
        const row = rows.findLast(candidate => candidate.at <= at)!;
        const found = rules.find(entry.start + BigInt(at));
        expect(rules.rows[found + Row.CFA]).toBe(row.cfa?.kind === 'register' ? row.cfa.offset : 0);
      }
    }
    const covered = (address: bigint): boolean =>
      entries.some(({ start, size }) => address >= start && address < start + BigInt(size));
    const [first] = entries.map(({ start }) => start).sort((a, b) => (a < b ? -1 : 1));
    for (const address of [first - 1n, first + (1n << 31n), first + (1n << 40n), 0n]) {
      expect(covered(address)).toBe(false);
      expect(rules.find(address)).toBe(-1);
    }
    for (let i = 0n; i < 0x4000n; i++) expect(rules.find(first + i) >= 0, String(i)).toBe(covered(first + i));
  });

  test('without section headers is found by the program header', () => {
    const path = libc === undefined ? process.execPath : realpathSync(libc);
    const image = Uint8Array.from(readFileSync(path));
    const [whole] = readUnwindData(image) as FrameIndex[];
    // e_shoff, e_shnum and e_shstrndx (System V ABI, chapter 4).
    const header = new DataView(image.buffer);
    header.setBigUint64(0x28, 0n, true);
    header.setUint32(0x3c, 0, true);
    const [stripped] = readUnwindData(image) as FrameIndex[];
    expect(stripped.base).toBe(whole.base);
    expect(Buffer.compare(Buffer.from(stripped.entries.buffer), Buffer.from(whole.entries.buffer))).toBe(0);
  });

  test('that is damaged anywhere gives some rows, or none, and no error', () => {
    const image = Uint8Array.from(readFileSync(GUEST));
    const [{ start }] = elfFrameEntries(image);
    const at = Buffer.from(image).indexOf('zR\0') - 9;
    let tables = 0;
    for (let offset = 0; offset < 0x130; offset++) {
      for (const byte of [0, 0xff]) {
        const damaged = image.slice();
        damaged[at + offset] = byte;
        const [data] = readUnwindData(damaged) as (FrameIndex | undefined)[];
        if (!data) continue;
        tables++;
        const rules = unwindRules(data);
        // Wherever it is searched, what is found is a row of it.
        for (let i = 0; i < 16; i++) {
          const row = rules.find(start + BigInt(i) * 0x21n);
          expect(row < 0 || (row % ROW_WORDS === 0 && row < rules.rows.length)).toBe(true);
        }
      }
    }
    expect(tables).toBeGreaterThan(0);
  });
});
