import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { TestTerminal } from './terminal.js';
import { startTsvmm, statusOf, temporaryFolder, Transcript, tsvmm } from './tsvmm.js';

const CTRL_A = '\x01';
const ECHO = [guestPath('echo.elf'), '--', 'mode=polled'];

async function connectTo(path: string): Promise<Socket> {
  const client = connect(path);
  onTestFinished(() => void client.destroy());
  await once(client, 'connect');
  return client;
}

describe('--monitor', () => {
  test('on a socket answers several clients, and quits', async () => {
    const path = join(temporaryFolder(), 'monitor');
    const child = startTsvmm(['run', '--verbose', '--monitor', `unix:${path}`, guestPath('idle.elf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await new Transcript(child.stderr!).waitFor(/the monitor is a socket at /);
    const [first, second] = [await connectTo(path), await connectTo(path)];
    const [firstText, secondText] = [new Transcript(first), new Transcript(second)];
    first.write('info pci\ninfo nonsense\nsto');
    await firstText.waitFor(/\(tsvmm\) .*Host bridge[^]*no 'info nonsense'.*\n\(tsvmm\) /s);
    second.write('stop\r\ninfo status\r\n');
    await secondText.waitFor(/VM status: paused\n/);
    first.write('p\ncont\ninfo status\n');
    await firstText.waitFor(/VM status: running\n/);
    first.write('quit\n');
    expect(await statusOf(child)).toBe(130);
    expect(existsSync(path)).toBe(false);
  });

  test('on standard input and output', async () => {
    const { status, stdout } = await tsvmm(['run', '--monitor', 'stdio', guestPath('idle.elf')], {
      input: 'info status\nquit\n',
    });
    expect(status).toBe(130);
    expect(stdout).toMatch(/VM status: running\n/);
  });

  test.each([
    [['--monitor', 'file:log'], /--monitor file:log: write stdio, unix:PATH or none/],
    [['--monitor', 'tcp:80'], /--monitor tcp:80: write stdio, unix:PATH or none/],
    [['--monitor', 'stdio', '--serial', 'stdio'], /--serial and --monitor both name stdio/],
    [['--monitor', 'unix:/nowhere/socket'], /cannot listen on \/nowhere\/socket/],
    [['--console', 'stdio,name'], /--console: 'name' is not understood: write WHERE/],
    [['--console', 'nowhere'], /--console nowhere: write stdio, file:PATH/],
    [
      ['--console', 'pty', '--console', 'stdio', '--serial', 'stdio'],
      /--serial and --console both name stdio/,
    ],
    [['--console', 'none,name=a', '--console', 'none,name=a'], /two consoles are called 'a'/],
  ])('%j is refused', async (flags, message) => {
    const { status, stderr } = await tsvmm(['run', ...flags, guestPath('idle.elf')]);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('Ctrl-A c', () => {
  test('switches the keys between the guest and the monitor, which edits its line', async () => {
    const terminal = new TestTerminal();
    const child = terminal.start(['run', ...ECHO]);
    await terminal.screen.waitFor(/# ready/);
    await terminal.type('one\r');
    await terminal.screen.waitFor(/echo: one/);
    await terminal.type(`${CTRL_A}c`);
    await terminal.screen.waitFor(/\(tsvmm\) /);
    // A typing error, a backspace, and a completion.
    await terminal.type('info sx\x7fta');
    await terminal.type('\t');
    await terminal.screen.waitFor(/tus/);
    await terminal.type('\r');
    await terminal.screen.waitFor(/VM status: running/);
    await terminal.type(`${CTRL_A}ctwo\r`);
    await terminal.screen.waitFor(/echo: two/);
    await terminal.type(`${CTRL_A}cquit\r`);
    expect(await statusOf(child)).toBe(130);
  });
});

describe('--console', () => {
  test('on standard output and input takes the place of com1', async () => {
    const { status, stdout } = await tsvmm(
      ['run', '--console', 'stdio,name=terminal', guestPath('console.elf')],
      {
        input: 'quit\n',
      },
    );
    expect(status).toBe(0);
    expect(stdout).toBe('!');
  });

  test('hears the size of the terminal', async () => {
    const terminal = new TestTerminal();
    terminal.resize(97, 31);
    const path = join(temporaryFolder(), 'log');
    const child = terminal.start([
      'run',
      '--serial',
      `file:${path}`,
      '--console',
      'stdio',
      guestPath('console.elf'),
    ]);
    await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toContain('console.size PASS 97x31'), {
      timeout: 20_000,
    });
    await terminal.type('quit\n');
    expect(await statusOf(child)).toBe(0);
  });
});
