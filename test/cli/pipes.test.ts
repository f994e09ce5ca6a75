import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { LONG_CONVERSATION, longConversation } from './conversation.js';
import { MAIN, makeFifo, startTsvmm, statusOf, temporaryFolder, Transcript } from './tsvmm.js';

const ECHO = ['run', guestPath('echo.elf'), '--', 'mode=polled'];
const READY = '# ready\n';
const HELLO = guestPath('hello.elf');
const FIFO_SIZE = 16;
const { O_RDWR, O_NONBLOCK } = constants;

/** Takes exactly this from standard output. */
async function said(child: ChildProcess, text: string): Promise<void> {
  const stdout = child.stdout!;
  let data = '';
  while (data.length < text.length) {
    const more = stdout.read(
      Math.min(text.length - data.length, stdout.readableLength || 1),
    ) as Buffer | null;
    if (stdout.readableEnded) throw new Error(`ended after ${JSON.stringify(data)}`);
    if (more === null) await Promise.race([once(stdout, 'readable'), once(stdout, 'end')]);
    else data += more.toString();
  }
  expect(data).toBe(text);
}

function* endlessly(line: string): Generator<string> {
  for (;;) yield line;
}

describe('stdio on pipes', () => {
  test('passes everything both ways', async () => {
    const { input, output } = longConversation(LONG_CONVERSATION);
    const child = startTsvmm(ECHO, { stdio: ['pipe', 'pipe', 'inherit'] });
    await said(child, READY);
    child.stdin!.end(input);
    const [status, stdout] = await Promise.all([statusOf(child), buffer(child.stdout!)]);
    expect(stdout.equals(output)).toBe(true);
    expect(status).toBe(0);
  });

  test('holds the guest back while nobody reads', async () => {
    const { input, output } = longConversation(4000);
    const child = startTsvmm(ECHO, { stdio: ['pipe', 'pipe', 'inherit'] });
    await said(child, READY);
    child.stdin!.end(input);
    await once(child.stdin!, 'finish');
    expect((await buffer(child.stdout!)).equals(output)).toBe(true);
    expect(await statusOf(child)).toBe(0);
  });

  test('the end of the input does not end the guest', async () => {
    const child = startTsvmm(ECHO, { stdio: ['pipe', 'pipe', 'inherit'] });
    await said(child, READY);
    child.stdin!.end('last\n');
    await said(child, 'echo: last\n');
    child.kill('SIGTERM');
    expect(await statusOf(child)).toBe(143);
  });

  test('input that is a file', async () => {
    const { input, output } = longConversation(2000);
    const file = join(temporaryFolder(), 'input');
    // Input that waits for the guest when it sets up its UART is lost, as on a PC: up to a FIFO of it.
    writeFileSync(file, Buffer.concat([Buffer.alloc(FIFO_SIZE, '\n'), input]));
    const fd = openSync(file, 'r');
    onTestFinished(() => closeSync(fd));
    const child = startTsvmm(ECHO, { stdio: [fd, 'pipe', 'inherit'] });
    const answer = (await buffer(child.stdout!)).toString('latin1');
    const wanted = output.toString('latin1').replace(/^echo\.lines.*/ms, '');
    expect(answer.replace(/^echo\.lines.*/ms, '').endsWith(wanted)).toBe(true);
    expect(await statusOf(child)).toBe(0);
  });

  test.each(['/dev/zero', '/dev/null', '/'])('input from %s', async path => {
    const fd = openSync(path, 'r');
    onTestFinished(() => closeSync(fd));
    const child = startTsvmm(ECHO, { stdio: [fd, 'pipe', 'pipe'] });
    const stderr = new Transcript(child.stderr!);
    await said(child, READY);
    child.kill('SIGTERM');
    expect((await buffer(child.stdout!)).toString()).toBe('');
    expect(await statusOf(child)).toBe(143);
    await stderr.ended;
    expect(stderr.text).toBe('');
  });

  test.each(['<&-', '>&-', '2>&-', '<&- >&- 2>&-'])('without a standard stream: %s', async redirection => {
    const child = spawn('sh', ['-c', `exec "$0" "$@" ${redirection}`, process.execPath, MAIN, 'run', HELLO], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const stderr = new Transcript(child.stderr);
    expect(await statusOf(child)).toBe(0);
    expect(stderr.text).toBe('');
  });
});

describe('stdout that cannot take the output', () => {
  test('a reader that leaves ends the run', async () => {
    const child = startTsvmm(ECHO, { stdio: ['pipe', 'pipe', 'pipe'] });
    const stderr = new Transcript(child.stderr!);
    child.stdin!.on('error', () => undefined);
    await said(child, READY);
    child.stdout!.destroy();
    child.stdin!.end('a\nb\nc\n');
    expect(await statusOf(child)).toBe(141);
    expect(stderr.text).toBe('');
  });

  test('in a shell: | head -1', async () => {
    const script = '"$0" "$@" | head -1; echo "${PIPESTATUS[0]}"';
    const child = spawn('bash', ['-c', script, process.execPath, MAIN, ...ECHO], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stderr = new Transcript(child.stderr);
    // As a program hears of a reader that has gone when it writes the next time, the guest goes on saying something.
    pipeline(Readable.from(endlessly('x\n')), child.stdin, () => undefined);
    expect((await buffer(child.stdout)).toString()).toBe('# ready\n141\n');
    expect(stderr.text).toBe('');
  });

  test.each([
    ['run', [HELLO]],
    ['inspect', [HELLO]],
    ['doctor', []],
    ['help', []],
  ])('a full device: %s', async (command, args) => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    const child = startTsvmm([command, ...args], { stdio: ['ignore', full, 'pipe'] });
    const stderr = new Transcript(child.stderr!);
    expect(await statusOf(child)).toBe(125);
    await stderr.waitFor(/^tsvmm: cannot write to standard output: no space left on device\n$/);
  });

  test.each([
    ['inspect', [HELLO]],
    ['help', []],
  ])('a reader that is gone: %s', async (command, args) => {
    const child = startTsvmm([command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const stderr = new Transcript(child.stderr!);
    child.stdout!.destroy();
    expect(await statusOf(child)).toBe(141);
    expect(stderr.text).toBe('');
  });

  /** A FIFO into which not one more byte goes. */
  function fullFifo(): number {
    const fd = openSync(makeFifo(temporaryFolder()), O_RDWR | O_NONBLOCK);
    onTestFinished(() => closeSync(fd));
    const filling = Buffer.alloc(4096);
    for (;;) {
      try {
        writeSync(fd, filling);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return fd;
        throw error;
      }
    }
  }

  test('a reader that stands still does not outlast --timeout', async () => {
    const child = startTsvmm(['run', '--timeout', '500ms', ...ECHO.slice(1)], {
      stdio: ['ignore', fullFifo(), 'pipe'],
    });
    const stderr = new Transcript(child.stderr!);
    expect(await statusOf(child)).toBe(124);
    await stderr.waitFor(/^tsvmm: the time is up\n$/);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'a reader that stands still does not outlast %s, though the guest has ended',
    async (signal, status) => {
      const child = startTsvmm(['run', '--verbose', guestPath('power.elf'), '--', 'end=reset-cf9'], {
        stdio: ['ignore', fullFifo(), 'pipe'],
      });
      const stderr = new Transcript(child.stderr!);
      await stderr.waitFor(/tsvmm: waiting for the output to be read…\n/);
      child.kill(signal);
      expect(await statusOf(child)).toBe(status);
    },
  );

  test('a guest that waits for its reader does not outlast --timeout', async () => {
    const child = startTsvmm(['run', '--timeout', '6s', ...ECHO.slice(1)], {
      stdio: ['pipe', fullFifo(), 'pipe'],
    });
    const stderr = new Transcript(child.stderr!);
    child.stdin!.on('error', () => undefined);
    // More output than every buffer on the way holds, long before the time is up.
    child.stdin!.write('\n'.repeat(100_000));
    expect(await statusOf(child)).toBe(124);
    await stderr.waitFor(/^tsvmm: the time is up\n$/);
  });
});
