import { describe, expect, it } from 'vitest';
import { parse, udpFrame } from './support/frames.js';
import { lab, type Lab } from './support/network.js';

const TYPE = { a: 1, aaaa: 28, txt: 16 } as const;

function query(name: string, type: number, id = 0x1234): Buffer {
  const labels = name.split('.').flatMap(label => [label.length, ...Buffer.from(label)]);
  return Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1]);
}

function ask({ network }: Lab, message: Uint8Array, to = '10.0.2.3', fromPort = 3000): void {
  network.transmit(udpFrame({ to, fromPort, toPort: 53 }, message));
}

/** What came back: response code and addresses. */
function answer({ card }: Lab): { code: number; addresses: string[] } | undefined {
  const [frame] = card.take();
  if (!frame?.udp) return undefined;
  const { data } = parse(frame.frame).udp!;
  const addresses: string[] = [];
  let at = data.indexOf(0, 12) + 5;
  for (let i = 0; i < data.readUInt16BE(6); i++) {
    const length = data.readUInt16BE(at + 10);
    addresses.push(data.subarray(at + 12, at + 12 + length).join('.'));
    at += 12 + length;
  }
  expect(data.readUInt16BE(2) & 0x8000).toBe(0x8000);
  return { code: data[3] & 0xf, addresses };
}

describe('the name server', () => {
  it('asks that of the host, and hands on what it says', async () => {
    const all = await lab();
    ask(all, query('example.org', TYPE.a));
    const [socket] = all.host.datagrams;
    expect(socket.at).toEqual({ address: '192.0.2.53', port: 53 });
    expect(socket.sent[0].data.equals(query('example.org', TYPE.a))).toBe(true);
    socket.events.message(Buffer.from('\x12\x35another query’s'), socket.at!);
    expect(all.card.take()).toEqual([]);
    socket.events.message(Buffer.from('\x12\x34 and some answer'), socket.at!);
    expect(all.card.take()).toMatchObject([
      {
        ip: { from: '10.0.2.3' },
        udp: { fromPort: 53, toPort: 3000, data: Buffer.from('\x12\x34 and some answer') },
      },
    ]);
    expect(socket.closed).toBe(true);
    all.host.pass(10_000);
    expect(all.card.take()).toEqual([]);
    expect(all.host.nextTimer).toBe(Infinity);
  });

  it('asks the next one when the first does not answer, or is not there', async () => {
    const all = await lab();
    all.host.nameserverList = ['192.0.2.53', '192.0.2.54'].map(address => ({ address, port: 53 }));
    ask(all, query('example.org', TYPE.a));
    all.host.pass(2000);
    const asked = (): (string | undefined)[] => all.host.datagrams.map(({ at }) => at?.address);
    expect(asked()).toEqual(['192.0.2.53', '192.0.2.54']);
    all.host.datagrams[1].events.failed('refused');
    expect(asked()).toEqual(['192.0.2.53', '192.0.2.54', '192.0.2.53']);
    expect(all.card.take()).toEqual([]);
    all.host.pass(10_000);
    expect(answer(all)).toEqual({ code: 2, addresses: [] });
    expect(all.host.datagrams.every(({ closed }) => closed)).toBe(true);
  });

  it('knows what localhost is (RFC 6761)', async () => {
    const all = await lab();
    ask(all, query('LocalHost', TYPE.a));
    expect(answer(all)).toEqual({ code: 0, addresses: ['127.0.0.1'] });
    ask(all, query('app.localhost', TYPE.aaaa));
    expect(answer(all)).toEqual({ code: 0, addresses: ['0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1'] });
    ask(all, query('localhost', TYPE.txt));
    expect(answer(all)).toEqual({ code: 0, addresses: [] });
    expect(all.host.datagrams).toEqual([]);
  });

  it('knows the names that the host knows; those of the host itself lead to the gateway', async () => {
    const all = await lab();
    all.host.names.set('workstation', ['127.0.1.1']);
    all.host.names.set('printer.lan', ['192.168.7.9', '192.168.7.10', 'fd00::9']);
    ask(all, query('workstation', TYPE.a));
    expect(answer(all)).toEqual({ code: 0, addresses: ['10.0.2.2'] });
    ask(all, query('workstation', TYPE.aaaa));
    expect(answer(all)).toEqual({ code: 0, addresses: [] });
    ask(all, query('Printer.LAN', TYPE.a));
    expect(answer(all)).toEqual({ code: 0, addresses: ['192.168.7.9', '192.168.7.10'] });
    ask(all, query('printer.lan', TYPE.txt));
    expect(all.host.datagrams.length).toBe(1);
  });

  it('answers over IPv6', async () => {
    const all = await lab();
    ask(all, query('localhost', TYPE.a), 'fec0::3');
    expect(answer(all)).toEqual({ code: 0, addresses: ['127.0.0.1'] });
  });

  it('bounds queries that are not answered', async () => {
    const all = await lab();
    for (let i = 0; i < 600; i++) ask(all, query('example.org', TYPE.a, i), '10.0.2.3', 1000 + i);
    expect(all.host.datagrams.filter(({ closed }) => !closed).length).toBe(512);
  });

  it('leaves alone what is no query', async () => {
    const all = await lab();
    ask(all, Buffer.from('short'));
    ask(all, Buffer.concat([Buffer.from([0, 1, 0x80, 0]), Buffer.alloc(20)]));
    expect(all.host.datagrams).toEqual([]);
    expect(all.card.take()).toEqual([]);
  });
});
