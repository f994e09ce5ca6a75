import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { connectStream } from '../../../../src/host/network/stream.js';
import { openHearingDatagram } from '../../../../src/host/network/udp-errors.js';
import { openPing } from '../../../../src/host/network/ping.js';
import { parseHosts, parseResolvConf } from '../../../../src/host/network/names.js';
import type { UserNetworkOptions } from '../../../../src/net/user/options.js';
import type { NetworkHost } from '../../../../src/net/user/host.js';
import { pattern } from './support/conversation.js';
import { GUEST_IPV6, icmpFrame, udpFrame } from './support/frames.js';
import { RealLab } from './support/real-lab.js';

const execute = promisify(execFile);
const labs: RealLab[] = [];

afterEach(() => {
  for (const lab of labs.splice(0)) lab.network.close();
});

async function open(options?: UserNetworkOptions, host?: Partial<NetworkHost>): Promise<RealLab> {
  const lab = await RealLab.open(options, host);
  labs.push(lab);
  return lab;
}

/** A server on this machine's loopback; returns its port. */
async function serve(server: Server, host = '127.0.0.1'): Promise<number> {
  server.listen({ port: 0, host, backlog: 4096 });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A UDP port where nobody listens. */
async function freeUdpPort(host: string): Promise<number> {
  const socket = createSocket(host === '::1' ? 'udp6' : 'udp4');
  socket.bind(0, host);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

const ECHO = { allowHalfOpen: true };
const FAMILIES = [
  ['IPv4', { to: '10.0.2.2' }, '127.0.0.1'],
  ['IPv6', { from: GUEST_IPV6, to: 'fec0::2' }, '::1'],
] as const;

describe.each(FAMILIES)('a guest’s connection over %s', (_name, gateway, loopback) => {
  it('reaches an HTTP server of the host', async () => {
    const lab = await open();
    const body = pattern(1 << 20);
    const server = createHttpServer((_request, response) => response.end(body));
    const toPort = await serve(server, loopback);
    const guest = lab.guest({ ...gateway, fromPort: 1000, toPort }).connect();
    guest.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await lab.until(() => (guest.read(), guest.ended));
    const response = guest.read();
    expect(response.subarray(0, 15).toString()).toBe('HTTP/1.1 200 OK');
    expect(response.subarray(response.indexOf('\r\n\r\n') + 4).equals(body)).toBe(true);
  });

  it('carries a mebibyte there and back, with half-closes', async () => {
    const lab = await open();
    const server = createServer(ECHO, socket => socket.pipe(socket));
    const toPort = await serve(server, loopback);
    const guest = lab.guest({ ...gateway, fromPort: 1000, toPort }).connect();
    const data = pattern(1 << 20);
    guest.send(data);
    guest.close();
    await lab.until(() => (guest.read(), guest.ended && guest.delivered));
    expect(guest.read().equals(data)).toBe(true);
    await lab.until(() => lab.network.statistics.connections === 0);
  });
});

describe('a guest’s connection', () => {
  it('is refused where nobody listens', async () => {
    const lab = await open();
    const guest = lab.guest({ to: '10.0.2.2', fromPort: 1000, toPort: await freePort() }).connect();
    await lab.until(() => guest.state === 'reset');
    expect(lab.network.statistics.connections).toBe(0);
  });

  it('is reset when the server resets it, and the server’s when the guest does', async () => {
    const lab = await open();
    const errors: string[] = [];
    const server = createServer(socket => {
      socket.on('error', (error: NodeJS.ErrnoException) => {
        errors.push(error.code!);
        lab.poke();
      });
      socket.once('data', data => {
        if (data.toString() === 'reset me') socket.resetAndDestroy();
        else socket.write('your turn');
      });
    });
    const toPort = await serve(server);
    const first = lab.guest({ to: '10.0.2.2', fromPort: 1000, toPort }).connect();
    first.send('reset me');
    await lab.until(() => first.state === 'reset');
    const second = lab.guest({ to: '10.0.2.2', fromPort: 1001, toPort }).connect();
    second.send('hello');
    await lab.until(() => second.received > 0);
    second.reset();
    await lab.until(() => errors.length > 0);
    expect(errors).toEqual(['ECONNRESET']);
  });

  it('is reset when the reset comes together with the last data', async () => {
    const lab = await open();
    const server = createServer(socket => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write('last words', () => socket.resetAndDestroy()));
    });
    const toPort = await serve(server);
    const guest = lab.guest({ to: '10.0.2.2', fromPort: 1000, toPort }).connect();
    guest.send('hello');
    await lab.until(() => guest.state === 'reset');
    expect(guest.text).toBe('last words');
    expect(guest.ended).toBe(false);
  });

  it('waits for a server that reads slowly', async () => {
    const lab = await open();
    const server = createServer(ECHO);
    const toPort = await serve(server);
    const guest = lab.guest({ to: '10.0.2.2', fromPort: 1000, toPort }).connect();
    const [socket] = (await once(server, 'connection')) as [Socket];
    socket.pause();
    // More than the kernel keeps for both ends of a connection.
    const data = pattern(8 << 20);
    guest.send(data);
    guest.close();
    await lab.until(() => guest.lastWindow === 0);
    expect(guest.delivered).toBe(false);
    const received: Buffer[] = [];
    socket.on('data', bytes => received.push(bytes));
    socket.on('end', () => socket.end());
    socket.resume();
    await lab.until(() => guest.ended && guest.delivered);
    expect(Buffer.concat(received).equals(data)).toBe(true);
  });

  it('takes little memory for many small segments that the server does not take', async () => {
    const server = createServer(ECHO);
    const port = await serve(server);
    let sent = 0;
    let standing = (): void => undefined;
    const stands = new Promise<void>(resolve => (standing = resolve));
    const unexpected = (): void => expect.unreachable();
    const stream = connectStream(
      { address: '127.0.0.1', port },
      { connected: standing, failed: unexpected, data: unexpected, ended() {}, drained() {}, broken() {} },
    );
    const [socket] = (await once(server, 'connection')) as [Socket];
    socket.pause();
    await stands;
    for (const chunk = new Uint8Array(1 << 20); stream.queued === 0; sent += chunk.length)
      stream.write(chunk);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 5000; i++, sent++) stream.write(Uint8Array.of(i));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
    stream.end();
    let received = 0;
    socket.on('data', data => (received += data.length));
    const ended = once(socket, 'end');
    socket.resume();
    await ended;
    expect(received).toBe(sent);
    expect(stream.queued).toBe(0);
    socket.end();
    stream.close();
  });

  it('reaches a unix socket of the host', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsvmm-net-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'echo');
    const server = createServer(ECHO, socket => socket.pipe(socket)).listen(path);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const lab = await open({ guestForwards: [`tcp:10.0.2.9:7-unix:${path}`] });
    const guest = lab.guest({ to: '10.0.2.9', fromPort: 1000, toPort: 7 }).connect();
    guest.send('over a path');
    guest.close();
    await lab.until(() => guest.ended);
    expect(guest.text).toBe('over a path');
  });

  it('is one of two thousand', async () => {
    const lab = await open();
    const toPort = await serve(createServer(ECHO, socket => socket.pipe(socket)));
    const guests = Array.from({ length: 2000 }, (_, i) =>
      lab.guest({ to: '10.0.2.2', fromPort: 1000 + i, toPort }).connect(),
    );
    for (const [i, guest] of guests.entries()) guest.send(`number ${i}`);
    await lab.until(() => guests.every(({ received }, i) => received === `number ${i}`.length));
    expect(lab.network.statistics.connections).toBe(2000);
    for (const guest of guests) guest.close();
    await lab.until(() => guests.every(({ ended }) => ended));
    expect(guests.map(({ text }) => text)).toEqual(guests.map((_, i) => `number ${i}`));
    await lab.until(() => lab.network.statistics.connections === 0);
  });
});

