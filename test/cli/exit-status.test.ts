import { describe, expect, test } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { startTsvmm, statusOf, Transcript, tsvmm } from './tsvmm.js';

const POWER = guestPath('power.elf');

const ENDS: readonly (readonly [end: string, status: number, stderr: RegExp])[] = [
  ['exit:0', 0, /^$/],
  ['exit:1', 1, /^$/],
  ['exit:42', 42, /^$/],
  ['exit:255', 255, /^$/],
  ['exit:256', 255, /^$/],
  ['exit:4294967040', 255, /^$/],
  ['reset-kbd', 0, /^$/],
  ['reset-cf9', 0, /^$/],
  ['halt', 126, /^tsvmm: the guest halted with interrupts off\n$/],
];

describe('the exit status', () => {
  test.each(ENDS)('end=%s', async (end, status, stderr) => {
    const finished = await tsvmm(['run', POWER, '--', `end=${end}`]);
    expect(finished.stdout).toMatch(/^power END 1 0$/m);
    expect(finished.stderr).toMatch(stderr);
    expect(finished.status).toBe(status);
  });

  test('a triple fault: registers and the symbol', async () => {
    const { status, stderr } = await tsvmm(['run', POWER, '--', 'end=triple']);
    expect(status).toBe(127);
    expect(stderr).toMatch(/^tsvmm: triple fault on vCPU 0\n/);
    expect(stderr).toMatch(/^tsvmm: {3}.*rip 0x10[0-9a-f]{4}/m);
    expect(stderr).toMatch(/^tsvmm: {3}in end_triple\+0x[0-9a-f]+$/m);
    expect(stderr).toMatch(/^(tsvmm: .+\n)+$/);
  });

  test('--timeout', async () => {
    const { status, stderr } = await tsvmm(['run', '--timeout', '300ms', POWER, '--', 'end=hang']);
    expect({ status, stderr }).toEqual({ status: 124, stderr: 'tsvmm: the time is up\n' });
  });

  test.each(['power END 1 0', '/^power END \\d \\d$/m'])('--exit-on %s', async pattern => {
    const finished = await tsvmm(['run', '--exit-on', pattern, POWER, '--', 'end=hang']);
    expect(finished).toMatchObject({ status: 0, stderr: '' });
    expect(finished.stdout).toContain('power END 1 0');
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGQUIT', 131],
  ] as const)('%s', async (signal, status) => {
    const child = startTsvmm(['run', guestPath('idle.elf')], { stdio: ['ignore', 'pipe', 'pipe'] });
    const stderr = new Transcript(child.stderr!);
    await new Transcript(child.stdout!).waitFor(/idle\.started/);
    child.kill(signal);
    expect(await statusOf(child)).toBe(status);
    expect(stderr.text).toBe('');
  });

  test('a signal that comes while the machine is built', async () => {
    const child = startTsvmm(['run', guestPath('idle.elf')], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.kill('SIGTERM');
    expect(await statusOf(child)).toBe(143);
  });

  test('--verbose tells what was done and how it ended', async () => {
    const args = ['--append', 'end=exit:7', '--memory', '64M', '--serial', 'stdio', '--serial', 'none'];
    const { status, stderr } = await tsvmm(['run', '--verbose', ...args, POWER, '--', 'more', 'words']);
    expect(status).toBe(7);
    // Where the host is slow, it is told what is waited for.
    const lines = stderr.split('\n').filter(line => !line.endsWith('…'));
    expect(lines).toEqual([
      expect.stringMatching(/^tsvmm: boots \/.*\/power\.elf by PVH \(.*\), 64 MiB, CPUs: 1$/),
      expect.stringMatching(/^tsvmm: accelerator: (kvm|wasm), since \S.*[^.]$/),
      'tsvmm: command line: end=exit:7 more words',
      'tsvmm: com1 is stdio',
      'tsvmm: com2 is not connected',
      'tsvmm: the guest exited with 7',
      expect.stringMatching(/^tsvmm: (\d+ instructions and )?\d+ exits in \d+\.\d ms$/),
      '',
    ]);
  });

  test('--verbose lists the accesses that nobody answered', async () => {
    const { stderr } = await tsvmm(['run', '--verbose', guestPath('probe.elf')]);
    expect(stderr).toMatch(/^tsvmm: nobody answers read of (port|mmio) 0x[0-9a-f]+ \(\d+ times\)$/m);
  });
});
