import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { tsvmm } from './tsvmm.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-conformance-'));
});

afterAll(() => rm(folder, { recursive: true }));

/** A driver of an entropy device: without packed queues, which a driver should take where they are offered. */
function check(...flags: string[]) {
  const kernel = guestPath('drivers.elf');
  const machine = ['--accel', 'wasm', '-m', '64M', '--rng', '-a', 'device=rng strict=1', '--timeout', '60s'];
  return tsvmm(['conformance', 'driver', kernel, ...machine, ...flags]);
}

describe('tsvmm conformance driver', () => {
  test('shows what failed, in which function, and what was before', async () => {
    const { status, stdout } = await check();
    expect(stdout).toMatch(/^FAIL +virtio\/6\.1\/packed +SHOULD /m);
    expect(stdout).toMatch(/^ {2}virtio-rng0: it does not accept VIRTIO_F_RING_PACKED, at driver_begin\+0x/m);
    expect(stdout).toMatch(/^ {6}\d+\.\d{3} ms {2}device_status = 0xb$/m);
    expect(stdout).toMatch(/^driver conformance: \d+\/\d+ clauses passed, 1 failed/m);
    expect(status).toBe(1);
  });

  test('takes failures of a baseline for known ones', async () => {
    const baseline = join(folder, 'known');
    const first = await check('--write-baseline', baseline);
    expect(first.status).toBe(1);
    expect(await readFile(baseline, 'utf8')).toMatch(/^virtio\/6\.1\/packed {2}# /);
    const junit = join(folder, 'junit.xml');
    const { status, stdout } = await check('--baseline', baseline, '--junit', junit, '--tap');
    expect(stdout).toMatch(/^not ok \d+ - virtio\/6\.1\/packed .* # TODO known failure$/m);
    expect(await readFile(junit, 'utf8')).toContain('failures="0"');
    expect(status).toBe(0);
  });

  test('with --must, only MUST counts', async () => {
    const { status, stdout } = await check('--must', '--json', '--variant', 'modern-only');
    const report = JSON.parse(stdout) as { runs: unknown[]; summary: Record<string, number> };
    expect(report.runs).toEqual([
      { name: 'plain', end: 'exit 0', ok: true },
      { name: 'modern-only', end: 'exit 0', ok: true },
    ]);
    expect(report.summary['FAIL']).toBe(1);
    expect(status).toBe(0);
  });

  test('a run that does not end well fails the command', async () => {
    const { status, stdout } = await check('--must', '--variant', 'no-msix', '-a', 'device=net');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    const kernel = guestPath('drivers.elf');
    const other = await tsvmm([
      'conformance',
      'driver',
      kernel,
      '--accel',
      'wasm',
      '-m',
      '64M',
      '-a',
      'device=net',
    ]);
    expect(other.stdout).toContain('run plain: NOT OK, exit 1');
    expect(other.status).toBe(1);
  });

  test.each([
    [['conformance', 'driver'], 'name the kernel whose drivers are to be checked'],
    [['conformance', 'driver', 'x', '--variant', 'none'], "there is no variant 'none'"],
    [['conformance', 'driver', 'x', '--serial', 'pty'], 'a conformance run has its ports at'],
    [['conformance', 'driver', '/nonexistent'], 'cannot read'],
    [['conformance', 'driver', 'x', '--baseline', '/nonexistent'], 'cannot read'],
    [['conformance', 'driver', 'x', '--tap', '--json'], 'cannot be used with'],
  ])('%j is told in one line', async (args, message) => {
    const { status, stdout, stderr } = await tsvmm(args);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test('--list shows the clauses', async () => {
    const [own, all] = await Promise.all([
      tsvmm(['conformance', 'driver', '--list']),
      tsvmm(['conformance', 'list', '--driver']),
    ]);
    expect(own.stdout).toMatch(
      /^virtio\/2\.7\.6\.1\/idx-forward +MUST NOT +never takes the available index back \(observed\)$/m,
    );
    expect(all).toEqual(own);
  });
});
