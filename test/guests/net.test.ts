import { spawn, execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMachine, type Machine, type MachineOptions, type NetworkOption } from 'tsvmm';
import { ANY_ACCELERATOR, guestPath, onEachAccelerator, runGuest } from './harness.js';
import { Peer } from './net-peer.js';
import { parseGuestOutput } from './protocol.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-net-'));
});

afterEach(() => rm(folder, { recursive: true }));

/** Whether a command is here. */
function has(command: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some(path => existsSync(join(path, command)));
}

const QUIT = new TextEncoder().encode('quit');

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);
}

/** A port that nobody had a moment ago. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

onEachAccelerator('a network card', accel => {
  /** Runs the guest against a peer that sends datagrams of these sizes, and expects them back. */
  const converse = async (
    card: Omit<NetworkOption & { type: 'custom' }, 'type' | 'backend'>,
    append: string,
    sizes: readonly number[],
    options: Partial<MachineOptions> = {},
  ) => {
    const peer = new Peer();
    const run = runGuest('net.elf', {
      accel,
      append: `${append} frames=${sizes.length}`,
      networks: [{ type: 'custom', backend: peer, ...card }],
      ...options,
    });
    const payloads = sizes.map((size, i) => pattern(size, i));
    await Promise.race([
      run,
      (async () => {
        for (const payload of payloads) await peer.send(payload);
      })(),
    ]);
    const { report, text } = await run;
    expect(report.succeeded, text).toBe(true);
    await peer.until(() => peer.echoes.length === sizes.length);
    expect(peer.echoes.map((echo, i) => Buffer.compare(echo.subarray(0, sizes[i]), payloads[i]))).toEqual(
      sizes.map(() => 0),
    );
  };

  for (const kind of ['modern', 'legacy']) {
    for (const interrupt of ['msix', 'none']) {
      test(`by the ${kind} interface, interrupts: ${interrupt}`, async () => {
        await converse({}, `interface=${kind} interrupt=${interrupt}`, [1, 100, 1472]);
      });
    }
  }

  test('with headers of legacy drivers that merge buffers', async () => {
    await converse({ interface: 'legacy' }, 'interface=legacy mergeable=1', [64, 1000]);
  });

  test('with frames as large as there are, and many of them', async () => {
    await converse({ queues: 2, mac: '52:54:00:aa:bb:cc' }, '', [60_000, ...Array<number>(50).fill(900)]);
  });
});

onEachAccelerator('a frame that is spread over many buffers', accel => {
  test.each([0, 1])('is seen whole by a driver that runs beside the device (packed=%i)', async packed => {
    const networks: NetworkOption[] = [1, 2].map(() => ({ type: 'hub', name: `merged-${accel}-${packed}` }));
    const { report, text } = await runGuest('merged.elf', {
      accel,
      cpus: 2,
      append: `packed=${packed} frames=200`,
      networks,
    });
    expect(report.succeeded, text).toBe(true);
  });
});

/** Runs a guest that answers on a UDP port which is forwarded to it: it gets two datagrams, and ends with the second. */
async function talkThrough(machine: Machine, port: number): Promise<void> {
  const run = machine.run();
  await machine.serial.waitFor('net.arp-answered PASS');
  const socket = createSocket('udp4');
  try {
    for (const text of ['hello', 'quit']) {
      const answer = once(socket, 'message') as Promise<[Buffer]>;
      socket.send(text, port, '127.0.0.1');
      expect((await answer)[0].toString()).toBe(text);
    }
  } finally {
    socket.close();
  }
  expect((await run).status, machine.serial.text).toBe(0);
}

test('a user network answers for the gateway, and forwards a port of the host', async () => {
  const port = await freeUdpPort();
  await using machine = await createMachine({
    kernel: guestPath('net.elf'),
    accel: ANY_ACCELERATOR,
    append: 'frames=1000',
    networks: [{ type: 'user', hostForwards: [`udp:127.0.0.1:${port}-:7`] }],
    timeoutMs: 60_000,
  });
  await talkThrough(machine, port);
});

