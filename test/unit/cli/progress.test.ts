import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withProgress } from '../../../src/cli/progress.js';

const LONG_MS = 2000;
const SHORT_MS = 100;

describe('progress', () => {
  const { isTTY } = process.stderr;
  let written: string[];

  beforeEach(() => {
    written = [];
    vi.useFakeTimers();
    vi.spyOn(process.stderr, 'write').mockImplementation(text => {
      written.push(String(text));
      return true;
    });
  });

  afterEach(() => {
    process.stderr.isTTY = isTTY;
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  /** What stderr gets to see of work that takes so long. */
  async function told(
    durationMs: number,
    { terminal = false, verbose = false, fails = false },
  ): Promise<string[]> {
    process.stderr.isTTY = terminal;
    const work = new Promise<number>((resolve, reject) =>
      setTimeout(() => (fails ? reject(new Error('no')) : resolve(7)), durationMs),
    );
    const result = withProgress('thinking', verbose, work);
    const expected = fails ? expect(result).rejects.toThrow('no') : expect(result).resolves.toBe(7);
    await vi.runAllTimersAsync();
    await expected;
    return written;
  }

  test('long work is announced on a terminal, and the line is taken back', async () => {
    expect(await told(LONG_MS, { terminal: true })).toEqual(['tsvmm: thinking…', '\r\x1b[K']);
  });

  test('so it is when the work fails', async () => {
    expect(await told(LONG_MS, { terminal: true, fails: true })).toEqual(['tsvmm: thinking…', '\r\x1b[K']);
  });

  test('elsewhere, it is a line with --verbose', async () => {
    expect(await told(LONG_MS, { verbose: true })).toEqual(['tsvmm: thinking…\n']);
  });

  test('elsewhere, nothing is said without it', async () => {
    expect(await told(LONG_MS, {})).toEqual([]);
  });

  test('short work needs no words', async () => {
    expect(await told(SHORT_MS, { terminal: true, verbose: true })).toEqual([]);
  });
});
