import { describe, expect, test, vi } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { TestTerminal } from './terminal.js';
import { statusOf } from './tsvmm.js';

const ECHO = ['run', guestPath('echo.elf'), '--', 'mode=polled'];
const IDLE = ['run', guestPath('idle.elf')];
const CTRL_A = '\x01';

describe('on a terminal', () => {
  test('keys reach the guest raw, and the terminal is given back', async () => {
    const terminal = new TestTerminal();
    const before = terminal.mode;
    const child = terminal.start(ECHO);
    await terminal.screen.waitFor(/# ready/);
    expect(terminal.isRaw).toBe(true);
    // Ctrl-C and Ctrl-Z are the guest's.
    await terminal.type('a\x03b\x1a\r');
    await terminal.screen.waitFor(/echo: a\x03b\x1a\r\n/);
    await terminal.type('quit\r');
    expect(await statusOf(child)).toBe(0);
    expect(terminal.mode).toBe(before);
    expect(terminal.screen.text).toMatch(/echo END 2 0\r\n$/);
  });

  test('Ctrl-A x ends the run with 130', async () => {
    const terminal = new TestTerminal();
    const before = terminal.mode;
    const child = terminal.start(IDLE);
    await terminal.screen.waitFor(/idle\.started/);
    await terminal.type(`${CTRL_A}x`);
    expect(await statusOf(child)).toBe(130);
    expect(terminal.mode).toBe(before);
  });

  test('Ctrl-A h lists the keys, Ctrl-A a sends Ctrl-A', async () => {
    const terminal = new TestTerminal();
    const child = terminal.start(ECHO);
    await terminal.screen.waitFor(/# ready/);
    await terminal.type(`${CTRL_A}h`);
    await terminal.screen.waitFor(/\r\nCtrl-A h .*\r\nCtrl-A x .*\r\nCtrl-A a .*\r\n/);
    await terminal.type(`<${CTRL_A}a>\r`);
    await terminal.screen.waitFor(/echo: <\x01>\r\n/);
    await terminal.type('quit\r');
    expect(await statusOf(child)).toBe(0);
  });

  test('Ctrl-A x works although the guest reads nothing', async () => {
    const terminal = new TestTerminal();
    const child = terminal.start(IDLE);
    await terminal.screen.waitFor(/idle\.started/);
    await terminal.type('x'.repeat(64 << 10));
    // What is typed too far ahead is refused with a bell.
    await terminal.screen.waitFor(/\x07/);
    await terminal.type(`${CTRL_A}x`);
    expect(await statusOf(child)).toBe(130);
  });

  test('is given back when another serial port cannot be connected', async () => {
    const terminal = new TestTerminal();
    const before = terminal.mode;
    const child = terminal.start([
      'run',
      '--serial',
      'stdio',
      '--serial',
      'file:/nowhere/log',
      guestPath('idle.elf'),
    ]);
    expect(await statusOf(child)).toBe(2);
    // Behind a line that was taken back, where loading the kernel took long.
    await terminal.screen.waitFor(
      /(?:^|\x1b\[K)tsvmm: cannot write to \/nowhere\/log: no such file or directory\r\n$/,
    );
    expect(terminal.mode).toBe(before);
  });

  test('is given back after a failure of the guest', async () => {
    const terminal = new TestTerminal();
    const before = terminal.mode;
    const child = terminal.start(['run', guestPath('power.elf'), '--', 'end=triple']);
    expect([125, 127]).toContain(await statusOf(child));
    await terminal.screen.waitFor(/in end_triple/);
    expect(terminal.mode).toBe(before);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGQUIT', 131],
  ] as const)('is given back after %s', async (signal, status) => {
    const terminal = new TestTerminal();
    const before = terminal.mode;
    const child = terminal.start(IDLE);
    await terminal.screen.waitFor(/idle\.started/);
    expect(terminal.isRaw).toBe(true);
    child.kill(signal);
    expect(await statusOf(child)).toBe(status);
    expect(terminal.mode).toBe(before);
  });

  test('that goes away ends the run', async () => {
    const terminal = new TestTerminal();
    const child = terminal.start(IDLE);
    await terminal.screen.waitFor(/idle\.started/);
    terminal.close();
    expect(await statusOf(child)).toBe(129);
  });

  test('is taken again when a stopped tsvmm goes on', async () => {
    const terminal = new TestTerminal();
    const child = terminal.start(ECHO);
    await terminal.screen.waitFor(/# ready/);
    child.kill('SIGSTOP');
    terminal.makeSane();
    child.kill('SIGCONT');
    await vi.waitFor(() => expect(terminal.isRaw).toBe(true), { timeout: 20_000 });
    await terminal.type('again\r');
    await terminal.screen.waitFor(/echo: again\r\n/);
    await terminal.type('quit\r');
    expect(await statusOf(child)).toBe(0);
  });
});
