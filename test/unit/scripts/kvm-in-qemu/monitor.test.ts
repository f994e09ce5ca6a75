import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askMonitor } from '../../../../scripts/kvm-in-qemu/monitor.js';

/** What QEMU sends when a client connects, shortened. */
const GREETING = { QMP: { version: {}, capabilities: ['oob'] } };

let folder: string;
let path: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsvmm-monitor-'));
  path = join(folder, 'socket');
});

afterEach(async () => {
  await new Promise(resolve => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** A monitor that answers each request with what `answer` makes of it; `undefined` hangs up. */
async function monitor(answer: (request: unknown) => object[] | undefined): Promise<unknown[]> {
  const requests: unknown[] = [];
  server = createServer(socket => {
    const send = (messages: object[]): void => {
      socket.write(messages.map(message => `${JSON.stringify(message)}\r\n`).join(''));
    };
    send([GREETING]);
    createInterface({ input: socket }).on('line', line => {
      const request: unknown = JSON.parse(line);
      requests.push(request);
      const messages = answer(request);
      if (messages) send(messages);
      else socket.destroy();
    });
  });
  await new Promise<void>(resolve => server?.listen(path, resolve));
  return requests;
}

describe("QEMU's monitor", () => {
  test('is asked one command after the other', async () => {
    let count = 0;
    const requests = await monitor(request =>
      JSON.stringify(request).includes('qmp_capabilities')
        ? [{ return: {} }]
        : [{ event: 'NIC_RX_FILTER_CHANGED' }, { return: `answer ${++count}\r\n` }],
    );
    expect(await askMonitor(path, ['info registers -a', 'info jit'])).toBe('answer 1\r\nanswer 2\r\n');
    const human = 'human-monitor-command';
    expect(requests).toEqual([
      { execute: 'qmp_capabilities' },
      { execute: human, arguments: { 'command-line': 'info registers -a' } },
      { execute: human, arguments: { 'command-line': 'info jit' } },
    ]);
  });

  test('says why when it refuses', async () => {
    await monitor(() => [{ error: { class: 'GenericError', desc: 'not now' } }]);
    await expect(askMonitor(path, ['info jit'])).rejects.toThrow('not now');
  });

  test('may hang up', async () => {
    await monitor(() => undefined);
    await expect(askMonitor(path, ['info jit'])).rejects.toThrow('it hung up');
  });

  test('may not be there', async () => {
    await expect(askMonitor(path, [])).rejects.toThrow('ENOENT');
  });
});
