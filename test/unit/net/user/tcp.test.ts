import { describe, expect, it } from 'vitest';
import { conversation, guestOf, pattern, SERVERS, wire } from './support/conversation.js';
import { ip, TCP, tcpFrame, type ReceivedTcp } from './support/frames.js';
import { lab, type Lab } from './support/network.js';
import type { GuestTcpOptions } from './support/tcp-guest.js';

/** The TCP segments that have arrived since the last time. */
function segments({ card }: Lab): ReceivedTcp[] {
  return card.take().flatMap(({ tcp }) => tcp ?? []);
}

/** What the guest gets back for one segment, outside of any connection that it keeps. */
function answers(all: Lab, fields: Parameters<typeof tcpFrame>[0], data?: Buffer): ReceivedTcp[] {
  all.network.transmit(tcpFrame(fields, data));
  all.host.settle();
  return segments(all);
}

describe.each([4, 6] as const)('TCP over IPv%i', family => {
  const server = SERVERS[family];

  it('carries data both ways', async () => {
    const { guest, stream, host } = await conversation(server);
    expect(stream.to).toEqual({ address: server.to, port: 80 });
    guest.send('GET / HTTP/1.0\r\n\r\n');
    host.settle();
    expect(stream.text).toBe('GET / HTTP/1.0\r\n\r\n');
    stream.events.data(Buffer.from('HTTP/1.0 200 OK\r\n'));
    host.settle();
    expect(guest.text).toBe('HTTP/1.0 200 OK\r\n');
    expect(guest.delivered).toBe(true);
  });

  it('refuses what the host is refused', async () => {
    const all = await lab();
    const guest = guestOf(all, server);
    wire(all, guest);
    guest.connect();
    all.host.settle();
    expect(guest.state).toBe('syn-sent');
    all.host.streams[0].events.failed('refused');
    expect(guest.state).toBe('reset');
    expect(all.network.statistics.connections).toBe(0);
  });

  it('says that a host cannot be reached', async () => {
    const all = await lab();
    guestOf(all, server).connect();
    all.host.settle();
    all.host.streams[0].events.failed('unreachable');
    const [{ icmp, ip: packet }] = all.card.take();
    expect(icmp).toMatchObject(family === 4 ? { type: 3, code: 1 } : { type: 1, code: 3 });
    expect(packet?.from).toBe(family === 4 ? '10.0.2.2' : 'fec0::2');
    // It quotes the SYN: its addresses and ports.
    const quote = icmp!.rest.subarray(4);
    const ports = quote.subarray(family === 4 ? 20 : 40);
    expect(quote.includes(ip(server.to))).toBe(true);
    expect([ports.readUInt16BE(0), ports.readUInt16BE(2)]).toEqual([server.fromPort, server.toPort]);
  });

  it('sends large frames to a guest that takes them', async () => {
    const { card, stream, guest, host } = await conversation(server);
    card.accepts = { checksum: true, tcp4: true, tcp6: true, udp: false };
    const data = pattern(60_000);
    stream.events.data(data);
    host.settle();
    expect(guest.dataFrames).toBe(1);
    expect(guest.read().equals(data)).toBe(true);
  });

  it('keeps to segments of the size that the guest wants', async () => {
    const { card, stream, guest } = await conversation({ ...server, mss: 700 });
    const lengths: number[] = [];
    card.onFrame = ({ tcp }) => {
      lengths.push(tcp!.data.length);
      guest.receive(tcp!);
    };
    stream.events.data(pattern(2000));
    expect(lengths.filter(length => length > 0)).toEqual([700, 700, 600]);
  });
});

