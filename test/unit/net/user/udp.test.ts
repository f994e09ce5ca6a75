import { describe, expect, it } from 'vitest';
import { pattern } from './support/conversation.js';
import {
  GUEST_IPV6,
  GUEST_MAC,
  ipFrame,
  parseUpper,
  udpDatagram,
  udpFrame,
  type Received,
} from './support/frames.js';
import { lab } from './support/network.js';

const SERVERS = {
  4: { to: '192.0.2.1', fromPort: 4000, toPort: 7 },
  6: { from: GUEST_IPV6, to: '2001:db8::1', fromPort: 4000, toPort: 7 },
} as const;

describe.each([4, 6] as const)('UDP over IPv%i', family => {
  const server = SERVERS[family];

  it('goes out and comes back', async () => {
    const { network, host, card } = await lab();
    network.transmit(udpFrame(server, 'hello'));
    const [socket] = host.datagrams;
    expect(socket.sent).toEqual([{ data: Buffer.from('hello'), to: { address: server.to, port: 7 } }]);
    socket.events.message(Buffer.from('hi'), { address: server.to, port: 7 });
    const [{ udp, ip, to }] = card.take();
    expect(udp).toEqual({ fromPort: 7, toPort: 4000, data: Buffer.from('hi') });
    expect(ip?.from).toBe(server.to);
    expect(to.equals(GUEST_MAC)).toBe(true);
  });

  it('reports what the host could not deliver', async () => {
    const { network, host, card } = await lab();
    network.transmit(udpFrame(server, 'hello'));
    const [socket] = host.datagrams;
    for (const reason of ['refused', 'unreachable', 'too-big', 'exhausted'] as const)
      socket.events.failed(reason);
    const errors = card.take().map(({ icmp, ip }) => [icmp!.type, icmp!.code, ip!.from]);
    expect(errors).toEqual(
      family === 4
        ? [
            [3, 3, server.to],
            [3, 0, '10.0.2.2'],
            [3, 4, '10.0.2.2'],
          ]
        : [
            [1, 4, server.to],
            [1, 0, 'fec0::2'],
            [2, 0, 'fec0::2'],
          ],
    );
  });

  it('comes in fragments when it is larger than the MTU', async () => {
    const { network, host, card } = await lab();
    network.transmit(udpFrame(server, 'hello'));
    const answer = pattern(5000);
    host.datagrams[0].events.message(answer, { address: server.to, port: 7 });
    const frames = card.take();
    expect(frames.length).toBe(4);
    expect(Math.max(...frames.map(({ frame }) => frame.length))).toBeLessThanOrEqual(1514);
    expect(joined(frames).data.equals(answer)).toBe(true);
  });
});

/** The datagram that fragments make. */
function joined(frames: readonly Received[]): { data: Buffer } {
  const isV6 = frames[0].type === 0x86dd;
  const parts = frames.map(({ ip }) => {
    const { fragment, payload } = ip!;
    return isV6
      ? {
          offset: fragment & 0xfff8,
          more: (fragment & 1) !== 0,
          data: payload.subarray(8),
          protocol: payload[0],
        }
      : {
          offset: (fragment & 0x1fff) * 8,
          more: (fragment & 0x2000) !== 0,
          data: payload,
          protocol: ip!.protocol,
        };
  });
  expect(new Set(frames.map(({ ip }) => ip!.id)).size).toBe(1);
  expect(parts.map(({ more }) => more)).toEqual([...parts.slice(1).map(() => true), false]);
  const payload = Buffer.alloc(parts.reduce((sum, { data }) => sum + data.length, 0));
  for (const { offset, data } of parts) data.copy(payload, offset);
  return parseUpper({ ...frames[0].ip!, payload, protocol: parts[0].protocol }).udp!;
}

