import { describe, expect, it } from 'vitest';
import type { UserNetworkOptions } from '../../../../src/net/user/options.js';
import { GUEST_MAC, ip, udpFrame } from './support/frames.js';
import { lab, type Lab } from './support/network.js';

const TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;
const OTHER_MAC = Buffer.from('525400abcdef', 'hex');

interface Request {
  readonly type?: number;
  readonly mac?: Buffer;
  readonly client?: string;
  readonly broadcast?: boolean;
  readonly requested?: string;
  readonly server?: string;
}

function message({
  type,
  mac = GUEST_MAC,
  client = '0.0.0.0',
  broadcast,
  requested,
  server,
}: Request): Buffer {
  const fixed = Buffer.alloc(236);
  fixed.set([1, 1, 6, 0, 0xaa, 0xbb, 0xcc, 0xdd]);
  if (broadcast) fixed[10] = 0x80;
  fixed.set(ip(client), 12);
  fixed.set(mac, 28);
  if (type === undefined) return Buffer.concat([fixed, Buffer.alloc(64)]);
  return Buffer.concat([
    fixed,
    Buffer.from([0x63, 0x82, 0x53, 0x63, 53, 1, type]),
    ...(requested ? [Buffer.from([50, 4]), ip(requested)] : []),
    ...(server ? [Buffer.from([54, 4]), ip(server)] : []),
    Buffer.from([255]),
  ]);
}

interface Reply {
  readonly type: number | undefined;
  readonly address: string;
  readonly options: Map<number, Buffer>;
  readonly sentTo: string;
}

function exchange({ network, card }: Lab, request: Request): Reply | undefined {
  const from = request.client ?? '0.0.0.0';
  network.transmit(udpFrame({ from, to: '255.255.255.255', fromPort: 68, toPort: 67 }, message(request)));
  const [frame, ...more] = card.take();
  expect(more).toEqual([]);
  if (!frame) return undefined;
  const { data, fromPort, toPort } = frame.udp!;
  expect([fromPort, toPort, frame.ip!.from]).toEqual([67, 68, '10.0.2.2']);
  expect(data.subarray(4, 8).toString('hex')).toBe('aabbccdd');
  const options = new Map<number, Buffer>();
  for (let at = 240; data[at] !== 255; at += 2 + data[at + 1]) {
    options.set(data[at], data.subarray(at + 2, at + 2 + data[at + 1]));
  }
  return {
    type: options.get(53)?.[0],
    address: data.subarray(16, 20).join('.'),
    options,
    sentTo: frame.ip!.to,
  };
}

async function withLease(options: UserNetworkOptions = {}): Promise<Lab> {
  const all = await lab(options);
  expect(exchange(all, { type: TYPE.discover })).toMatchObject({ type: TYPE.offer, address: '10.0.2.15' });
  const request = { type: TYPE.request, requested: '10.0.2.15', server: '10.0.2.2' };
  expect(exchange(all, request)).toMatchObject({ type: TYPE.ack, address: '10.0.2.15' });
  return all;
}