describe('the handshake', () => {
  it('waits for the host', async () => {
    const all = await lab();
    const guest = guestOf(all);
    guest.connect();
    guest.tick();
    all.host.settle();
    expect(segments(all)).toEqual([]);
    expect(all.host.streams.length).toBe(1);
    all.host.streams[0].events.connected();
    expect(segments(all)).toMatchObject([{ flags: TCP.syn | TCP.ack, acknowledgment: 0xffff_fff1 }]);
  });

  it('sends its answer again when it was lost, and gives up in the end', async () => {
    const all = await lab();
    guestOf(all).connect();
    all.host.settle();
    const [stream] = all.host.streams;
    stream.events.connected();
    const times: number[] = [];
    all.card.onFrame = ({ tcp }) => {
      if (tcp!.flags & TCP.syn) times.push(all.host.now());
    };
    all.host.pass(1_000_000);
    // Each time it waits twice as long (RFC 6298, 5.5).
    expect(times.map((time, i) => time - (times[i - 1] ?? 1000))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 32_000,
    ]);
    expect(stream.wasReset).toBe(true);
    expect(all.network.statistics.connections).toBe(0);
  });

  it('forgets a guest that changes its mind', async () => {
    const all = await lab();
    guestOf(all).connect();
    all.host.settle();
    all.network.transmit(tcpFrame({ ...SERVERS[4], sequence: 0xffff_fff1, flags: TCP.rst }));
    expect(all.host.streams[0].wasReset).toBe(true);
    expect(all.network.statistics.connections).toBe(0);
  });

  it('does not answer when the host is out of descriptors', async () => {
    const all = await lab();
    guestOf(all).connect();
    all.host.settle();
    all.host.streams[0].events.failed('exhausted');
    expect(all.card.take()).toEqual([]);
    expect(all.network.statistics.connections).toBe(0);
  });

  it('works without window scaling', async () => {
    const { guest, stream, host } = await conversation({ scaled: false, capacity: 8000 });
    stream.events.data(pattern(20_000));
    host.settle();
    // What is left of the window is less than a segment: it is used when nothing else happens.
    expect(guest.received).toBe(7300);
    host.pass(1000);
    expect(guest.received).toBe(8000);
    expect(guest.lastWindow).toBeLessThanOrEqual(0xffff);
  });

  it('bounds connections that were never answered', async () => {
    const all = await lab();
    for (let i = 0; i < 4000; i++) {
      const fields = { to: '192.0.2.1', toPort: 80 + (i >> 11), fromPort: 1024 + (i & 0x7ff) };
      all.network.transmit(tcpFrame({ ...fields, sequence: i, flags: TCP.syn }));
    }
    expect(all.host.streams.length).toBe(2048);
    for (const { events } of all.host.streams) events.failed('refused');
    expect(all.network.statistics.connections).toBe(0);
  });
});

describe('many connections', () => {
  const CHUNK = pattern(64 << 10);

  /** Connections that stand, on a network with so much memory for their data each way. */
  async function stand(count: number, memory: number, options: Partial<GuestTcpOptions> = {}) {
    const all = await lab({}, memory);
    const guests = Array.from({ length: count }, (_, i) =>
      guestOf(all, { ...options, fromPort: 1024 + i }).connect(),
    );
    all.card.onFrame = ({ tcp }) => {
      if (tcp) guests[tcp.toPort - 1024].receive(tcp);
    };
    all.host.settle();
    for (const { events } of all.host.streams) events.connected();
    all.host.settle();
    expect(guests.every(({ state }) => state === 'open')).toBe(true);
    return { ...all, guests };
  }

  it('hold no more of the host’s data than there is memory, and go on when there is', async () => {
    const memory = 2 << 20;
    const { host, guests } = await stand(100, memory);
    for (const guest of guests) guest.silent = true;
    let given = 0;
    for (let round = 0; round < 20; round++) {
      for (const stream of host.streams) {
        if (stream.paused) continue;
        stream.events.data(CHUNK);
        given += CHUNK.length;
      }
    }
    expect(host.streams.every(({ paused }) => paused)).toBe(true);
    expect(given).toBeGreaterThan(memory / 2);
    expect(given).toBeLessThanOrEqual(memory + CHUNK.length);
    // What is refused is not read, and comes later.
    for (const guest of guests) guest.silent = false;
    const received = (): number => guests.reduce((sum, guest) => sum + guest.received, 0);
    for (let i = 0; i < 200 && received() < given; i++) {
      for (const guest of guests) guest.read();
      host.pass(1000);
    }
    expect(received()).toBe(given);
    host.pass(1000);
    expect(host.streams.some(({ paused }) => paused)).toBe(false);
  });

  it('that stand still leave memory for others', async () => {
    const { host, guests } = await stand(40, 8 << 20);
    const [active, ...still] = guests;
    const [stream, ...others] = host.streams;
    for (const guest of still) guest.silent = true;
    for (const other of others) while (!other.paused) other.events.data(CHUNK);
    for (let i = 0; i < 50; i++) {
      if (!stream.paused) stream.events.data(CHUNK);
      host.settle();
      active.read();
      host.pass(300);
    }
    expect(active.received).toBeGreaterThan(20 * CHUNK.length);
  });

  it('hold no more of the guest’s data than there is memory', async () => {
    const memory = 4 << 20;
    const { host, guests } = await stand(60, memory, { mss: 16_000 });
    for (const stream of host.streams) stream.slow = true;
    const data = pattern(100_000);
    for (const guest of guests) guest.send(data);
    host.settle();
    const queued = (): number => host.streams.reduce((sum, stream) => sum + stream.queued, 0);
    for (let i = 0; i < 5; i++) {
      for (const guest of guests) guest.tick();
      host.pass(300);
      expect(queued()).toBeLessThanOrEqual(memory);
    }
    expect(queued()).toBeGreaterThan(0);
    for (let i = 0; i < 100 && !guests.every(({ delivered }) => delivered); i++) {
      for (const stream of host.streams) stream.drain();
      for (const guest of guests) guest.tick();
      host.pass(300);
    }
    expect(host.streams.every(stream => stream.bytes.equals(data))).toBe(true);
  });

  it('count until the host has taken what the guest has sent', async () => {
    const { network, host, guests } = await stand(1, 8 << 20);
    const [stream] = host.streams;
    const [guest] = guests;
    stream.slow = true;
    guest.send('late news');
    guest.close();
    stream.events.ended();
    host.settle();
    host.pass(10_000);
    expect(guest.delivered && guest.ended).toBe(true);
    expect(network.statistics.connections).toBe(1);
    expect(stream.closed).toBe(false);
    stream.drain();
    host.pass(10_000);
    expect(stream.closed).toBe(true);
    expect(network.statistics.connections).toBe(0);
  });
});

