import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readProfile } from 'tsvmm';
import { guestPath } from '../guests/harness.js';
import { TestTerminal } from './terminal.js';
import { statusOf, temporaryFolder, tsvmm } from './tsvmm.js';

const KERNEL = guestPath('profile.elf');
const WASM = ['--accel', 'wasm', '--timeout', '40'];

describe('recording a run', () => {
  test('tsvmm profile writes a file with symbols, lines, samples and counters', async () => {
    const file = join(temporaryFolder(), 'recorded');
    const run = await tsvmm(['profile', '-o', file, ...WASM, KERNEL, '--', 'n=10', 'rounds=300000']);
    expect(run.status, run.stderr).toBe(0);
    expect(run.stderr).toContain(`exits are in ${file}`);
    const profile = readProfile(readFileSync(file));
    expect(profile.meta).toMatchObject({ kernel: KERNEL, accelerator: 'wasm', commandLine: 'n=10 rounds=300000' });
    expect(profile.end).toMatchObject({ reason: 'exit', status: 0, lostEvents: 0, notes: [] });

    // read_nobody makes 3 n exits, all by the IN of lib/io.h that is inlined into it.
    const i = profile.points.findIndex(({ site }) => site.address === 0x2a0);
    expect(profile.totals[i].count).toBe(30);
    expect(profile.symbols.get(profile.points[i].rip)).toMatchObject({
      name: 'read_nobody',
      image: 'profile.elf',
      file: expect.stringMatching(/lib\/io\.h$/) as string,
      line: lineOf('guests/lib/io.h', 'inw %1, %0'),
    });

    // The loop without exits has 1.2 million instructions and more, a sample each 40 000 of them.
    const inCompute = profile.samples
      .filter(({ stack }) => profile.symbols.get(profile.stacks[stack][0])?.name === 'compute')
      .reduce((sum, { count }) => sum + count, 0);
    expect(inCompute).toBeGreaterThanOrEqual(25);
    expect(inCompute).toBeLessThanOrEqual(Math.ceil(profile.end!.instructions! / 40_000));
    expect(profile.counters.get('TLB misses')).toBeGreaterThan(0);

    const milestones = [...profile.events()].filter(event => event.kind === 'milestone');
    expect(milestones.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['VMM start', 'first guest instruction', 'begin', 'counted', 'com1 first byte']),
    );
    expect(milestones.find(({ name }) => name === 'VMM start')!.time).toBeLessThan(0);
  });

  test('--trace-exits writes a line for each exit', async () => {
    const run = await tsvmm(['run', '--trace-exits', ...WASM, KERNEL, '--', 'n=1']);
    expect(run.status).toBe(0);
    const lines = run.stderr.split('\n').filter(line => line.includes('nobody 0x2a0'));
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).toMatch(
        /^\d+\.\d{6} vcpu0 pio read nobody 0x2a0 2:0xffff read_nobody\+0x[0-9a-f]+ <[\d.]+[num]?s> after [\d.]+[num]?s$/,
      );
    }
  });

  test('--trace-exits=filter shows what it names, in a file if asked to', async () => {
    const output = join(temporaryFolder(), 'trace');
    const filter = 'rtc,ioapic.IOAPICID,milestone,!rtc.INDEX';
    const run = await tsvmm(['run', `--trace-exits=${filter}`, '--trace-output', output, ...WASM, KERNEL, '--', 'n=1']);
    expect(run).toMatchObject({ status: 0, stderr: '' });
    const words = readFileSync(output, 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => line.split(' '));
    const shown = words.map(([, ...rest]) => (rest[0] === 'milestone' ? 'milestone' : rest[3]));
    expect(shown.filter(word => word === 'rtc.REG_D')).toHaveLength(2);
    expect(shown.filter(word => word === 'ioapic.IOAPICID')).toHaveLength(4);
    expect(new Set(shown)).toEqual(new Set(['rtc.REG_D', 'ioapic.IOAPICID', 'milestone']));
  });

  test('--boot-timeline tells milestones and the exits between them', async () => {
    const run = await tsvmm(['run', '--boot-timeline', ...WASM, KERNEL, '--', 'n=2']);
    const names = ['VMM start', 'first guest instruction', 'begin', 'counted', 'com1 first byte', 'end: exit'];
    const places = names.map(name => run.stderr.indexOf(` ${name}`));
    expect(places.every(place => place >= 0), run.stderr).toBe(true);
    expect(places.toSorted((a, b) => a - b)).toEqual(places);
    // 46 exits between the first POST code, which is in the first of them, and the marker's first byte.
    expect(run.stderr).toMatch(/POST code 0x5a +then \d+ exits, .*: 14 reads of post-code POST_CODE/);
  });

  test('--live tells exits a second in plain lines where there is no terminal', async () => {
    const folder = temporaryFolder();
    const args = ['profile', '--live', '-o', join(folder, 'p'), '--accel', 'wasm', '--timeout', '2500ms'];
    const run = await tsvmm([...args, guestPath('idle.elf')]);
    expect(run.status).toBe(124);
    const lines = run.stderr.split('\n').filter(line => /^\d+s /.test(line));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toContain('\x1b');
  });

  test('--live is redrawn on a terminal, as its size is, and leaves it as it was', async () => {
    const terminal = new TestTerminal();
    terminal.resize(60, 5);
    const before = terminal.mode;
    const options = ['-o', join(temporaryFolder(), 'p'), '--accel', 'wasm', '--timeout', '100'];
    const child = terminal.start(['profile', '--live', ...options, guestPath('echo.elf'), '--', 'mode=polled']);
    // The other screen, then the whole picture again each second. The terminal makes a return of each newline.
    await terminal.screen.waitFor(/\x1b\[\?1049h\x1b\[\?25l/);
    const [, first] = await terminal.screen.waitFor(/\x1b\[H\x1b\[Jtsvmm {2}(\d+) s\r+\n +exits\/s +host time\/s/);
    await terminal.screen.waitFor(new RegExp(`\\x1b\\[H\\x1b\\[Jtsvmm {2}${Number(first) + 1} s\\r+\\n[^\\x1b]*\\x1b`));
    child.kill('SIGINT');
    expect(await statusOf(child)).toBe(130);
    await terminal.screen.waitFor(/\x1b\[\?25h\x1b\[\?1049l/);
    for (const text of terminal.screen.text.split('\x1b[H\x1b[J').slice(1)) {
      const rows = text.split('\x1b', 1)[0].split(/\r+\n/).slice(2);
      expect(rows.length).toBeLessThanOrEqual(2);
      expect(rows[0]).toMatch(/^ +\d+ +[\d.]+[num]?s +[\d.]+[num]?s {2}\w/);
      for (const row of rows) expect(row.length).toBeLessThan(60);
    }
    expect(terminal.mode).toBe(before);
  });
}); // prettier-ignore

describe('is refused in one line', () => {
  const folder = (): string => join(temporaryFolder(), 'p');
  const cases: readonly (readonly [string, () => readonly string[], string])[] = [
    ['a file that cannot be made', () => ['run', '--profile', '/nonexistent/x', KERNEL], 'no such file'],
    ['a recording over the kernel', () => ['run', '--profile', KERNEL, KERNEL], 'would be overwritten'],
    ['stacks without a recording', () => ['run', '--stacks', 'all', KERNEL], '--stacks needs --profile'],
    ['symbols without a recording', () => ['run', '--symbols', KERNEL, KERNEL], '--symbols needs --profile'],
    ['trace output without a trace', () => ['run', '--trace-output', folder(), KERNEL], 'needs --trace-exits'],
    ['an empty word in a filter', () => ['run', '--accel', 'wasm', '--trace-exits=a,,b', KERNEL], 'empty word'],
    ['samples with KVM', () => ['profile', '-o', folder(), '--accel', 'kvm', '--sample', '5000', KERNEL], '--sample needs'],
    ['symbols that are none', () => ['profile', '-o', folder(), '--accel', 'wasm', '--symbols', import.meta.filename, KERNEL], 'has no symbols'],
  ];
  for (const [title, args, message] of cases) {
    test(title, async () => {
      const run = await tsvmm(args());
      expect(run.status, run.stderr).toBe(2);
      expect(run.stderr).toContain(message);
      expect(run.stderr.trimEnd().split('\n')).toHaveLength(1);
    });
  }
}); // prettier-ignore

/** The number of the line of a guest's source that has this text. */
function lineOf(source: string, text: string): number {
  const lines = readFileSync(new URL(`../../${source}`, import.meta.url), 'utf8').split('\n');
  const index = lines.findIndex(line => line.includes(text));
  expect(index, text).toBeGreaterThanOrEqual(0);
  return index + 1;
}
