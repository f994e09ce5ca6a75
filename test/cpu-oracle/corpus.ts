import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mismatch } from './campaign.js';
import { TestCase, WINDOW } from './layout.js';

/**
 * Cases that once came out differently, run again by every test: one a line of corpus.jsonl. What a line does not
 * name is zero, or as Linux starts a program with it.
 */
interface Line {
  /** In hexadecimal. */
  readonly code: string;
  readonly mode?: 32;
  readonly undefined?: number;
  readonly approximate?: true;
  readonly rflags?: number;
  readonly mxcsr?: number;
  /** Hexadecimal bytes as they lie in memory, by their place in the state: gpr, fxsave, memory. */
  readonly state: Readonly<Record<string, string>>;
}

const PARTS = ['gpr', 'fxsave', 'memory'] as const;
/** Bytes that are named, or left out, together. */
const PIECE = { gpr: 8, fxsave: 16, memory: 16 };
const DEFAULT_FLAGS = 0x202;
const DEFAULT_MXCSR = 0x1f80;
const DEFAULT_CONTROL = 0x37f;

function part(test: TestCase, name: (typeof PARTS)[number]): Uint8Array {
  const { gpr, fxsave, memory } = test.state;
  if (name === 'gpr') return new Uint8Array(gpr.buffer, gpr.byteOffset, gpr.byteLength);
  return name === 'fxsave' ? fxsave : memory.subarray(0, WINDOW);
}

function setDefaults(test: TestCase): void {
  const { state } = test;
  state.clear();
  state.rflags = DEFAULT_FLAGS;
  state.mxcsr = DEFAULT_MXCSR;
  state.fx.setUint16(0, DEFAULT_CONTROL, true);
}

export function encodeLine(test: TestCase): string {
  const { state } = test;
  const pieces: Record<string, string> = {};
  const plain = new TestCase();
  setDefaults(plain);
  plain.state.mxcsr = state.mxcsr;
  for (const name of PARTS) {
    const bytes = part(test, name);
    const usual = part(plain, name);
    for (let at = 0; at < bytes.length; at += PIECE[name]) {
      const piece = Buffer.from(bytes.subarray(at, at + PIECE[name]));
      if (!piece.equals(usual.subarray(at, at + PIECE[name])))
        pieces[`${name}+${at}`] = piece.toString('hex');
    }
  }
  const line: Line = {
    code: Buffer.from(test.code).toString('hex'),
    ...(test.mode === 1 ? { mode: 32 } : {}),
    ...(test.undefinedFlags === 0 ? {} : { undefined: test.undefinedFlags }),
    ...(test.approximate ? { approximate: true } : {}),
    ...(state.rflags === DEFAULT_FLAGS ? {} : { rflags: state.rflags }),
    ...(state.mxcsr === DEFAULT_MXCSR ? {} : { mxcsr: state.mxcsr }),
    state: pieces,
  };
  return JSON.stringify(line);
}

export function decodeLine(text: string): TestCase {
  const line = JSON.parse(text) as Line;
  const test = new TestCase();
  setDefaults(test);
  const mode = line.mode === 32 ? 1 : 0;
  test.setCode(Buffer.from(line.code, 'hex'), mode);
  test.undefinedFlags = line.undefined ?? 0;
  test.approximate = line.approximate === true;
  test.state.rflags = line.rflags ?? DEFAULT_FLAGS;
  for (const [place, bytes] of Object.entries(line.state)) {
    const [name, at] = place.split('+');
    const target = PARTS.find(candidate => candidate === name);
    if (!target) throw new Error(`the corpus names "${place}", which is no part of the state`);
    part(test, target).set(Buffer.from(bytes, 'hex'), Number(at));
  }
  test.state.mxcsr = line.mxcsr ?? DEFAULT_MXCSR;
  if (mode === 1) test.state.selectors.fill(0x2b, 0, 2);
  return test;
}

export function readCorpus(): TestCase[] {
  const path = join(dirname(fileURLToPath(import.meta.url)), 'corpus.jsonl');
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(decodeLine);
}

/** The same mismatch with as much of the state as possible left at its default. */
export function minimize(mismatch: Mismatch, compare: (test: TestCase) => readonly string[]): TestCase {
  const best = mismatch.test.copy();
  const plain = new TestCase();
  setDefaults(plain);
  plain.state.mxcsr = best.state.mxcsr;
  const attempt = (change: (test: TestCase) => void): void => {
    const candidate = best.copy();
    change(candidate);
    if (compare(candidate).length > 0) best.copyFrom(candidate);
  };
  for (const name of PARTS) attempt(test => part(test, name).set(part(plain, name)));
  for (const name of PARTS) {
    const size = PIECE[name];
    for (let at = 0; at < part(best, name).length; at += size)
      attempt(test => part(test, name).set(part(plain, name).subarray(at, at + size), at));
  }
  attempt(test => {
    test.state.rflags = DEFAULT_FLAGS;
  });
  attempt(test => {
    test.state.mxcsr = DEFAULT_MXCSR;
  });
  return best;
}

/** The instruction's bytes and what differed. */
export function describeMismatch({ test, lines }: Mismatch): string {
  const mode = test.mode === 1 ? '32-bit ' : '';
  return `${mode}${Buffer.from(test.code).toString('hex')}: ${lines.join('; ')}`;
}