describe('segments that belong to nothing', () => {
  it('are answered with a reset that the guest believes', async () => {
    const all = await lab();
    const base = { ...SERVERS[4], sequence: 1000 };
    expect(answers(all, { ...base, acknowledgment: 77, flags: TCP.ack })).toMatchObject([
      { flags: TCP.rst, sequence: 77 },
    ]);
    expect(answers(all, { ...base, flags: TCP.fin }, pattern(5))).toMatchObject([
      { flags: TCP.rst | TCP.ack, sequence: 0, acknowledgment: 1006 },
    ]);
    expect(answers(all, { ...base, flags: TCP.rst })).toEqual([]);
  });

  it('are left alone when they are damaged', async () => {
    const all = await lab();
    const frame = tcpFrame({ ...SERVERS[4], sequence: 1, flags: TCP.ack });
    frame[frame.length - 1] ^= 1;
    all.network.transmit(frame);
    expect(all.card.take()).toEqual([]);
    // What the card's driver has left to do has not been on a wire.
    all.network.transmit(frame, { csumStart: 34, csumOffset: 16 });
    expect(segments(all)).toMatchObject([{ flags: TCP.rst }]);
  });
});

describe('the end of a connection', () => {
  it('comes when the guest, then the host has ended', async () => {
    const { guest, stream, host, network } = await conversation();
    guest.send('last words');
    guest.close();
    host.settle();
    expect(stream.text).toBe('last words');
    expect(stream.endedByGuest).toBe(true);
    stream.events.data(Buffer.from('and the answer'));
    host.settle();
    expect(guest.text).toBe('and the answer');
    stream.events.ended();
    host.settle();
    expect(guest.ended).toBe(true);
    expect(stream.closed).toBe(true);
    expect(network.statistics.connections).toBe(0);
  });

  it('comes when the host, then the guest has ended, and answers late segments for a while', async () => {
    const all = await conversation();
    const { guest, stream, host, network } = all;
    stream.events.data(Buffer.from('bye'));
    stream.events.ended();
    host.settle();
    expect(guest.ended).toBe(true);
    guest.send('one more thing');
    host.settle();
    expect(stream.text).toBe('one more thing');
    expect(stream.closed).toBe(false);
    guest.close();
    host.settle();
    expect(stream.endedByGuest).toBe(true);
    expect(stream.closed).toBe(true);
    expect(network.statistics.connections).toBe(1);
    guest.acknowledge();
    host.settle();
    expect(guest.state).toBe('open');
    host.pass(1000);
    expect(network.statistics.connections).toBe(0);
    guest.acknowledge();
    host.settle();
    expect(guest.lastFlags).toBe(TCP.rst);
  });

  it('makes way for the next connection with the same ports', async () => {
    const all = await conversation();
    all.stream.events.ended();
    all.host.settle();
    all.guest.close();
    all.host.settle();
    expect(all.network.statistics.connections).toBe(1);
    const next = guestOf(all, { initial: 5000 });
    wire(all, next);
    next.connect();
    all.host.settle();
    all.host.streams[1].events.connected();
    expect(next.state).toBe('open');
    expect(all.stream.wasReset).toBe(false);
    expect(all.network.statistics.connections).toBe(1);
  });

  it('comes at once with a reset from the guest', async () => {
    const { guest, stream, network, host } = await conversation();
    guest.reset();
    host.settle();
    expect(stream.wasReset).toBe(true);
    expect(network.statistics.connections).toBe(0);
  });

  it('comes at once with a reset from the host', async () => {
    const { guest, stream, network } = await conversation();
    stream.events.broken();
    expect(guest.state).toBe('reset');
    expect(network.statistics.connections).toBe(0);
  });

  it('does not come with resets that are guesses (RFC 5961)', async () => {
    const all = await conversation();
    const { guest, stream, card } = all;
    delete card.onFrame;
    const reset = { ...SERVERS[4], flags: TCP.rst };
    // In the window: the guest is asked. Outside: nothing.
    expect(answers(all, { ...reset, sequence: 0xffff_fff1 + 100 })).toMatchObject([
      { flags: TCP.ack, acknowledgment: 0xffff_fff1 },
    ]);
    expect(answers(all, { ...reset, sequence: 0x7000_0000 })).toEqual([]);
    expect(answers(all, { ...SERVERS[4], flags: TCP.syn, sequence: 99 })).toMatchObject([{ flags: TCP.ack }]);
    expect(stream.wasReset).toBe(false);
    expect(guest.state).toBe('open');
  });

  it('comes when the guest has been silent for too long', async () => {
    const { guest, stream, host, card, network } = await conversation();
    card.onFrame = () => {};
    stream.events.data(Buffer.from('is there anybody'));
    host.pass(3_600_000);
    expect(stream.wasReset).toBe(true);
    expect(network.statistics.connections).toBe(0);
    expect(guest.text).toBe('');
  });
});

