import { describe, expect, it } from 'vitest';
import { pattern } from './support/conversation.js';
import {
  ethernet,
  GATEWAY_MAC,
  GUEST_IP,
  GUEST_IPV6,
  GUEST_MAC,
  icmpFrame,
  ip,
  ipFrame,
  TCP,
  tcpFrame,
  udpFrame,
} from './support/frames.js';
import { lab } from './support/network.js';

const ECHO = Buffer.concat([Buffer.from([0x12, 0x34, 0, 7]), pattern(56)]);

function arpRequest(target: string, sender = GUEST_IP): Buffer {
  const fixed = Buffer.from('0001080006040001', 'hex');
  return ethernet(0x0806, Buffer.concat([fixed, GUEST_MAC, ip(sender), Buffer.alloc(6), ip(target)]));
}

describe('ARP', () => {
  it.each(['10.0.2.2', '10.0.2.3'])('answers for %s', async target => {
    const { network, card } = await lab();
    network.transmit(arpRequest(target));
    const [{ frame, to }] = card.take();
    expect(to.equals(GUEST_MAC)).toBe(true);
    const expected = Buffer.concat([
      Buffer.from('0001080006040002', 'hex'),
      GATEWAY_MAC,
      ip(target),
      GUEST_MAC,
      ip(GUEST_IP),
    ]);
    expect(frame.subarray(14).equals(expected)).toBe(true);
  });

  it.each([GUEST_IP, '10.0.2.99', '192.0.2.1'])('does not answer for %s', async target => {
    const { network, card } = await lab();
    network.transmit(arpRequest(target));
    expect(card.take()).toEqual([]);
  });
});

describe('an echo request', () => {
  it('to the gateway and the name server is answered', async () => {
    const { network, card, host } = await lab();
    for (const to of ['10.0.2.2', '10.0.2.3', 'fec0::2', 'fe80::2'])
      network.transmit(icmpFrame({ to }, to.includes(':') ? 128 : 8, 0, ECHO));
    expect(
      card.take().map(({ ip: packet, icmp }) => [packet!.from, icmp!.type, icmp!.rest.equals(ECHO)]),
    ).toEqual([
      ['10.0.2.2', 0, true],
      ['10.0.2.3', 0, true],
      ['fec0::2', 129, true],
      ['fe80::2', 129, true],
    ]);
    expect(host.pings).toEqual([]);
  });

  it('to others goes out by the host', async () => {
    const { network, card, host } = await lab();
    network.transmit(icmpFrame({ to: '192.0.2.1' }, 8, 0, ECHO));
    network.transmit(icmpFrame({ to: '192.0.2.1' }, 8, 0, ECHO));
    const [socket, ...others] = host.pings;
    expect(others).toEqual([]);
    expect(socket.sent.map(({ to }) => to.address)).toEqual(['192.0.2.1', '192.0.2.1']);
    // The host's own identifier stands in the answer.
    const answer = Buffer.concat([Buffer.from([0, 0, 0, 0, 0x99, 0x99, 0, 7]), ECHO.subarray(4)]);
    socket.events.message(answer, { address: '192.0.2.1', port: 0 });
    expect(card.take()).toMatchObject([{ ip: { from: '192.0.2.1' }, icmp: { type: 0, rest: ECHO } }]);
    socket.events.failed('unreachable');
    expect(card.take()).toMatchObject([{ icmp: { type: 3, code: 1 } }]);
    host.pass(200_000);
    expect(socket.closed).toBe(true);
    expect(host.nextTimer).toBe(Infinity);
  });

  it('to others is not answered where the host lets nobody ping', async () => {
    const { network, card, host } = await lab();
    host.canPing = false;
    network.transmit(icmpFrame({ to: '192.0.2.1' }, 8, 0, ECHO));
    expect(card.take()).toEqual([]);
  });

  it('is bounded in its sockets', async () => {
    const { network, host } = await lab();
    for (let i = 0; i < 100; i++) {
      network.transmit(icmpFrame({ to: '192.0.2.1' }, 8, 0, Buffer.from([i, i, 0, 1])));
    }
    expect(host.pings.filter(({ closed }) => !closed).length).toBe(64);
  });
});