describe('DHCP', () => {
  it('gives an address, and says what the network is like', async () => {
    const all = await lab({
      hostname: 'guest',
      domainName: 'example.org',
      dnsSearch: ['a.example', 'b.example'],
    });
    const { options, sentTo } = exchange(all, { type: TYPE.discover })!;
    expect(sentTo).toBe('10.0.2.15');
    const values = Object.fromEntries([...options].map(([code, value]) => [code, value.toString('hex')]));
    expect(values).toEqual({
      53: '02',
      54: '0a000202',
      1: 'ffffff00',
      28: '0a0002ff',
      3: '0a000202',
      6: '0a000203',
      12: Buffer.from('guest').toString('hex'),
      15: Buffer.from('example.org').toString('hex'),
      26: '05dc',
      51: '00015180',
      58: '0000a8c0',
      59: '00012750',
      119: Buffer.from('\x01a\x07example\0\x01b\x07example\0').toString('hex'),
    });
  });

  it('tells a restricted guest no way out', async () => {
    const all = await lab({ restrict: true });
    const { options } = exchange(all, { type: TYPE.discover })!;
    expect([options.has(3), options.has(6)]).toEqual([false, false]);
  });

  it('lets a client keep its address: renewal, reboot, a second discovery', async () => {
    const all = await withLease();
    expect(exchange(all, { type: TYPE.request, client: '10.0.2.15' })).toMatchObject({ type: TYPE.ack });
    expect(exchange(all, { type: TYPE.request, requested: '10.0.2.15' })).toMatchObject({ type: TYPE.ack });
    expect(exchange(all, { type: TYPE.discover })).toMatchObject({ address: '10.0.2.15' });
  });

  it('gives each client its own', async () => {
    const all = await withLease();
    expect(exchange(all, { type: TYPE.discover, mac: OTHER_MAC, broadcast: true })).toMatchObject({
      address: '10.0.2.16',
      sentTo: '255.255.255.255',
    });
  });

  it('gives a client the one that it asks for, if that is free', async () => {
    const all = await lab();
    expect(exchange(all, { type: TYPE.discover, requested: '10.0.2.20' })).toMatchObject({
      address: '10.0.2.20',
    });
    expect(exchange(all, { type: TYPE.discover, mac: OTHER_MAC, requested: '10.0.2.20' })).toMatchObject({
      address: '10.0.2.15',
    });
  });

  it.each(['10.0.2.2', '10.0.2.3', '10.0.2.255', '192.168.0.4', '10.0.2.15'])(
    'refuses %s',
    async requested => {
      const all = await withLease();
      expect(exchange(all, { type: TYPE.request, mac: OTHER_MAC, requested })).toMatchObject({
        type: TYPE.nak,
        address: '0.0.0.0',
        sentTo: '255.255.255.255',
      });
    },
  );

  it('takes addresses back', async () => {
    const all = await withLease();
    expect(exchange(all, { type: TYPE.release, client: '10.0.2.15' })).toBeUndefined();
    expect(exchange(all, { type: TYPE.discover, mac: OTHER_MAC })).toMatchObject({ address: '10.0.2.15' });
    // Offers that nobody takes, and leases that are over.
    all.host.pass(61_000);
    expect(exchange(all, { type: TYPE.request, requested: '10.0.2.15' })).toMatchObject({ type: TYPE.ack });
    all.host.pass(86_401_000);
    expect(exchange(all, { type: TYPE.discover, mac: OTHER_MAC })).toMatchObject({ address: '10.0.2.15' });
  });

  it('leaves alone an address that is in use', async () => {
    const all = await withLease();
    exchange(all, { type: TYPE.decline, requested: '10.0.2.15', server: '10.0.2.2' });
    expect(exchange(all, { type: TYPE.discover })).toMatchObject({ address: '10.0.2.16' });
  });

  it('takes an offer back when the client has taken another server’s', async () => {
    const all = await lab();
    exchange(all, { type: TYPE.discover });
    expect(
      exchange(all, { type: TYPE.request, requested: '10.0.2.15', server: '10.0.2.99' }),
    ).toBeUndefined();
    expect(exchange(all, { type: TYPE.discover, mac: OTHER_MAC })).toMatchObject({ address: '10.0.2.15' });
  });

  it('informs a client that has an address', async () => {
    const all = await lab();
    const reply = exchange(all, { type: TYPE.inform, client: '10.0.2.50' });
    expect(reply).toMatchObject({ type: TYPE.ack, address: '0.0.0.0', sentTo: '10.0.2.50' });
    expect(reply!.options.has(51)).toBe(false);
  });

  it('answers BOOTP', async () => {
    const all = await lab();
    expect(exchange(all, {})).toMatchObject({ type: undefined, address: '10.0.2.15' });
  });

  it('runs out of addresses, not of memory', async () => {
    const all = await lab({ net: '10.0.2.0/28', dhcpStart: '10.0.2.8' });
    const addresses = Array.from({ length: 300 }, (_, i) => {
      const mac = Buffer.from([2, 0, 0, 0, i >> 8, i & 0xff]);
      return exchange(all, { type: TYPE.discover, mac })?.address;
    });
    expect(addresses.filter(address => address !== undefined)).toEqual(
      Array.from({ length: 7 }, (_, i) => `10.0.2.${8 + i}`),
    );
  });
});