describe('flow control', () => {
  it('stops the guest when the host does not take its data, and goes on when it does', async () => {
    const { guest, stream, host } = await conversation();
    stream.slow = true;
    const data = pattern(1 << 20);
    guest.send(data);
    for (let i = 0; i < 10; i++) {
      guest.tick();
      host.settle();
    }
    expect(guest.lastWindow).toBe(0);
    // What waits is bounded: half a mebibyte, and what windows round up to.
    expect(stream.queued).toBeLessThanOrEqual((512 << 10) + 16);
    while (!guest.delivered) {
      stream.drain();
      host.settle();
    }
    expect(stream.bytes.equals(data)).toBe(true);
  });

  it('stops the host when the guest does not read, asks for its window, and goes on', async () => {
    const { guest, stream, host } = await conversation({ capacity: 16_000 });
    const data = pattern(600_000);
    let given = 0;
    const give = (): void => {
      while (given < data.length && !stream.paused) {
        stream.events.data(data.subarray(given, given + 50_000));
        given += 50_000;
      }
    };
    give();
    expect(stream.paused).toBe(true);
    // The network's probes are all that goes on.
    host.pass(120_000);
    let received = guest.read();
    expect(received.length).toBe(16_000);
    for (let i = 0; i < 5000 && received.length < data.length; i++) {
      received = guest.read();
      host.pass(60_000);
      give();
    }
    expect(received.equals(data)).toBe(true);
    expect(stream.paused).toBe(false);
  });

  it('never takes back a window', async () => {
    const { guest, stream, host, card } = await conversation();
    stream.slow = true;
    let edge = 0;
    card.onFrame = ({ tcp }) => {
      guest.receive(tcp!);
      const end = (((tcp!.acknowledgment - 0xffff_fff1) >>> 0) + guest.lastWindow) >>> 0;
      expect(end).toBeGreaterThanOrEqual(edge);
      edge = end;
    };
    for (let i = 0; i < 200; i++) {
      guest.send(pattern(1 + ((i * 7919) % 20_000)));
      host.settle();
      if (i % 7 === 6) stream.drain();
    }
    expect(edge).toBeGreaterThan(100_000);
  });

  it('goes on when the card has room again', async () => {
    const { guest, stream, host, card, network } = await conversation({ capacity: 1 << 20 });
    const data = pattern(300_000);
    card.room = 3;
    stream.events.data(data);
    for (let i = 0; i < 500 && guest.read().length < data.length; i++) {
      card.room = 5;
      network.onRoom();
      host.settle();
    }
    expect(guest.read().equals(data)).toBe(true);
    // No time has passed: nothing was sent again.
    expect(guest.dataFrames).toBe(Math.ceil(data.length / 1460));
  });
});

