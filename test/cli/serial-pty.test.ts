import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { longConversation } from './conversation.js';
import { startTsvmm, statusOf, Transcript } from './tsvmm.js';

const ECHO = [guestPath('echo.elf'), '--', 'mode=polled'];
const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;

/** Somebody at the terminal that tsvmm told the name of, as `screen` opens it. */
class Visitor {
  readonly screen: Transcript;
  private readonly stream: ReadStream;
  private readonly fd: number;

  constructor(path: string) {
    this.fd = openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    this.stream = new ReadStream(openSync(path, O_RDWR | O_NOCTTY));
    this.stream.on('error', () => undefined);
    this.screen = new Transcript(this.stream);
    onTestFinished(() => this.leave());
  }

  async type(text: string): Promise<void> {
    let rest: Uint8Array = Buffer.from(text, 'latin1');
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.fd, rest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        // A full terminal gives no event when there is room again.
        await delay(1);
      }
    }
  }

  leave(): void {
    if (this.stream.destroyed) return;
    this.stream.destroy();
    closeSync(this.fd);
  }
}

/** Starts a guest with com1 on a pseudo-terminal. */
async function serve(...guest: readonly string[]): Promise<{
  readonly child: ReturnType<typeof startTsvmm>;
  readonly path: string;
}> {
  const child = startTsvmm(['run', '--serial', 'pty', ...guest], { stdio: ['ignore', 'inherit', 'pipe'] });
  const [, path] = await new Transcript(child.stderr!).waitFor(/^tsvmm: com1 is (\/dev\/pts\/\d+)\n/);
  return { child, path };
}

describe('--serial pty', () => {
  test('tells its name; who opens it sees the first output and talks to the guest', async () => {
    const { child, path } = await serve(...ECHO);
    const visitor = new Visitor(path);
    await visitor.screen.waitFor(/^# ready\n$/);
    await visitor.type('hello\n');
    // No echo of what was typed, and no carriage returns: the terminal is raw.
    await visitor.screen.waitFor(/^# ready\necho: hello\n$/);
    await visitor.type('quit\n');
    await visitor.screen.waitFor(/echo END 2 0\n$/);
    expect(await statusOf(child)).toBe(0);
  });

  test('can be closed and opened again; output in between waits', async () => {
    const { child, path } = await serve(...ECHO);
    for (const line of ['one', 'two', 'three']) {
      const visitor = new Visitor(path);
      await visitor.type(`${line}\n`);
      await visitor.screen.waitFor(new RegExp(`echo: ${line}\n`));
      visitor.leave();
    }
    const last = new Visitor(path);
    await last.type('quit\n');
    await last.screen.waitFor(/echo\.lines PASS 3\n[^]*echo END 2 0\n$/);
    expect(await statusOf(child)).toBe(0);
  });

  test('passes everything both ways', async () => {
    const { input, output } = longConversation(8000);
    const { child, path } = await serve(...ECHO);
    const visitor = new Visitor(path);
    await visitor.screen.waitFor(/# ready\n/);
    const typed = visitor.type(input.toString('latin1'));
    await visitor.screen.waitFor(/echo END 2 0\n$/);
    await typed;
    expect(visitor.screen.bytes.equals(Buffer.concat([Buffer.from('# ready\n'), output]))).toBe(true);
    expect(await statusOf(child)).toBe(0);
  });

  test('nobody needs to open it', async () => {
    const { child } = await serve(guestPath('hello.elf'));
    expect(await statusOf(child)).toBe(0);
  });

  test('who has it open without reading does not hold up the end', async () => {
    const { child, path } = await serve('--timeout', '3s', ...ECHO);
    const fd = openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    onTestFinished(() => closeSync(fd));
    writeSync(fd, '\n'.repeat(4000));
    expect(await statusOf(child)).toBe(124);
  });

  test('is left by SIGTERM', async () => {
    const { child, path } = await serve(guestPath('idle.elf'));
    const visitor = new Visitor(path);
    await visitor.screen.waitFor(/idle\.started/);
    child.kill('SIGTERM');
    expect(await statusOf(child)).toBe(143);
    await visitor.screen.ended;
  });
});
