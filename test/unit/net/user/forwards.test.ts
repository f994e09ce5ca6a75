import { describe, expect, it } from 'vitest';
import { guestOf, pattern, wire } from './support/conversation.js';
import {
  ethernet,
  GUEST_IP,
  GUEST_IPV6,
  GUEST_MAC,
  icmpFrame,
  ip,
  TCP,
  tcpFrame,
  udpFrame,
} from './support/frames.js';
import { lab, type Lab } from './support/network.js';
import { GuestTcp } from './support/tcp-guest.js';

/** An ARP packet from the guest. */
function arp(operation: number, target: string, sender = GUEST_IP): Buffer {
  const fixed = Buffer.from([0, 1, 8, 0, 6, 4, 0, operation]);
  return ethernet(0x0806, Buffer.concat([fixed, GUEST_MAC, ip(sender), Buffer.alloc(6), ip(target)]));
}

/** The guest says where it is, as it does when it is asked. */
function introduce({ network }: Lab): void {
  network.transmit(arp(2, '10.0.2.2'));
}

describe('a forwarded TCP port', () => {
  const options = { hostForwards: ['tcp:127.0.0.1:8080-:80'] };

  it('leads to the guest, which sees the gateway', async () => {
    const all = await lab(options);
    introduce(all);
    expect(all.network.forwards).toEqual([{ protocol: 'tcp', address: '127.0.0.1', port: 8080 }]);
    const guest = guestOf(all, { to: '10.0.2.2', fromPort: 80, toPort: 5555 });
    wire(all, guest);
    const { stream } = all.host.connectFrom({ address: '127.0.0.1', port: 5555 }, 8080);
    expect(stream!.paused).toBe(true);
    all.host.settle();
    expect(guest.state).toBe('open');
    expect(stream!.paused).toBe(false);
    stream!.events.data(Buffer.from('GET /'));
    guest.send('200 OK');
    all.host.settle();
    expect(guest.text).toBe('GET /');
    expect(stream!.text).toBe('200 OK');
    stream!.events.ended();
    guest.close();
    all.host.settle();
    expect(guest.ended).toBe(true);
    expect(stream!.closed).toBe(true);
  });

  it('shows the guest who it is that connects', async () => {
    const all = await lab(options);
    introduce(all);
    all.host.connectFrom({ address: '::ffff:198.51.100.7', port: 1234 }, 8080);
    expect(all.card.take()).toMatchObject([
      { ip: { from: '198.51.100.7', to: GUEST_IP }, tcp: { fromPort: 1234 } },
    ]);
  });

  it('keeps two apart that look the same to the guest', async () => {
    const all = await lab(options);
    introduce(all);
    all.host.connectFrom({ address: '127.0.0.1', port: 1234 }, 8080);
    all.host.connectFrom({ address: '127.0.0.2', port: 1234 }, 8080);
    const ports = all.card.take().map(({ tcp }) => tcp!.fromPort);
    expect(ports).toEqual([1234, 49_152]);
  });

  it('asks for the guest first, and refuses when nobody is there', async () => {
    const all = await lab(options);
    const early = all.host.connectFrom({ address: '127.0.0.1', port: 1 }, 8080);
    const [question] = all.card.take();
    expect(question.frame.subarray(38, 42)).toEqual(ip(GUEST_IP));
    introduce(all);
    expect(early.stream).toBeDefined();

    const empty = await lab(options);
    const late = empty.host.connectFrom({ address: '127.0.0.1', port: 1 }, 8080);
    empty.host.pass(10_000);
    expect(empty.card.take().length).toBe(5);
    expect(late).toMatchObject({ refused: true });
    expect(empty.network.statistics.connections).toBe(0);
  });

  it('resets what the guest refuses', async () => {
    const all = await lab(options);
    introduce(all);
    const { stream } = all.host.connectFrom({ address: '127.0.0.1', port: 5555 }, 8080);
    const [{ tcp }] = all.card.take();
    const guest = guestOf(all, { to: '10.0.2.2', fromPort: 80, toPort: 5555, initial: 0 });
    expect(tcp!.flags).toBe(TCP.syn);
    guest.refuse(tcp!);
    all.host.settle();
    expect(stream!.wasReset).toBe(true);
    expect(all.network.statistics.connections).toBe(0);
  });

  it('asks again every few seconds while the guest has no room for the connection', async () => {
    const all = await lab(options);
    introduce(all);
    const times: number[] = [];
    all.card.onFrame = ({ tcp }) => {
      if (tcp!.flags === TCP.syn) times.push(all.host.now());
    };
    const { stream } = all.host.connectFrom({ address: '127.0.0.1', port: 5555 }, 8080);
    all.host.pass(126_000);
    const waits = times.slice(1).map((time, i) => time - times[i]);
    expect(waits).toEqual([1000, 2000, 4000, ...Array<number>(14).fill(8000)]);
    expect(stream!.wasReset).toBe(false);
    all.host.pass(1000);
    expect(stream!.wasReset).toBe(true);
  });

  it('tries the next one that the guest has dropped as soon as another is served', async () => {
    const all = await lab(options);
    introduce(all);
    const { host, card } = all;
    const ports = [5001, 5002, 5003];
    const streams = ports.map(port => {
      const { stream } = host.connectFrom({ address: '127.0.0.1', port }, 8080);
      stream!.events.data(Buffer.from('GET /'));
      host.pass(10);
      return stream!;
    });
    // The guest answers each SYN as if it had room, and has room for one.
    const guests = ports.map((toPort, i) =>
      guestOf(all, { to: '10.0.2.2', fromPort: 80, toPort, initial: 0x1000 * (i + 1) }),
    );
    const guestAt = (port: number): GuestTcp => guests[ports.indexOf(port)];
    let free = 0;
    card.onFrame = ({ tcp }) => {
      const isSyn = tcp!.flags === TCP.syn;
      if (isSyn || ports.indexOf(tcp!.fromPort) < free) guestAt(tcp!.fromPort).receive(tcp!);
    };
    // What was dropped is sent again seldom by now.
    host.pass(20_000);
    expect(guests.map(guest => guest.text)).toEqual(['', '', '']);
    free = 1;
    host.pass(8000);
    expect(guests.map(guest => guest.text)).toEqual(['GET /', '', '']);
    const serve = (i: number): void => {
      free = i + 2;
      guests[i].send('200 OK');
      guests[i].close();
      host.settle();
      expect(streams[i].text).toBe('200 OK');
    };
    serve(0);
    expect(guests.map(guest => guest.text)).toEqual(['GET /', 'GET /', '']);
    serve(1);
    expect(guests.map(guest => guest.text)).toEqual(['GET /', 'GET /', 'GET /']);
  });

  /** A guest that answers a SYN, and the one that is sent again, with a number each: what its backlog has forgotten. */
  async function answeredTwice() {
    const all = await lab(options);
    introduce(all);
    const { stream } = all.host.connectFrom({ address: '127.0.0.1', port: 5555 }, 8080);
    const answers = [0x1000, 0x7000_0000].map(initial =>
      guestOf(all, { to: '10.0.2.2', fromPort: 80, toPort: 5555, initial }),
    );
    const [first] = all.card.take();
    all.host.pass(1000);
    const [second] = all.card.take();
    expect(second).toEqual(first);
    answers[0].receive(first.tcp!);
    all.host.settle();
    return { ...all, stream: stream!, answers, syn: second.tcp! };
  }

  it('goes by the guest’s last answer to its SYN', async () => {
    const { host, card, stream, answers, syn } = await answeredTwice();
    stream.events.data(Buffer.from('GET /'));
    stream.events.ended();
    expect(card.take()).not.toEqual([]);
    card.onFrame = ({ tcp }) => answers[1].receive(tcp!);
    answers[1].receive(syn);
    host.settle();
    expect(answers[1].state).toBe('open');
    expect(answers[1].text).toBe('GET /');
    expect(answers[1].ended).toBe(true);
    answers[1].send('200 OK');
    answers[1].close();
    host.settle();
    expect(stream.text).toBe('200 OK');
    expect(stream.closed).toBe(true);
  });

  it('keeps to the answer from which something has come', async () => {
    const { host, card, stream, answers, syn } = await answeredTwice();
    for (const { tcp } of card.take()) answers[0].receive(tcp!);
    card.onFrame = ({ tcp }) => answers[0].receive(tcp!);
    answers[0].send('hello');
    host.settle();
    expect(stream.text).toBe('hello');
    answers[1].receive(syn);
    host.settle();
    stream.events.data(Buffer.from('GET /'));
    host.settle();
    expect(answers[0].text).toBe('GET /');
    answers[0].send(', world');
    host.settle();
    expect(stream.text).toBe('hello, world');
  });

  /** A guest that resets what it has answered, as if it had never heard of it or, with `flags`, as a socket does. */
  async function forgotten(flags: number = TCP.rst) {
    const all = await lab(options);
    introduce(all);
    const { stream } = all.host.connectFrom({ address: '127.0.0.1', port: 5555 }, 8080);
    const forget = (initial: number): void => {
      const [{ tcp: syn }] = all.card.take();
      expect(syn!.flags).toBe(TCP.syn);
      guestOf(all, { to: '10.0.2.2', fromPort: 80, toPort: 5555, initial }).receive(syn!);
      all.host.settle();
      all.card.take();
      const fields = { to: '10.0.2.2', fromPort: 80, toPort: 5555 };
      const acknowledgment = flags & TCP.ack ? syn!.sequence + 1 : 0;
      all.network.transmit(tcpFrame({ ...fields, flags, sequence: initial + 1, acknowledgment, window: 0 }));
    };
    return { ...all, stream: stream!, forget };
  }

  it('begins anew when the guest has forgotten the connection before anything came of it', async () => {
    const all = await forgotten();
    const { host, card, stream, forget } = all;
    stream.events.data(Buffer.from('GET '));
    forget(0x1000);
    stream.events.data(Buffer.from('/'));
    stream.events.ended();
    expect(card.take()).toEqual([]);
    host.pass(1000);
    forget(0x2000);
    host.pass(1999);
    expect(card.take()).toEqual([]);
    const guest = guestOf(all, { to: '10.0.2.2', fromPort: 80, toPort: 5555, initial: 0x3000 });
    wire(all, guest);
    host.pass(1);
    host.settle();
    expect(guest.text).toBe('GET /');
    expect(guest.ended).toBe(true);
    guest.send('200 OK');
    guest.close();
    host.settle();
    expect(stream.text).toBe('200 OK');
    expect(stream).toMatchObject({ closed: true, wasReset: false });
  });

  it('gives up a guest that forgets it again and again', async () => {
    const { host, stream, forget, network } = await forgotten();
    for (let i = 0; i < 8; i++) {
      expect(stream.wasReset).toBe(false);
      forget(0x1000 * (i + 1));
      host.pass(1000 * 2 ** i);
    }
    expect(stream.wasReset).toBe(true);
    expect(network.statistics.connections).toBe(0);
  });

  it('does not begin what a socket of the guest has reset', async () => {
    const { stream, forget } = await forgotten(TCP.rst | TCP.ack);
    forget(0x1000);
    expect(stream.wasReset).toBe(true);
  });

  it('leads to a guest’s IPv6 address, found by neighbour discovery', async () => {
    const all = await lab({ hostForwards: [`tcp:[::1]:8080-[${GUEST_IPV6}]:80`] });
    const guest = guestOf(all, { from: GUEST_IPV6, to: 'fec0::2', fromPort: 80, toPort: 5555 });
    all.host.connectFrom({ address: '::1', port: 5555 }, 8080);
    const [{ icmp, ip: packet, to }] = all.card.take();
    expect(icmp).toMatchObject({ type: 135 });
    expect(packet).toMatchObject({ to: 'ff02::1:ff12:3456', hopLimit: 255 });
    expect(to.toString('hex')).toBe('3333ff123456');
    wire(all, guest);
    const advertisement = Buffer.concat([
      Buffer.from([0x60, 0, 0, 0]),
      ip(GUEST_IPV6),
      Buffer.from([2, 1]),
      GUEST_MAC,
    ]);
    all.network.transmit(
      icmpFrame({ from: GUEST_IPV6, to: 'fec0::2', hopLimit: 255 }, 136, 0, advertisement),
    );
    all.host.settle();
    expect(guest.state).toBe('open');
  });
});