test('two machines of a process meet on a hub, and pcap records what they say', async ({ skip }) => {
  const pcap = join(folder, 'hub.pcap');
  const options = { kernel: guestPath('net.elf'), accel: ANY_ACCELERATOR, timeoutMs: 60_000 };
  await using one = await createMachine({
    ...options,
    append: 'frames=100',
    networks: [{ type: 'hub', name: 'test', pcap }],
  });
  await using two = await createMachine({
    ...options,
    append: 'frames=100',
    networks: [{ type: 'hub', name: 'test' }],
  });
  const runs = [one.run(), two.run()];
  await one.serial.waitFor('net.arp-sent PASS');
  await two.serial.waitFor('net.arp-sent PASS');
  await Promise.all([one.stop(), two.stop()]);
  await Promise.all(runs);
  await Promise.all([one.close(), two.close()]);
  if (!has('tcpdump')) skip('tcpdump is not here');
  const lines = execFileSync('tcpdump', ['-nr', pcap, 'arp'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
  expect(lines.match(/Request who-has 10\.0\.2\.2 tell 10\.0\.2\.15/g)?.length).toBeGreaterThanOrEqual(1);
});

/** The other end of a stream of frames, in the test: what QEMU would be. */
async function speakQemu(path: string): Promise<{ peer: Peer; end: () => void }> {
  const socket = connect(path);
  await once(socket, 'connect');
  // A server that has a client refuses the next one.
  socket.on('error', () => undefined);
  const peer = new Peer();
  let rest = Buffer.alloc(0);
  socket.on('data', data => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      peer.transmit(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  });
  peer.attach({
    accepts: peer.accepts,
    receive: frame => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(frame.length);
      // In pieces, as a stream may come.
      socket.write(Buffer.concat([length.subarray(0, 3)]));
      socket.write(Buffer.concat([length.subarray(3), frame.subarray(0, 20)]));
      socket.write(frame.subarray(20));
      return true;
    },
    setLink: () => undefined,
  });
  return { peer, end: () => socket.destroy() };
}

test('a stream server has one client after the other', async () => {
  const path = join(folder, 'net.sock');
  await using machine = await createMachine({
    kernel: guestPath('net.elf'),
    accel: ANY_ACCELERATOR,
    append: 'frames=1000 interrupt=none',
    networks: [{ type: 'stream', path, server: true }],
    timeoutMs: 60_000,
  });
  const first = await speakQemu(path);
  const run = machine.run();
  await first.peer.send(pattern(500, 1));
  await first.peer.until(() => first.peer.echoes.length === 1);
  expect(Buffer.compare(first.peer.echoes[0], pattern(500, 1))).toBe(0);
  first.end();
  // A socket is refused until the server has noticed that the first is gone.
  for (;;) {
    const second = await speakQemu(path);
    second.peer.guest = first.peer.guest;
    await second.peer.send(QUIT);
    const answered = await Promise.race([
      second.peer.until(() => second.peer.echoes.length === 1).then(() => true),
      new Promise<false>(resolve => void setTimeout(() => resolve(false), 1000)),
    ]);
    second.end();
    if (answered) break;
  }
  expect((await run).status, machine.serial.text).toBe(0);
  expect(parseGuestOutput(machine.serial.text).succeeded).toBe(true);
  await machine.close();
  expect(existsSync(path)).toBe(false);
});

test('tsvmm and QEMU at the two ends of a stream', async ({ skip }) => {
  if (!has('qemu-system-x86_64')) skip('qemu-system-x86_64 is not here');
  const path = join(folder, 'qemu.sock');
  const pcap = join(folder, 'stream.pcap');
  const kernel = guestPath('net.elf');
  await using machine = await createMachine({
    kernel,
    accel: ANY_ACCELERATOR,
    append: 'frames=1000 interrupt=none',
    networks: [{ type: 'stream', path, server: true, pcap }],
    timeoutMs: 120_000,
  });
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      ...['-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot', '-kernel', kernel],
      ...['-append', 'frames=1000 interrupt=none'],
      ...['-netdev', `stream,id=n,server=off,addr.type=unix,addr.path=${path}`],
      ...['-device', 'virtio-net-pci,netdev=n,mac=52:54:00:00:00:99'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    let said = '';
    const asked = new Promise<void>(resolve =>
      qemu.stdout.on('data', (data: Buffer) => {
        said += data.toString();
        if (said.includes('net.arp-sent PASS')) resolve();
      }),
    );
    const run = machine.run();
    await asked;
    await machine.serial.waitFor('net.arp-sent PASS');
    await machine.stop();
    await run;
  } finally {
    qemu.kill('SIGKILL');
    await once(qemu, 'exit');
  }
  await machine.close();
  if (!has('tcpdump')) skip('tcpdump is not here');
  const lines = execFileSync('tcpdump', ['-enr', pcap, 'arp'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
  expect(lines).toContain('52:54:00:00:00:99 > ff:ff:ff:ff:ff:ff');
});

test('passt at the other end of a stream answers ARP and carries datagrams', async ({ skip }) => {
  if (!has('passt')) skip('passt is not here (Debian: apt-get install passt)');
  const path = join(folder, 'passt.socket');
  // Started by root it becomes nobody before it makes the socket.
  await chmod(folder, 0o777);
  const port = await freeUdpPort();
  const passt = spawn(
    'passt',
    [
      ...['--foreground', '--socket', path, '-t', 'none', '-u', `${port}:7`],
      ...['--address', '10.0.2.15', '--netmask', '24', '--gateway', '10.0.2.2'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = once(passt, 'exit');
  try {
    let said = '';
    const listens = new Promise<void>(resolve =>
      passt.stderr.on('data', (data: Buffer) => {
        said += data.toString();
        if (said.includes('You can now start qemu')) resolve();
      }),
    );
    await Promise.race([listens, ended]);
    expect(passt.exitCode, said).toBe(null);
    await using machine = await createMachine({
      kernel: guestPath('net.elf'),
      accel: ANY_ACCELERATOR,
      append: 'frames=1000',
      networks: [{ type: 'stream', path }],
      timeoutMs: 60_000,
    });
    await talkThrough(machine, port);
  } finally {
    passt.kill('SIGKILL');
    await ended;
  }
});

test('what cannot be had is told before there is a machine', async () => {
  const kernel = guestPath('net.elf');
  const attempt = (network: NetworkOption) =>
    createMachine({ kernel, accel: ANY_ACCELERATOR, networks: [network] });
  await expect(attempt({ type: 'stream', path: join(folder, 'nobody') })).rejects.toThrow(
    /cannot connect to .*nobody: no such file/,
  );
  await expect(attempt({ type: 'none', pcap: join(folder, 'no', 'file') })).rejects.toThrow(/cannot write/);
});