describe('UDP', () => {
  it('reaches the host at the gateway', async () => {
    const { network, host, card } = await lab();
    network.transmit(udpFrame({ ...SERVERS[4], to: '10.0.2.2' }, 'a'));
    const [socket] = host.datagrams;
    expect(socket.sent[0].to).toEqual({ address: '127.0.0.1', port: 7 });
    socket.events.message(Buffer.from('b'), { address: '127.0.0.1', port: 7 });
    expect(card.take()).toMatchObject([{ ip: { from: '10.0.2.2' } }]);
  });

  it('has one socket for each of the guest’s ports, whoever it talks to (RFC 4787)', async () => {
    const { network, host, card } = await lab();
    network.transmit(udpFrame(SERVERS[4], 'a'));
    network.transmit(udpFrame({ ...SERVERS[4], to: '192.0.2.2' }, 'b'));
    network.transmit(udpFrame({ ...SERVERS[4], fromPort: 4001 }, 'c'));
    expect(host.datagrams.map(({ sent }) => sent.map(({ to }) => to.address))).toEqual([
      ['192.0.2.1', '192.0.2.2'],
      ['192.0.2.1'],
    ]);
    // A transfer server answers from a port of its own.
    host.datagrams[0].events.message(Buffer.from('d'), { address: '192.0.2.1', port: 3333 });
    expect(card.take()).toMatchObject([{ ip: { from: '192.0.2.1' }, udp: { fromPort: 3333, toPort: 4000 } }]);
  });

  it('forgets ports that are silent, and those of name servers soon', async () => {
    const { network, host } = await lab();
    network.transmit(udpFrame(SERVERS[4], 'a'));
    network.transmit(udpFrame({ ...SERVERS[4], fromPort: 5000, toPort: 53 }, 'b'));
    host.pass(30_000);
    expect(host.datagrams.map(({ closed }) => closed)).toEqual([false, true]);
    host.pass(180_000);
    network.transmit(udpFrame(SERVERS[4], 'still here'));
    host.pass(200_000);
    expect(host.datagrams[0].closed).toBe(false);
    host.pass(60_000);
    expect(host.datagrams[0].closed).toBe(true);
    expect(network.statistics.datagramPorts).toBe(0);
    expect(host.nextTimer).toBe(Infinity);
  });

  it('bounds its ports', async () => {
    const { network, host } = await lab();
    for (let i = 0; i < 2100; i++) {
      network.transmit(udpFrame({ ...SERVERS[4], fromPort: 1000 + i }, 'a'));
      host.pass(1);
    }
    expect(network.statistics.datagramPorts).toBe(2048);
    expect(host.datagrams.filter(({ closed }) => closed).length).toBe(52);
    expect(host.datagrams[0].closed).toBe(true);
  });

  it('is put together from fragments in any order', async () => {
    const { network, host } = await lab();
    const datagram = udpDatagram(SERVERS[4], pattern(4000));
    const piece = (start: number, end: number, more: number): Buffer =>
      ipFrame({ ...SERVERS[4], id: 9, fragment: (start >> 3) | more }, 17, datagram.subarray(start, end));
    const frames = [
      piece(2400, 4008, 0),
      piece(0, 1200, 0x2000),
      piece(0, 1200, 0x2000),
      piece(1200, 2400, 0x2000),
    ];
    for (const frame of frames) network.transmit(frame);
    expect(host.datagrams[0].sent.map(({ data }) => data.equals(pattern(4000)))).toEqual([true]);
  });

  it('is dropped when fragments overlap (RFC 5722), or do not all come in time', async () => {
    const { network, host } = await lab();
    const datagram = udpDatagram(SERVERS[4], pattern(3000));
    const piece = (id: number, start: number, end: number, more: number): void =>
      network.transmit(
        ipFrame({ ...SERVERS[4], id, fragment: (start >> 3) | more }, 17, datagram.subarray(start, end)),
      );
    piece(1, 0, 1600, 0x2000);
    piece(1, 1200, 3008, 0);
    piece(1, 1600, 3008, 0);
    piece(2, 0, 1600, 0x2000);
    host.pass(31_000);
    piece(2, 1600, 3008, 0);
    expect(host.datagrams).toEqual([]);
    host.pass(60_000);
    expect(host.nextTimer).toBe(Infinity);
  });

  it('is cut where the guest leaves that to the card', async () => {
    const { network, host } = await lab();
    const data = pattern(2500);
    const frame = udpFrame(SERVERS[4], data);
    network.transmit(frame, { csumStart: 34, csumOffset: 6, gso: 'udp', gsoSize: 1000, headerLength: 42 });
    expect(host.datagrams[0].sent.map(({ data: sent }) => sent.length)).toEqual([1000, 1000, 500]);
  });

  it('without a checksum is taken from IPv4, with a wrong one from nobody', async () => {
    const { network, host } = await lab();
    const bare = udpDatagram(SERVERS[4], Buffer.from('no checksum'));
    bare.writeUInt16BE(0, 6);
    network.transmit(ipFrame(SERVERS[4], 17, bare));
    expect(host.datagrams[0].sent.length).toBe(1);
    bare.writeUInt16BE(1, 6);
    network.transmit(ipFrame(SERVERS[4], 17, bare));
    expect(host.datagrams[0].sent.length).toBe(1);
    const bare6 = udpDatagram(SERVERS[6], Buffer.from('no checksum'));
    bare6.writeUInt16BE(0, 6);
    network.transmit(ipFrame(SERVERS[6], 17, bare6));
    expect(host.datagrams.length).toBe(1);
  });

  it.each([
    '127.0.0.1',
    '224.0.0.251',
    '255.255.255.255',
    '10.0.2.255',
    '0.0.0.0',
    'fe80::99',
    'ff02::fb',
    '::1',
  ])('goes nowhere when it is sent to %s', async to => {
    const { network, host, card } = await lab();
    network.transmit(udpFrame({ to, fromPort: 1, toPort: 2 }, 'x'));
    expect(host.datagrams).toEqual([]);
    expect(card.take()).toEqual([]);
  });

  it('is not taken from addresses that are not the guest’s', async () => {
    const { network, host } = await lab();
    for (const from of ['192.168.1.1', '10.0.2.2', '127.0.0.1', '0.0.0.0', '2001:db8::5', '::']) {
      const to = from.includes(':') ? SERVERS[6].to : SERVERS[4].to;
      network.transmit(udpFrame({ from, to, fromPort: 1, toPort: 2 }, 'x'));
    }
    expect(host.datagrams).toEqual([]);
  });

  it('says that a neighbour is not there', async () => {
    const { network, card } = await lab();
    network.transmit(udpFrame({ to: '10.0.2.77', fromPort: 1, toPort: 2 }, 'x'));
    network.transmit(udpFrame({ to: '10.0.2.3', fromPort: 1, toPort: 2 }, 'x'));
    expect(card.take()).toMatchObject([{ icmp: { type: 3, code: 1 } }, { icmp: { type: 3, code: 3 } }]);
  });
});
