import { expect, test } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { tsvmm, type Finished } from './tsvmm.js';

const ECHO = guestPath('echo.elf');

function echo(input: string): Promise<Finished> {
  return tsvmm(['run', '--icount', '--verbose', ECHO, '--', 'mode=polled'], { input });
}

function countOf({ stderr }: Finished): number {
  return Number(/^tsvmm: (\d+) instructions and/m.exec(stderr)![1]);
}

test('--icount: the same bytes and the same number of instructions, with input from a pipe', async () => {
  const input = `\n${'a line of some length\n'.repeat(300)}quit\n`;
  const [first, second] = await Promise.all([echo(input), echo(input)]);
  expect(first.status).toBe(0);
  expect(first.stderr).toContain('tsvmm: accelerator: wasm, since instructions are to be counted\n');
  expect(first.stdout.match(/echo: a line of some length\n/g)).toHaveLength(300);
  expect(second.stdout).toBe(first.stdout);
  expect(countOf(second)).toBe(countOf(first));
});

test('--icount: other input, another number of instructions', async () => {
  const [short, long] = await Promise.all([echo('\nquit\n'), echo('\nhello\nquit\n')]);
  expect(countOf(long)).toBeGreaterThan(countOf(short));
});