describe('a forwarded UDP port', () => {
  it('leads to the guest and back', async () => {
    const all = await lab({ hostForwards: ['udp::5000-:53'] });
    introduce(all);
    const [socket] = all.host.datagrams;
    const peer = { address: '127.0.0.1', port: 777 };
    expect(socket.at).toEqual({ address: '0.0.0.0', port: 5000 });
    socket.events.message(Buffer.from('ping'), peer);
    const [{ udp, ip: packet }] = all.card.take();
    expect(packet).toMatchObject({ from: '10.0.2.2', to: GUEST_IP });
    expect(udp).toMatchObject({ fromPort: 777, toPort: 53, data: Buffer.from('ping') });
    all.network.transmit(udpFrame({ to: '10.0.2.2', fromPort: 53, toPort: 777 }, 'pong'));
    expect(socket.sent).toEqual([{ data: Buffer.from('pong'), to: peer }]);
    // What the guest sends elsewhere from the same port is its own affair.
    all.network.transmit(udpFrame({ to: '10.0.2.2', fromPort: 53, toPort: 778 }, 'other'));
    expect(all.host.datagrams.length).toBe(2);
  });

  it('keeps the first message until the guest has said where it is', async () => {
    const all = await lab({ hostForwards: ['udp::5000-:53'] });
    const message = Buffer.from('early');
    all.host.datagrams[0].events.message(message, { address: '127.0.0.1', port: 777 });
    message.fill(0);
    all.card.take();
    introduce(all);
    expect(all.card.take().map(({ udp }) => udp!.data.toString())).toEqual(['early']);
  });
});

