import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { guestPath } from '../guests/harness.js';
import { longConversation } from './conversation.js';
import { MAIN, startTsvmm, statusOf, temporaryFolder, Transcript } from './tsvmm.js';

const ECHO = [guestPath('echo.elf'), '--', 'mode=polled'];
const IDLE = [guestPath('idle.elf')];

interface Served {
  readonly child: ReturnType<typeof startTsvmm>;
  readonly path: string;
  readonly stderr: Transcript;
}

/** Starts a guest with com1 on a socket, and waits until it listens. */
async function serve(guest: readonly string[], path = join(temporaryFolder(), 'com1')): Promise<Served> {
  const child = startTsvmm(['run', '--verbose', '--serial', `unix:${path}`, ...guest], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const stderr = new Transcript(child.stderr!);
  await stderr.waitFor(/com1 is a socket at /);
  return { child, path, stderr };
}

async function connectTo(path: string): Promise<Socket> {
  const client = connect({ path, allowHalfOpen: true });
  onTestFinished(() => void client.destroy());
  await once(client, 'connect');
  return client;
}

/** Connects as soon as the former client's leave is known, and says something that is answered. */
async function sayAsNextClient(path: string, text: string): Promise<Transcript> {
  for (;;) {
    const client = await connectTo(path);
    const output = new Transcript(client);
    client.write(text);
    await output.waitFor(/./);
    if (!output.text.startsWith('tsvmm: another client')) return output;
  }
}

describe('--serial unix:', () => {
  test('a client that comes late sees the first output; the socket is removed', async () => {
    const { child, path } = await serve(ECHO);
    const client = await connectTo(path);
    const output = new Transcript(client);
    await output.waitFor(/^# ready\n$/);
    client.write('hello\n');
    await output.waitFor(/echo: hello\n$/);
    client.end('quit\n');
    expect(await statusOf(child)).toBe(0);
    await output.waitFor(/echo END 2 0\n$/);
    expect(existsSync(path)).toBe(false);
  });

  test('passes everything both ways', async () => {
    const { input, output } = longConversation(8000);
    const { child, path } = await serve(ECHO);
    const client = await connectTo(path);
    await once(client, 'readable');
    const answer = buffer(client);
    // All of it, and no more input: the client still gets every answer.
    client.end(input);
    expect((await answer).equals(Buffer.concat([Buffer.from('# ready\n'), output]))).toBe(true);
    expect(await statusOf(child)).toBe(0);
  });

  test('one client at a time', async () => {
    const { child, path } = await serve(ECHO);
    const first = await connectTo(path);
    await new Transcript(first).waitFor(/# ready\n/);
    const refused = await connectTo(path);
    expect((await buffer(refused)).toString()).toBe('tsvmm: another client is connected\n');

    first.destroy();
    await once(first, 'close');
    const output = await sayAsNextClient(path, 'second\nquit\n');
    await output.waitFor(/^echo: second\n[^]*echo END 2 0\n$/);
    expect(await statusOf(child)).toBe(0);
  });

  test('output between two clients waits for the next', async () => {
    const { child, path } = await serve(ECHO);
    const first = await connectTo(path);
    await new Transcript(first).waitFor(/# ready\n/);
    first.end('one\ntwo\n');
    first.destroy();
    const output = await sayAsNextClient(path, 'quit\n');
    await output.waitFor(/^echo: one\necho: two\n[^]*echo END 2 0\n$/);
    expect(await statusOf(child)).toBe(0);
  });

  test('a socket that a killed process left is replaced', async () => {
    const path = join(temporaryFolder(), 'com1');
    const killed = await serve(IDLE, path);
    killed.child.kill('SIGKILL');
    await once(killed.child, 'exit');
    expect(lstatSync(path).isSocket()).toBe(true);
    const { child } = await serve(IDLE, path);
    const client = await connectTo(path);
    await new Transcript(client).waitFor(/idle\.started/);
    child.kill('SIGTERM');
    expect(await statusOf(child)).toBe(143);
    expect(existsSync(path)).toBe(false);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends the connection and removes the socket', async (signal, status) => {
    const { child, path } = await serve(IDLE);
    const client = await connectTo(path);
    const output = new Transcript(client);
    await output.waitFor(/idle\.started/);
    child.kill(signal);
    expect(await statusOf(child)).toBe(status);
    await output.ended;
    expect(existsSync(path)).toBe(false);
  });

  test('a client that reads nothing does not hold up the end', async () => {
    // It sends without reading, until the guest waits for it.
    const { child, path, stderr } = await serve(['--timeout', '6s', ...ECHO]);
    const client = await connectTo(path);
    client.on('error', () => undefined);
    client.write('\n'.repeat(50_000));
    expect(await statusOf(child)).toBe(124);
    await stderr.waitFor(/the time is up/);
  });

  test('a relative path, and several ports', async () => {
    const folder = temporaryFolder();
    const args = ['run', '--verbose', '--serial', 'file:com1.log', '--serial', 'unix:com2', ...IDLE];
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await new Transcript(child.stderr).waitFor(/com2 is a socket at com2\n/);
    const client = await connectTo(join(folder, 'com2'));
    const output = new Transcript(client);
    await vi.waitFor(() => expect(readFileSync(join(folder, 'com1.log'), 'utf8')).toContain('idle.started'), {
      timeout: 20_000,
    });
    child.kill('SIGTERM');
    expect(await statusOf(child)).toBe(143);
    await output.ended;
    expect(output.text).toBe('');
  });
});