describe('a forwarded port', () => {
  it('lets curl talk to a server in the guest', async () => {
    const lab = await open({ hostForwards: ['tcp:127.0.0.1:0-:80'] });
    lab.introduce();
    const body = pattern(300_000).toString('latin1');
    lab.listener = (fromPort, toPort) => {
      const guest = lab.guest({ to: '10.0.2.2', fromPort, toPort });
      guest.send(`HTTP/1.0 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      guest.send(Buffer.from(body, 'latin1'));
      guest.close();
      return guest;
    };
    const [{ port }] = lab.network.forwards;
    const { stdout } = await execute('curl', ['-s', `http://127.0.0.1:${port}/`], { encoding: 'latin1' });
    expect(stdout).toBe(body);
  });

  it('carries datagrams', async () => {
    const lab = await open({ hostForwards: ['udp:127.0.0.1:0-:7'] });
    lab.introduce();
    const client = createSocket('udp4');
    onTestFinished(() => void client.close());
    client.send('ping', lab.network.forwards[0].port, '127.0.0.1');
    await lab.until(() => lab.card.received.some(({ udp }) => udp));
    const { udp } = lab.card.take().find(frame => frame.udp)!;
    expect(udp!.data.toString()).toBe('ping');
    lab.transmit(udpFrame({ to: '10.0.2.2', fromPort: 7, toPort: udp!.fromPort }, 'pong'));
    const [answer] = (await once(client, 'message')) as [Buffer];
    expect(answer.toString()).toBe('pong');
  });

  it('that is taken is a mistake of whoever asked for it', async () => {
    const port = await serve(createServer());
    await expect(open({ hostForwards: [`tcp:127.0.0.1:${port}-:80`] })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining(`cannot listen on TCP port ${port} of 127.0.0.1`) as string,
    });
  });
});

describe.each(FAMILIES)('datagrams over %s', (_name, gateway, loopback) => {
  it('reach the host and come back', async () => {
    const lab = await open();
    const server = createSocket(loopback === '::1' ? 'udp6' : 'udp4');
    onTestFinished(() => void server.close());
    server.bind(0, loopback);
    await once(server, 'listening');
    server.on('message', (data, { port, address }) => server.send(`re: ${data.toString()}`, port, address));
    const toPort = server.address().port;
    lab.transmit(udpFrame({ ...gateway, fromPort: 1000, toPort }, 'hello'));
    await lab.until(() => lab.card.received.length > 0);
    expect(lab.card.take()).toMatchObject([
      { ip: { from: gateway.to }, udp: { fromPort: toPort, toPort: 1000 } },
    ]);
  });
});

describe.runIf(process.platform === 'linux').each(FAMILIES)(
  'datagrams over %s to a port',
  (_name, gateway, loopback) => {
    const refused = gateway.to === '10.0.2.2' ? { type: 3, code: 3 } : { type: 1, code: 4 };

    it('where nobody listens are refused, again and again, and others still arrive', async () => {
      const lab = await open({}, { openUdp: (family, events) => openHearingDatagram(family, events)! });
      const closed = await freeUdpPort(loopback);
      for (let i = 0; i < 3; i++) {
        lab.transmit(udpFrame({ ...gateway, fromPort: 1000, toPort: closed }, 'hello'));
        await lab.until(() => lab.card.received.length > 0);
        const [{ icmp, ip }] = lab.card.take();
        expect(icmp).toMatchObject(refused);
        expect(ip!.from).toBe(gateway.to);
      }
      const server = createSocket(loopback === '::1' ? 'udp6' : 'udp4');
      onTestFinished(() => void server.close());
      server.bind(0, loopback);
      await once(server, 'listening');
      server.on('message', (data, { port, address }) => server.send(data, port, address));
      const toPort = server.address().port;
      lab.transmit(udpFrame({ ...gateway, fromPort: 1000, toPort }, 'echo'));
      await lab.until(() => lab.card.received.length > 0);
      expect(lab.card.take()[0].udp?.data.toString()).toBe('echo');
    });
  },
);

/** Whether this machine lets us ping. */
const canPing = (() => {
  const socket = openPing(4, { message: () => {}, failed: () => {} });
  socket?.close();
  return socket !== undefined;
})();

describe('an echo request', () => {
  it.runIf(canPing)('to an address of the host is answered by it', async () => {
    const lab = await open();
    const own = Object.values(networkInterfaces())
      .flatMap(addresses => addresses ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
    const to = own ?? '10.0.2.2';
    const rest = Buffer.concat([Buffer.from([0x12, 0x34, 0, 7]), pattern(56)]);
    lab.transmit(icmpFrame({ to }, 8, 0, rest));
    await lab.until(() => lab.card.received.length > 0);
    expect(lab.card.take()).toMatchObject([{ ip: { from: to }, icmp: { type: 0, rest } }]);
  });
});

describe('names', () => {
  /** A query for an address of example.org. */
  const query = Buffer.from('123401000001000000000000076578616d706c65036f72670000010001', 'hex');

  it('are asked for at the host’s name server, and at the next one where nobody listens', async () => {
    const server = createSocket('udp4');
    onTestFinished(() => void server.close());
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    server.on('message', (data, { port, address }) =>
      server.send(Buffer.concat([data, Buffer.from('answer')]), port, address),
    );
    const servers = [await freePort(), server.address().port].map(port => ({ address: '127.0.0.1', port }));
    const lab = await open({}, { nameservers: () => servers });
    lab.transmit(udpFrame({ to: '10.0.2.3', fromPort: 1000, toPort: 53 }, query));
    await lab.until(() => lab.card.received.length > 0);
    const [{ udp }] = lab.card.take();
    expect(udp!.data.subarray(query.length).toString()).toBe('answer');
  });

  it('are asked for over TCP, too', async () => {
    const port = await serve(createServer(ECHO, socket => socket.pipe(socket)));
    const lab = await open({}, { nameservers: () => [{ address: '127.0.0.1', port }] });
    const guest = lab.guest({ to: '10.0.2.3', fromPort: 1000, toPort: 53 }).connect();
    guest.send(query);
    guest.close();
    await lab.until(() => guest.ended);
    expect(guest.read().equals(query)).toBe(true);
  });

  it('are read from the host’s files', () => {
    expect(parseResolvConf('# comment\nsearch x\nnameserver 192.0.2.1\nnameserver\t2001:db8::1 \n')).toEqual([
      { address: '192.0.2.1', port: 53 },
      { address: '2001:db8::1', port: 53 },
    ]);
    expect(parseResolvConf('')).toEqual([{ address: '127.0.0.1', port: 53 }]);
    const hosts = parseHosts('127.0.0.1 localhost\n10.1.1.1\tDB.lan db # comment\n10.1.1.2 db\n\n');
    expect(Object.fromEntries(hosts)).toEqual({
      localhost: ['127.0.0.1'],
      'db.lan': ['10.1.1.1'],
      db: ['10.1.1.1', '10.1.1.2'],
    });
  });
});