describe('an address of the network that is forwarded to the host', () => {
  it('leads to a port or a socket of the host', async () => {
    const all = await lab({
      restrict: true,
      guestForwards: ['tcp:10.0.2.100:80-tcp:127.0.0.1:9000', 'tcp:10.0.2.100:81-unix:/run/x,y'],
    });
    for (const toPort of [80, 81, 82]) {
      guestOf(all, { to: '10.0.2.100', toPort, fromPort: toPort + 1000 }).connect();
    }
    all.host.settle();
    expect(all.host.streams.map(({ to }) => to)).toEqual([
      { address: '127.0.0.1', port: 9000 },
      { path: '/run/x,y' },
    ]);
    // Nobody is at the third.
    all.network.transmit(arp(1, '10.0.2.100'));
    expect(all.card.take().map(({ type }) => type)).toEqual([0x0800, 0x0806]);
  });
});

describe('a restricted network', () => {
  it('lets the guest reach neither the host nor beyond', async () => {
    const all = await lab({ restrict: true });
    const outcomes = ['192.0.2.1', '10.0.2.2'].map((to, i) => {
      const guest = guestOf(all, { to, fromPort: 100 + i });
      wire(all, guest);
      guest.connect();
      all.host.settle();
      return guest.state;
    });
    expect(outcomes).toEqual(['reset', 'reset']);
    delete all.card.onFrame;
    all.network.transmit(udpFrame({ to: '192.0.2.1', fromPort: 9, toPort: 9 }, 'x'));
    all.network.transmit(udpFrame({ to: '10.0.2.3', fromPort: 9, toPort: 53 }, 'x'.repeat(20)));
    expect(all.card.take()).toMatchObject([{ icmp: { type: 3, code: 13 } }, { icmp: { type: 3, code: 13 } }]);
    expect(all.host.streams).toEqual([]);
    expect(all.host.datagrams).toEqual([]);
  });
});

describe('closing', () => {
  it('lets go of everything', async () => {
    const all = await lab({ hostForwards: ['tcp::8080-:80', 'udp::5000-:53'] });
    const guest = guestOf(all);
    guest.connect();
    all.network.transmit(udpFrame({ to: '192.0.2.1', fromPort: 9, toPort: 9 }, 'x'));
    all.network.transmit(icmpFrame({ to: '192.0.2.1' }, 8, 0, pattern(12)));
    all.host.settle();
    all.network.close();
    expect(all.host.streams.every(({ wasReset }) => wasReset)).toBe(true);
    expect([...all.host.datagrams, ...all.host.pings].map(({ closed }) => closed)).toEqual([
      true,
      true,
      true,
    ]);
    expect(all.host.listeners.size).toBe(0);
    expect(all.host.nextTimer).toBe(Infinity);
    expect(guest).toBeInstanceOf(GuestTcp);
  });
});
