import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EXIT_STATUSES } from '../../src/cli/exit-statuses.js';
import { exitStatus, type EndReason } from '../../src/vmm/run-result.js';
import { tsvmm } from './tsvmm.js';

const USAGE = /^Usage: tsvmm \[options\] \[command\]\n/;

describe('help', () => {
  test('without a command: on stderr, as an error', async () => {
    const { status, stdout, stderr } = await tsvmm([]);
    expect(stderr).toMatch(USAGE);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test.each([[['--help']], [['-h']], [['help']]])('%j', async args => {
    const { status, stdout, stderr } = await tsvmm(args);
    expect(stdout).toMatch(USAGE);
    for (const command of ['run', 'inspect', 'doctor']) expect(stdout).toContain(`\n  ${command} `);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test.each(['run', 'inspect', 'doctor'])('for %s', async command => {
    const [asked, flagged] = await Promise.all([tsvmm(['help', command]), tsvmm([command, '--help'])]);
    expect(asked.stdout).toMatch(new RegExp(`^Usage: tsvmm ${command} `));
    expect(asked).toMatchObject({ status: 0, stderr: '' });
    expect(flagged).toEqual(asked);
  });

  test.each(['run', 'acpi'])('for devices, of %s', async command => {
    const list = await tsvmm([command, '--device', 'help']);
    expect(list.stdout).toMatch(/^name "virtio-net-pci", bus PCI, Virtio network card$/m);
    expect(list).toMatchObject({ status: 0, stderr: '' });
    const one = await tsvmm([command, '--device', 'virtio-net-pci,help']);
    expect(one.stdout).toMatch(/^virtio-net-pci options:\n {2}netdev=<the id= of a --net>\n/);
    expect(one).toMatchObject({ status: 0, stderr: '' });
  });

  test('fits into 120 columns', async () => {
    const { stdout } = await tsvmm(['run', '--help']);
    expect(stdout.split('\n').filter(line => line.length > 120)).toEqual([]);
  });

  test.each(['--version', '-V'])('%s', async flag => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await tsvmm([flag])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('exit statuses', () => {
  /** Each reason of `run-result.ts`: a new one does not compile until it is here. */
  const REASONS: Readonly<Record<EndReason, true>> = {
    poweroff: true,
    reset: true,
    exit: true,
    panicked: true,
    halted: true,
    'triple-fault': true,
    matched: true,
    timeout: true,
    stopped: true,
    failed: true,
  };

  test('the table has one for each way in which a run ends', () => {
    const documented = EXIT_STATUSES.map(([status]) => status);
    for (const reason of Object.keys(REASONS) as EndReason[]) {
      expect(documented, reason).toContain(String(exitStatus({ reason })));
    }
    expect(new Set(documented).size).toBe(documented.length);
  });

  test("a guest's own value is what the table says", () => {
    expect([1, 123, 255, 256, 0xffff_ffff].map(code => exitStatus({ reason: 'exit', code }))).toEqual([
      1, 123, 255, 255, 255,
    ]);
  });

  test('--help shows the table', async () => {
    const { stdout } = await tsvmm(['run', '--help']);
    const rows = stdout.slice(stdout.indexOf('Exit status:')).matchAll(/^ {2}(\S+) +(.+)$/gm);
    expect(Array.from(rows, ([, status, meaning]) => [status, meaning])).toEqual(EXIT_STATUSES);
  });
});
