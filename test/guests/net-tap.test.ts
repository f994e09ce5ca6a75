import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { ANY_ACCELERATOR, guestPath } from './harness.js';
import { parseGuestOutput } from './protocol.js';

/** A name that nobody else has, of at most 15 characters. */
const NAME = `tvt${process.pid}`;
/** The network that the guest believes itself in; nothing else on this host may have it. */
const HOST = '10.0.2.2/24';

function ip(...words: string[]): string {
  return execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
}

/** Makes the interface, or says why there can be none here. */
function makeTap(): string | undefined {
  try {
    if (ip('-4', '-o', 'addr').includes(' 10.0.2.')) return '10.0.2.0/24 is in use on this host';
    ip('tuntap', 'add', 'dev', NAME, 'mode', 'tap');
    ip('addr', 'add', HOST, 'dev', NAME);
    ip('link', 'set', NAME, 'up');
    return undefined;
  } catch (error) {
    return `no tap device can be made here: ${(error as Error).message.split('\n')[0]}`;
  }
}

afterEach(() => {
  try {
    ip('link', 'del', NAME);
  } catch {
    // It could not be made.
  }
});

test('the host speaks with the guest through a tap device, and the kernel’s checksums arrive', async ({
  skip,
}) => {
  const missing = makeTap();
  if (missing !== undefined) skip(missing);
  await using machine = await createMachine({
    kernel: guestPath('net.elf'),
    accel: ANY_ACCELERATOR,
    append: 'frames=1000 interrupt=none',
    networks: [{ type: 'tap', ifname: NAME }],
    timeoutMs: 60_000,
  });
  await expect(
    createMachine({ kernel: guestPath('net.elf'), networks: [{ type: 'tap', ifname: NAME }] }),
  ).rejects.toThrow(`tap ${NAME}: somebody else is using it`);
  const run = machine.run();
  await machine.serial.waitFor('net.arp-answered PASS');
  const socket = createSocket('udp4');
  try {
    for (const text of ['a', 'x'.repeat(1472), 'quit']) {
      const answer = once(socket, 'message') as Promise<[Buffer]>;
      socket.send(text, 7, '10.0.2.15');
      expect((await answer)[0].toString()).toBe(text);
    }
  } finally {
    socket.close();
  }
  expect((await run).status, machine.serial.text).toBe(0);
  expect(parseGuestOutput(machine.serial.text).succeeded).toBe(true);
});