describe('frames that are lost', () => {
  it('are sent again at once after three duplicate acknowledgments', async () => {
    const { guest, stream, card, host } = await conversation();
    let count = 0;
    card.onFrame = ({ tcp }) => {
      if (++count !== 2) guest.receive(tcp!);
    };
    stream.events.data(pattern(10_000));
    expect(guest.received).toBe(1460);
    // No time passes: each acknowledgment of a part tells what is missing next (RFC 6582).
    host.settle();
    expect(guest.read().equals(pattern(10_000))).toBe(true);
  });

  it('are sent again after a while, each time later', async () => {
    const { stream, card, host } = await conversation();
    const times: number[] = [];
    const started = host.now();
    card.onFrame = () => times.push(host.now() - started);
    stream.events.data(Buffer.from('lost'));
    host.pass(3000);
    expect(times).toEqual([0, 200, 600, 1400, 3000]);
  });

  it('are asked for when they are the guest’s', async () => {
    const all = await conversation();
    const { stream, card, guest } = all;
    delete card.onFrame;
    const base = { ...SERVERS[4], flags: TCP.ack, acknowledgment: guestExpects(all) };
    const at = (offset: number): number => (0xffff_fff1 + offset) >>> 0;
    // Pieces 2, 4, 3, then 1, each ten bytes: duplicate acknowledgments at once, then one of all.
    expect(answers(all, { ...base, sequence: at(10) }, pattern(10, 2))).toMatchObject([
      { acknowledgment: at(0) },
    ]);
    expect(answers(all, { ...base, sequence: at(30) }, pattern(10, 4))).toMatchObject([
      { acknowledgment: at(0) },
    ]);
    expect(
      answers(
        all,
        { ...base, sequence: at(15) },
        Buffer.concat([pattern(10, 2).subarray(5), pattern(10, 3)]),
      ),
    ).toMatchObject([{ acknowledgment: at(0) }]);
    expect(stream.bytes.length).toBe(0);
    expect(answers(all, { ...base, sequence: at(0) }, pattern(10, 1))).toMatchObject([
      { acknowledgment: at(40) },
    ]);
    expect(stream.bytes.equals(Buffer.concat([1, 2, 3, 4].map(seed => pattern(10, seed))))).toBe(true);
    expect(guest.state).toBe('open');
  });
});

/** The sequence number that the guest expects next, as its acknowledgments say. */
function guestExpects({ network, card }: Lab): number {
  network.transmit(tcpFrame({ ...SERVERS[4], sequence: 0x7fff_0000, flags: TCP.ack }));
  return card.take().at(-1)!.tcp!.sequence;
}

describe('large segments of the guest', () => {
  it('are taken whole', async () => {
    const { stream, host, network, card } = await conversation();
    delete card.onFrame;
    const data = pattern(60_000);
    const acknowledgment = guestExpects({ network, card, host });
    const fields = { ...SERVERS[4], sequence: 0xffff_fff1, acknowledgment, flags: TCP.ack };
    network.transmit(tcpFrame(fields, data), {
      csumStart: 34,
      csumOffset: 16,
      gso: 'tcp4',
      gsoSize: 1460,
      headerLength: 54,
    });
    host.settle();
    expect(stream.bytes.equals(data)).toBe(true);
    expect(card.take().map(({ tcp }) => tcp!.acknowledgment)).toEqual([60_000 - 15]);
  });
});
