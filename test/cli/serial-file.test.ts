import { constants, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReadStream } from 'node:tty';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PseudoTerminal } from '../../src/host/pty.js';
import { parseGuestOutput } from '../guests/protocol.js';
import { guestPath } from '../guests/harness.js';
import { makeFifo, startTsvmm, statusOf, temporaryFolder, Transcript, tsvmm } from './tsvmm.js';

const HELLO = guestPath('hello.elf');
const { O_RDWR, O_RDONLY, O_NONBLOCK } = constants;

describe('--serial file:', () => {
  test('writes what stdio would show, in place of what was there', async () => {
    const path = join(temporaryFolder(), 'com1.log');
    writeFileSync(path, 'x'.repeat(100_000));
    const [toFile, toStdio] = await Promise.all([
      tsvmm(['run', '--serial', `file:${path}`, HELLO]),
      tsvmm(['run', HELLO]),
    ]);
    expect(toFile).toEqual({ status: 0, stdout: '', stderr: '' });
    const text = readFileSync(path, 'utf8');
    expect(parseGuestOutput(text).succeeded).toBe(true);
    expect(text).toBe(toStdio.stdout);
  });

  test('keeps the output up to --timeout and to a signal', async () => {
    const path = join(temporaryFolder(), 'com1.log');
    const { status } = await tsvmm([
      'run',
      '--timeout',
      '500ms',
      '--serial',
      `file:${path}`,
      guestPath('idle.elf'),
    ]);
    expect(status).toBe(124);
    expect(readFileSync(path, 'utf8')).toBe('idle.started PASS \n');
  });

  test('a kernel that cannot be booted leaves the file alone', async () => {
    const path = join(temporaryFolder(), 'com1.log');
    writeFileSync(path, 'kept');
    expect(await tsvmm(['run', '--serial', `file:${path}`, '/nowhere/kernel'])).toMatchObject({ status: 2 });
    expect(readFileSync(path, 'utf8')).toBe('kept');
  });

  test('a full device ends the run with one line', async () => {
    const finished = await tsvmm(['run', '--serial', 'file:/dev/full', guestPath('idle.elf')]);
    expect(finished).toEqual({
      status: 125,
      stdout: '',
      stderr: 'tsvmm: cannot write to /dev/full: no space left on device\n',
    });
  });

  test('a FIFO with a reader', async () => {
    const path = makeFifo(temporaryFolder());
    const fd = openSync(path, O_RDONLY | O_NONBLOCK);
    onTestFinished(() => closeSync(fd));
    expect(await tsvmm(['run', '--serial', `file:${path}`, HELLO])).toMatchObject({ status: 0 });
    expect(parseGuestOutput(readFileSync(fd, 'utf8')).succeeded).toBe(true);
  });

  test('a FIFO whose reader leaves', async () => {
    const path = makeFifo(temporaryFolder());
    const reader = openSync(path, O_RDWR | O_NONBLOCK);
    const child = startTsvmm(
      ['run', '--serial', `file:${path}`, '--serial', 'stdio', guestPath('echo.elf')],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    const stderr = new Transcript(child.stderr!);
    // Before the guest has said anything, or after: the next byte meets nobody.
    closeSync(reader);
    expect([2, 125]).toContain(await statusOf(child));
    await stderr.ended;
    expect(stderr.text).toMatch(/^tsvmm: cannot write to .*\/fifo: .*\n$/);
  });

  test('another terminal', async () => {
    const terminal = PseudoTerminal.open();
    onTestFinished(() => terminal.close());
    const side = openSync(terminal.path, O_RDWR | constants.O_NOCTTY);
    onTestFinished(() => closeSync(side));
    const screen = terminal.read();
    onTestFinished(() => void screen.destroy());
    expect(screen).toBeInstanceOf(ReadStream);
    const output = new Transcript(screen);
    expect(await tsvmm(['run', '--serial', `file:${terminal.path}`, HELLO])).toMatchObject({ status: 0 });
    await output.waitFor(/hello END 5 0\n/);
  });
});

describe('--serial none', () => {
  test('drops the output', async () => {
    expect(await tsvmm(['run', '--serial', 'none', HELLO])).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('--exit-on and --timeout work without a reader', async () => {
    expect(
      await tsvmm(['run', '--serial', 'none', '--exit-on', 'idle.started', guestPath('idle.elf')]),
    ).toMatchObject({
      status: 0,
    });
  });
});