describe('the gateway as a router', () => {
  it('says where a packet’s time is over', async () => {
    const { network, card } = await lab();
    network.transmit(udpFrame({ to: '192.0.2.1', fromPort: 1, toPort: 33_434, hopLimit: 1 }, 'trace'));
    network.transmit(udpFrame({ to: '2001:db8::1', fromPort: 1, toPort: 33_434, hopLimit: 1 }, 'trace'));
    expect(card.take()).toMatchObject([
      { ip: { from: '10.0.2.2' }, icmp: { type: 11, code: 0 } },
      { ip: { from: 'fec0::2' }, icmp: { type: 3, code: 0 } },
    ]);
  });

  it('quotes as much as a minimal packet takes', async () => {
    const { network, card } = await lab();
    const frame = udpFrame({ to: '10.0.2.77', fromPort: 1, toPort: 2 }, pattern(1000));
    network.transmit(frame);
    const [{ ip: packet, icmp }] = card.take();
    expect(packet!.payload.length).toBe(556);
    expect(icmp!.rest.subarray(4).equals(frame.subarray(14, 14 + 548))).toBe(true);
  });

  it('says nothing about errors, groups and later fragments', async () => {
    const { network, card } = await lab();
    network.transmit(icmpFrame({ to: '10.0.2.77' }, 3, 1, pattern(32)));
    network.transmit(udpFrame({ to: '224.0.0.9', fromPort: 1, toPort: 2, hopLimit: 1 }, 'x'));
    network.transmit(ipFrame({ to: '10.0.2.77', fragment: 0x2005 }, 17, pattern(16)));
    expect(card.take()).toEqual([]);
  });

  it('knows no other protocols', async () => {
    const { network, card } = await lab();
    network.transmit(ipFrame({ to: '10.0.2.2' }, 47, pattern(16)));
    network.transmit(ipFrame({ to: 'fec0::2' }, 47, pattern(16)));
    network.transmit(ipFrame({ to: '192.0.2.1' }, 47, pattern(16)));
    expect(card.take()).toMatchObject([{ icmp: { type: 3, code: 2 } }, { icmp: { type: 4, code: 1 } }]);
  });

  it('leaves alone frames that are another’s, and families that it has not', async () => {
    const mac = Buffer.from('525400aaaaaa', 'hex');
    const { network, card } = await lab({ ipv6: false });
    network.transmit(tcpFrame({ to: '10.0.2.2', fromPort: 1, toPort: 2, sequence: 0, flags: TCP.ack, mac }));
    network.transmit(icmpFrame({ to: 'fec0::2' }, 128, 0, ECHO));
    expect(card.take()).toEqual([]);
  });
});

describe('neighbour discovery', () => {
  const solicit = (target: string, from = GUEST_IPV6): Buffer =>
    icmpFrame(
      { from, to: 'ff02::1:ff00:2', hopLimit: 255 },
      135,
      0,
      Buffer.concat([Buffer.alloc(4), ip(target), Buffer.from([1, 1]), GUEST_MAC]),
    );

  it.each(['fec0::2', 'fec0::3', 'fe80::2'])('answers for %s', async target => {
    const { network, card } = await lab();
    network.transmit(solicit(target));
    const [{ icmp, ip: packet }] = card.take();
    expect(packet).toMatchObject({ from: target, to: GUEST_IPV6, hopLimit: 255 });
    expect(icmp!.type).toBe(136);
    const expected = Buffer.concat([
      Buffer.from([0xe0, 0, 0, 0]),
      ip(target),
      Buffer.from([2, 1]),
      GATEWAY_MAC,
    ]);
    expect(icmp!.rest.equals(expected)).toBe(true);
  });

  it('tells everybody when somebody tries to take its address', async () => {
    const { network, card } = await lab();
    network.transmit(solicit('fec0::2', '::'));
    expect(card.take()).toMatchObject([{ ip: { to: 'ff02::1' }, icmp: { type: 136 } }]);
    network.transmit(solicit(GUEST_IPV6, '::'));
    expect(card.take()).toEqual([]);
  });

  it('does not hear what came through a router', async () => {
    const { network, card } = await lab();
    network.transmit(
      icmpFrame({ to: 'fec0::2', hopLimit: 64 }, 135, 0, Buffer.concat([Buffer.alloc(4), ip('fec0::2')])),
    );
    expect(card.take()).toEqual([]);
  });

  it('advertises the network, the name server and the MTU, when asked and again', async () => {
    const { network, card, host } = await lab({ mtu: 9000, dnsSearch: ['example.org'] });
    network.transmit(
      icmpFrame({ from: 'fe80::1234', to: 'ff02::2', hopLimit: 255 }, 133, 0, Buffer.alloc(4)),
    );
    const [{ icmp, ip: packet }] = card.take();
    expect(packet).toMatchObject({ from: 'fe80::2', to: 'fe80::1234', hopLimit: 255 });
    expect(icmp!.type).toBe(134);
    const { rest } = icmp!;
    expect(rest.subarray(0, 4).toString('hex')).toBe('40000708');
    const options = new Map<number, string>();
    for (let at = 12; at < rest.length; at += rest[at + 1] * 8) {
      options.set(rest[at], rest.subarray(at + 2, at + rest[at + 1] * 8).toString('hex'));
    }
    expect(options.get(1)).toBe(GATEWAY_MAC.toString('hex'));
    expect(options.get(3)).toBe(`40c0${'00015180'}${'00003840'}${'00000000'}${ip('fec0::').toString('hex')}`);
    expect(options.get(5)).toBe('000000002328');
    expect(options.get(25)).toBe(`000000000708${ip('fec0::3').toString('hex')}`);
    expect(Buffer.from(options.get(31)!, 'hex').toString('latin1')).toContain('\x07example\x03org\0');
    host.pass(500_000);
    expect(card.take()).toMatchObject([{ ip: { to: 'ff02::1' }, icmp: { type: 134 } }]);
  });
});
