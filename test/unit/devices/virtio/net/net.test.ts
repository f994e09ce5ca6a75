import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { NO_OFFLOADS } from '../../../../../src/net/backend.js';
import { buildFrame, payloadOf } from '../../../net/frames.js';
import { TRANSPORTS, LegacyPci, ModernPci } from '../transport/drivers.js';
import { F, MAC, NetRig, RecordingBackend, type Header, type RigOptions } from './net-rig.js';

/** Expected behaviour from virtio 1.3, 5.1. */

const NEEDS_CSUM = 1;
const TCPV4 = 1;
const UDP_L4 = 5;
const ECN = 0x80;

const OK = 0;
const ERR = 1;

/** A frame to an address, by its bytes. */
function frameTo(address: readonly number[], length = 60, type: readonly number[] = [8, 0]): Uint8Array {
  const frame = payloadOf(length);
  frame.set([...address, 0x52, 0x55, 0, 0, 0, 1, ...type]);
  return frame;
}

const OWN = [...MAC];
const OTHER = [0x52, 0x54, 0, 0, 0, 9];
const GROUP = [0x33, 0x33, 0, 0, 0, 1];
const BROADCAST = [255, 255, 255, 255, 255, 255];

/** Lets a frame arrive, and says whether the driver got it. */
function arrives(rig: NetRig, frame: Uint8Array): boolean {
  rig.addBuffers(1, 2048);
  expect(rig.backend.card.receive(frame)).toBe(true);
  rig.net.poll();
  return rig.collect().length === 1;
}

describe.each(Object.entries(TRANSPORTS))('a card behind %s', (_name, Way) => {
  it.each([0n, F.MRG_RXBUF])('sends and receives frames (features %s)', features => {
    const rig = new NetRig({ Way, features: features | F.MAC });
    expect(OWN.map((_, i) => rig.transport.readConfig(i, 1))).toEqual(OWN);
    const frame = frameTo(OTHER, 777);
    rig.send(frame);
    rig.send(frame, {}, 1, 100);
    expect(rig.backend.sent.map(sent => sent.frame)).toEqual([frame, frame]);
    expect(rig.drivers[1].collect().map(({ length }) => length)).toEqual([0, 0]);
    rig.transport.interrupts();

    rig.addBuffers(2, 1600);
    const answer = frameTo(OWN, 1000);
    expect(rig.backend.card.receive(answer)).toBe(true);
    rig.net.poll();
    const [piece] = rig.collect();
    expect(piece.subarray(rig.headerSize)).toEqual(answer);
    // num_buffers, where the header has it.
    expect([...piece.subarray(0, rig.headerSize)]).toEqual(
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0].slice(0, rig.headerSize),
    );
    expect(rig.transport.interrupts()).toEqual(['queue0']);
  });
});

describe('a card', () => {
  it('goes by the driver that came by the modern interface and does not say VERSION_1, as OSv’s', () => {
    const rig = new NetRig({ version1: false, features: 0n });
    const frame = frameTo(OTHER);
    rig.send(frame);
    expect(rig.backend.sent[0].frame).toEqual(frame);
    rig.addBuffers(1, 1600);
    rig.backend.card.receive(frameTo(OWN));
    rig.net.poll();
    expect(rig.collect()[0].subarray(12)).toEqual(frameTo(OWN));
  });

  it('works with packed queues', () => {
    const rig = new NetRig({ packed: true, features: F.MRG_RXBUF });
    rig.send(frameTo(OTHER, 100), {}, 1, 50);
    expect(rig.backend.sent).toHaveLength(1);
    rig.addBuffers(4, 128);
    rig.backend.card.receive(frameTo(OWN, 300));
    rig.net.poll();
    const pieces = rig.collect();
    expect(pieces.map(({ length }) => length)).toEqual([128, 128, 56]);
    expect(Buffer.concat(pieces).subarray(12)).toEqual(Buffer.from(frameTo(OWN, 300)));
  });

  it('says what it is', () => {
    const rig = new NetRig({ mtu: 9000, queuePairs: 4, features: F.STATUS | F.MQ | F.MTU });
    const config = (offset: number, size: 1 | 2 | 4): number => rig.transport.readConfig(offset, size);
    expect(config(6, 2)).toBe(1);
    expect(config(8, 2)).toBe(4);
    expect(config(10, 2)).toBe(9000);
    expect(config(12, 4)).toBe(10_000);
    expect(config(16, 1)).toBe(1);
    expect(rig.transport.readFeatures() & (F.MTU | F.MQ)).toBe(F.MTU | F.MQ);
    expect(new NetRig().transport.readFeatures() & (F.MTU | F.MQ)).toBe(0n);
    expect(rig.drivers).toHaveLength(9);
  });

  it('lets only legacy drivers write the address in the configuration space', () => {
    const legacy = new NetRig({ Way: LegacyPci });
    OTHER.forEach((byte, i) => legacy.transport.writeConfig(i, 1, byte));
    expect([...legacy.net.mac]).toEqual(OTHER);
    legacy.transport.status = 0;
    expect([...legacy.net.mac]).toEqual(OWN);
    const modern = new NetRig();
    modern.transport.writeConfig(0, 1, 0);
    expect([...modern.net.mac]).toEqual(OWN);
  });

  it('interrupts and wakes once for a batch', async () => {
    const rig = new NetRig();
    await setImmediate();
    rig.kicks = rig.rings = 0;
    for (let i = 0; i < 10; i++) rig.give(Uint8Array.from([...new Uint8Array(12), ...frameTo(OTHER)]));
    rig.transport.notify(1);
    expect(rig.kicks).toBe(1);
    rig.pollBackend();
    expect(rig.backend.sent).toHaveLength(10);
    expect(rig.transport.interrupts()).toEqual(['queue1']);
    rig.addBuffers(10, 256);
    for (let i = 0; i < 10; i++) rig.backend.card.receive(frameTo(OWN));
    expect(rig.rings).toBe(0);
    await setImmediate();
    expect(rig.rings).toBe(1);
    rig.net.poll();
    expect(rig.collect()).toHaveLength(10);
    expect(rig.transport.interrupts()).toEqual(['queue0']);
  });

  it('loses what arrives before the driver is there', () => {
    const rig = new NetRig();
    rig.transport.status = 0;
    for (let i = 0; i < 10; i++) expect(rig.backend.card.receive(frameTo(OWN))).toBe(true);
    rig.start(0n);
    expect(arrives(rig, frameTo(OWN, 99))).toBe(true);
    rig.addBuffers(1, 2048);
    rig.net.poll();
    expect(rig.collect()).toEqual([]);
  });

  it('tells of the link, and asks the driver to announce itself when it is back', () => {
    const rig = new NetRig({ features: F.STATUS | F.GUEST_ANNOUNCE | F.CTRL_VQ });
    rig.backend.card.setLink(false);
    rig.net.poll();
    expect(rig.transport.readConfig(6, 2)).toBe(0);
    expect(rig.transport.interrupts()).toEqual(['config']);
    rig.send(frameTo(OTHER));
    expect(rig.backend.sent).toEqual([]);
    expect(rig.drivers[1].collect()).toHaveLength(1);
    rig.transport.interrupts();
    rig.backend.card.setLink(true);
    rig.net.poll();
    expect(rig.transport.readConfig(6, 2)).toBe(3);
    expect(rig.transport.interrupts()).toContain('config');
    expect(rig.command([3, 0])).toBe(OK);
    expect(rig.transport.readConfig(6, 2)).toBe(1);
  });
});

describe('frames that are received', () => {
  it('fill as many buffers as they need, if these may be merged', () => {
    const rig = new NetRig({ features: F.MRG_RXBUF });
    rig.addBuffers(40, 1024);
    const frame = frameTo(OWN, 20_000);
    rig.backend.card.receive(frame);
    rig.net.poll();
    const pieces = rig.collect();
    expect(pieces).toHaveLength(20);
    expect(pieces[0][10] | (pieces[0][11] << 8)).toBe(20);
    expect(Buffer.concat(pieces).subarray(12)).toEqual(Buffer.from(frame));
  });

  it.each([false, true])('are seen with all of their buffers or not at all (packed: %s)', packed => {
    const rig = new NetRig({ features: F.MRG_RXBUF, packed });
    rig.addBuffers(40, 1024);
    // The driver looks whenever something becomes visible to it (5.1.6.4.1).
    const seen: number[] = [];
    const { store } = Atomics;
    const spy = vi.spyOn(Atomics, 'store').mockImplementation((...args) => {
      const result = store(...args);
      const pieces = rig.collect();
      if (pieces.length > 0) seen.push(pieces.length);
      return result;
    });
    try {
      rig.backend.card.receive(frameTo(OWN, 20_000));
      rig.backend.card.receive(frameTo(OWN, 3000));
      rig.net.poll();
    } finally {
      spy.mockRestore();
    }
    expect(seen).toEqual([20, 3]);
  });

  it('wait until the driver has enough buffers', () => {
    for (const packed of [false, true]) {
      const rig = new NetRig({ features: F.MRG_RXBUF, packed });
      rig.addBuffers(3, 1024);
      rig.backend.card.receive(frameTo(OWN, 4000));
      rig.net.poll();
      expect(rig.collect()).toEqual([]);
      rig.addBuffers(1, 1024);
      expect(rig.collect()).toHaveLength(4);
    }
  });

  it('wait with an event index that asks for the buffer that is missing', () => {
    const rig = new NetRig({ features: F.MRG_RXBUF | (1n << 29n) });
    rig.addBuffers(3, 1024);
    rig.backend.card.receive(frameTo(OWN, 4000));
    rig.net.poll();
    // Not of one of the three that are there already.
    expect('availEvent' in rig.drivers[0] && rig.drivers[0].availEvent).toBe(3);
  });

  it('are lost when one buffer does not take them and cannot be merged', () => {
    const rig = new NetRig();
    rig.addBuffers(3, 1024);
    rig.backend.card.receive(frameTo(OWN, 1100));
    rig.backend.card.receive(frameTo(OWN, 900));
    rig.net.poll();
    expect(rig.collect().map(({ length }) => length)).toEqual([912]);
  });

  it('are lost when all buffers of the queue together do not take them', () => {
    const rig = new NetRig({ features: F.MRG_RXBUF });
    rig.addBuffers(256, 16);
    rig.backend.card.receive(frameTo(OWN, 6000));
    rig.backend.card.receive(frameTo(OWN, 60));
    rig.net.poll();
    expect(rig.collect()).toHaveLength(5);
  });

  it('skip buffers without room for a header', () => {
    const rig = new NetRig({ features: F.MRG_RXBUF });
    rig.addBuffers(1, 11);
    rig.addBuffers(1, 1024);
    rig.backend.card.receive(frameTo(OWN, 100));
    rig.backend.card.receive(frameTo(OWN, 100));
    rig.net.poll();
    expect(rig.collect().map(({ length }) => length)).toEqual([0, 112]);
  });

  it('wait for the guest, of which the back end hears, and are not lost', () => {
    const rig = new NetRig();
    const { card } = rig.backend;
    let accepted = 0;
    while (card.receive(frameTo(OWN, 1000))) accepted++;
    expect(accepted).toBeGreaterThan(500);
    expect(accepted).toBeLessThan(1100);
    rig.pollBackend();
    expect(rig.backend.rooms).toBe(0);
    let got = 0;
    for (let i = 0; i < 20 && got < accepted; i++) {
      rig.addBuffers(256, 1100);
      while (rig.net.poll());
      got += rig.collect().length;
      rig.pollBackend();
    }
    expect(got).toBe(accepted);
    expect(rig.kicks).toBe(1);
    expect(rig.backend.rooms).toBe(1);
    expect(card.receive(frameTo(OWN))).toBe(true);
  });

  it('are served in turns', () => {
    const rig = new NetRig({ features: 0n });
    for (let i = 0; i < 300; i++) rig.backend.card.receive(frameTo(OWN));
    rig.transport.status = 0;
    rig.start(0n);
    rig.addBuffers(256, 128);
    for (let i = 0; i < 300; i++) rig.backend.card.receive(frameTo(OWN));
    expect(rig.net.poll()).toBe(true);
    expect(rig.collect()).toHaveLength(256);
    rig.addBuffers(256, 128);
    expect(rig.collect()).toHaveLength(44);
  });

  it('that are none are no frames', () => {
    const rig = new NetRig();
    rig.addBuffers(3, 2048);
    expect(rig.backend.card.receive(new Uint8Array(13))).toBe(true);
    expect(rig.backend.card.receive(new Uint8Array(70_000))).toBe(true);
    rig.net.poll();
    expect(rig.collect()).toEqual([]);
  });
});

describe('offloads of what is sent', () => {
  const FEATURES = F.CSUM | F.HOST_TSO4 | F.HOST_TSO6 | F.HOST_ECN | F.HOST_USO;
  const tcp = buildFrame({ payload: payloadOf(3000), partial: true });
  const tso: Header = {
    flags: NEEDS_CSUM,
    gsoType: TCPV4,
    gsoSize: 1460,
    csumStart: tcp.csumStart,
    csumOffset: tcp.csumOffset,
  };

  it('reach a back end that accepts them, with the length of the headers as it is', () => {
    const rig = new NetRig({ features: FEATURES });
    rig.send(tcp.frame, { ...tso, hdrLen: 7 });
    expect(rig.backend.sent).toHaveLength(1);
    expect(rig.backend.sent[0].frame).toEqual(tcp.frame);
    expect(rig.backend.sent[0].offload).toMatchObject({
      csumStart: 34,
      csumOffset: 16,
      gso: 'tcp4',
      gsoSize: 1460,
      headerLength: 54,
      ecn: false,
    });
  });

  it('are done in software for one that does not', () => {
    const rig = new NetRig({ features: FEATURES, backend: new RecordingBackend(NO_OFFLOADS) });
    rig.send(tcp.frame, tso);
    expect(rig.backend.sent.map(({ frame }) => frame.length)).toEqual([1514, 1514, 134]);
    expect(rig.backend.sent.every(({ offload }) => offload === undefined)).toBe(true);
    const small = buildFrame({ payload: payloadOf(10), partial: true });
    rig.send(small.frame, { flags: NEEDS_CSUM, csumStart: 34, csumOffset: 16 });
    expect(rig.backend.sent[3].frame).toEqual(buildFrame({ payload: payloadOf(10) }).frame);
  });

  it.each<[string, Header, RigOptions?]>([
    ['a checksum beyond the frame', { ...tso, gsoType: 0, csumStart: 3000, csumOffset: 60 }],
    ['a checksum at an offset beyond the frame', { flags: 1, csumStart: 34, csumOffset: 0xffff }],
    ['a checksum in the Ethernet header', { flags: 1, csumStart: 2, csumOffset: 0 }],
    ['segments of no bytes', { ...tso, gsoSize: 0 }],
    ['segments without a checksum', { ...tso, flags: 0 }],
    ['a segment of nobody knows what', { ...tso, gsoType: 2 }],
    ['fragmentation, which is not offered', { ...tso, gsoType: 3 }],
    ['UDP that is TCP', { ...tso, gsoType: UDP_L4 }],
    ['IPv6 that is IPv4', { ...tso, gsoType: 4 }],
    ['ECN of UDP', { ...tso, gsoType: UDP_L4 | ECN }],
    ['ECN alone', { gsoType: ECN }],
    ['segmentation that was not negotiated', tso, { features: F.CSUM }],
    ['ECN that was not negotiated', { ...tso, gsoType: TCPV4 | ECN }, { features: F.CSUM | F.HOST_TSO4 }],
    ['a checksum that was not negotiated', { ...tso, gsoType: 0 }, { features: 0n }],
  ])('%s: the frame is dropped and the buffer given back', (_name, header, options = {}) => {
    const rig = new NetRig({ features: FEATURES, ...options });
    rig.send(tcp.frame, header);
    expect(rig.backend.sent).toEqual([]);
    expect(rig.drivers[1].collect()).toHaveLength(1);
    rig.send(frameTo(OTHER));
    expect(rig.backend.sent).toHaveLength(1);
    expect(rig.transport.device.violations).toEqual([]);
  });

  it('headers alone, frames that are cut off or too long, are dropped', () => {
    const rig = new NetRig();
    for (const length of [1, 11, 12, 25, 12 + 65_558]) rig.give(new Uint8Array(length));
    rig.transport.notify(1);
    rig.pollBackend();
    expect(rig.backend.sent).toEqual([]);
    expect(rig.drivers[1].collect()).toHaveLength(5);
    rig.send(payloadOf(65_557));
    expect(rig.backend.sent).toHaveLength(1);
  });

  it('never upset anybody, whatever they are', () => {
    const rig = new NetRig({ features: FEATURES, backend: new RecordingBackend(NO_OFFLOADS) });
    const byte = fc.nat(255);
    const short = fc.nat(0xffff);
    const header = fc.record({
      flags: byte,
      gsoType: fc.oneof(byte, fc.constantFrom(0, 1, 4, 5, 0x81)),
      hdrLen: short,
      gsoSize: fc.oneof(short, fc.nat(100)),
      csumStart: fc.oneof(short, fc.nat(60)),
      csumOffset: fc.oneof(short, fc.nat(20)),
    });
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map(payload => buildFrame({ payload }).frame),
      fc.uint8Array({ maxLength: 200 }).map(payload => buildFrame({ payload, version: 6, udp: true }).frame),
    );
    fc.assert(
      fc.property(header, frame, (what, bytes) => {
        rig.send(bytes, what);
        expect(rig.drivers[1].collect()).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
    expect(rig.transport.device.violations).toEqual([]);
  });
});

describe('offloads of what is received', () => {
  const tcp = buildFrame({ payload: payloadOf(3000), partial: true });
  const offload = {
    csumStart: 34,
    csumOffset: 16,
    gso: 'tcp4',
    gsoSize: 1460,
    headerLength: 54,
  } as const;

  it('reach a driver that accepts them', () => {
    const rig = new NetRig({ features: F.GUEST_CSUM | F.GUEST_TSO4 | F.MRG_RXBUF });
    rig.addBuffers(4, 2048);
    expect(rig.backend.card.accepts).toEqual({ checksum: true, tcp4: true, tcp6: false, udp: false });
    rig.backend.card.receive(tcp.frame, offload);
    rig.net.poll();
    const [first] = rig.collect();
    expect([...first.subarray(0, 12)]).toEqual([1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0, 2, 0]);
  });

  it('are done in software for one that does not', () => {
    const rig = new NetRig();
    rig.addBuffers(4, 2048);
    rig.backend.card.receive(tcp.frame, offload);
    rig.backend.card.receive(buildFrame({ payload: payloadOf(9), partial: true }).frame, {
      csumStart: 34,
      csumOffset: 16,
    });
    rig.net.poll();
    const pieces = rig.collect();
    expect(pieces.map(({ length }) => length)).toEqual([1526, 1526, 146, 75]);
    for (const piece of pieces)
      expect([...piece.subarray(0, 12)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(pieces[3].subarray(12)).toEqual(buildFrame({ payload: payloadOf(9) }).frame);
  });

  it('DATA_VALID is for drivers that know it', () => {
    for (const features of [0n, F.GUEST_CSUM]) {
      const rig = new NetRig({ features });
      rig.addBuffers(1, 2048);
      rig.backend.card.receive(frameTo(OWN), { checksumsValid: true });
      rig.net.poll();
      expect(rig.collect()[0][0]).toBe(features === 0n ? 0 : 2);
    }
  });

  it('change with the driver’s mind, also for frames that are under way', () => {
    const rig = new NetRig({
      features: F.GUEST_CSUM | F.GUEST_TSO4 | F.MRG_RXBUF | F.CTRL_VQ | F.CTRL_GUEST_OFFLOADS,
    });
    const control = 2;
    const { card } = rig.backend;
    card.receive(tcp.frame, offload);
    card.receive(buildFrame({ payload: payloadOf(9), partial: true }).frame, {
      csumStart: 34,
      csumOffset: 16,
    });
    expect(rig.command([5, 0, 0, 0, 0, 0, 0, 0, 0, 0], control)).toBe(OK);
    expect(card.accepts).toEqual(NO_OFFLOADS);
    rig.addBuffers(4, 4000);
    const pieces = rig.collect();
    expect(pieces.map(({ length }) => length)).toEqual([75]);
    expect(pieces[0].subarray(12)).toEqual(buildFrame({ payload: payloadOf(9) }).frame);
    // TSO6 was not negotiated; checksums were.
    expect(rig.command([5, 0, 0, 1, 0, 0, 0, 0, 0, 0], control)).toBe(ERR);
    expect(rig.command([5, 0, 2, 0, 0, 0, 0, 0, 0, 0], control)).toBe(OK);
    expect(card.accepts.checksum).toBe(true);
    expect(rig.command([5, 0, 2, 0, 0, 0], control)).toBe(ERR);
  });

  it('with segments so small that they are too many are dropped', () => {
    const rig = new NetRig();
    rig.addBuffers(1, 2048);
    expect(rig.backend.card.receive(tcp.frame, { ...offload, gsoSize: 1 })).toBe(true);
    rig.net.poll();
    expect(rig.collect()).toEqual([]);
  });
});

describe('the control queue', () => {
  const ALL = F.CTRL_VQ | F.CTRL_RX | F.CTRL_RX_EXTRA | F.CTRL_VLAN | F.CTRL_MAC_ADDR | F.GUEST_ANNOUNCE;

  it('sets receive modes', () => {
    const rig = new NetRig({ features: ALL & ~F.CTRL_VLAN });
    expect(arrives(rig, frameTo(OTHER))).toBe(true);
    const mode = (command: number, on: boolean): void =>
      expect(rig.command([0, command, on ? 1 : 0])).toBe(OK);
    mode(0, false);
    expect([OWN, OTHER, GROUP, BROADCAST].map(to => arrives(rig, frameTo(to)))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    mode(1, true);
    mode(2, true);
    expect([OWN, OTHER, GROUP, BROADCAST].map(to => arrives(rig, frameTo(to)))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    mode(3, true);
    mode(4, true);
    mode(5, true);
    expect([OWN, OTHER, GROUP, BROADCAST].map(to => arrives(rig, frameTo(to)))).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(rig.command([0, 6, 1])).toBe(ERR);
    expect(rig.command([0, 0])).toBe(ERR);
  });

  it('sets the tables of addresses, and passes all when they are too many', () => {
    const rig = new NetRig({ features: ALL & ~F.CTRL_VLAN });
    rig.command([0, 0, 0]);
    expect(rig.command([1, 0, 1, 0, 0, 0, ...OTHER, 1, 0, 0, 0, ...GROUP])).toBe(OK);
    expect([OTHER, GROUP].map(to => arrives(rig, frameTo(to)))).toEqual([true, true]);
    expect(rig.command([1, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toBe(OK);
    expect([OTHER, GROUP].map(to => arrives(rig, frameTo(to)))).toEqual([false, false]);
    const many = Array.from({ length: 65 }, (_, i) => [0x33, 0x33, 1, 0, 0, i]).flat();
    expect(rig.command([1, 0, 0, 0, 0, 0, 65, 0, 0, 0, ...many])).toBe(OK);
    expect([OTHER, GROUP].map(to => arrives(rig, frameTo(to)))).toEqual([false, true]);
  });

  it('sets the address', () => {
    const rig = new NetRig({ features: ALL & ~F.CTRL_VLAN });
    rig.command([0, 0, 0]);
    expect(rig.command([1, 1, ...OTHER])).toBe(OK);
    expect(OTHER.map((_, i) => rig.transport.readConfig(i, 1))).toEqual(OTHER);
    expect([OWN, OTHER].map(to => arrives(rig, frameTo(to)))).toEqual([false, true]);
    rig.transport.status = 0;
    expect([...rig.net.mac]).toEqual(OWN);
  });

  it('filters VLANs', () => {
    const rig = new NetRig({ features: ALL });
    rig.command([0, 0, 0]);
    const tagged = frameTo(OWN, 60, [0x81, 0, 0x20, 7]);
    expect(arrives(rig, tagged)).toBe(false);
    expect(rig.command([2, 0, 7, 0])).toBe(OK);
    expect(arrives(rig, tagged)).toBe(true);
    expect(rig.command([2, 1, 7, 0])).toBe(OK);
    expect(arrives(rig, tagged)).toBe(false);
    expect(arrives(rig, frameTo(OWN))).toBe(true);
    expect(rig.command([2, 0, 0, 16])).toBe(ERR);
  });

  it.each<[string, readonly number[]]>([
    ['nothing', []],
    ['a class alone', [0]],
    ['a class that does not exist', [9, 0, 0]],
    ['queues without MQ', [4, 0, 1, 0]],
    ['tables that are cut off', [1, 0, 2, 0, 0, 0, ...OTHER]],
    ['tables of 4 billion addresses', [1, 0, 255, 255, 255, 255, ...OTHER]],
    ['tables with something behind', [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['half an address', [1, 1, 2, 0, 0]],
    ['more than a command can have', Array<number>(20_000).fill(0)],
  ])('refuses %s', (_name, bytes) => {
    const rig = new NetRig({ features: ALL });
    if (bytes.length > 0) expect(rig.command(bytes)).toBe(ERR);
    expect(rig.command([0, 0, 0])).toBe(OK);
  });

  it('gives back commands that leave no room for an answer', () => {
    const rig = new NetRig({ features: ALL });
    rig.give(Uint8Array.of(0, 0, 0), 2);
    rig.transport.notify(2);
    expect(rig.drivers[2].collect()).toMatchObject([{ length: 0 }]);
    expect(rig.command([0, 0, 0])).toBe(OK);
  });

  it('takes no command that was not negotiated', () => {
    const rig = new NetRig({ features: F.CTRL_VQ });
    for (const command of [
      [0, 0, 1],
      [0, 2, 1],
      [1, 1, ...OTHER],
      [2, 0, 1, 0],
      [3, 0],
      [5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]) {
      expect(rig.command(command)).toBe(ERR);
    }
  });
});

describe('several queue pairs', () => {
  const control = 8;
  const setPairs = (rig: NetRig, pairs: number): number => rig.command([4, 0, pairs, 0], control);
  const flow = (port: number, back: boolean): Uint8Array => {
    const { frame } = buildFrame({ payload: payloadOf(20) });
    const [from, to] = back ? [36, 34] : [34, 36];
    frame.set([port >>> 8, port & 0xff], from);
    frame.set([0, 80], to);
    if (back) frame.set([...frame.subarray(30, 34), ...frame.subarray(26, 30)], 26);
    return frame;
  };

  it('receive a flow where the driver sent it', () => {
    const rig = new NetRig({ queuePairs: 4, features: F.MQ | F.CTRL_VQ });
    expect(setPairs(rig, 4)).toBe(OK);
    [0, 2, 4, 6].forEach(queue => rig.addBuffers(4, 256, queue));
    [0, 1, 2, 3].forEach(pair => rig.send(flow(5000 + pair, false), {}, 2 * pair + 1));
    expect(rig.backend.sent).toHaveLength(4);
    [3, 1, 0, 2].forEach(pair => rig.backend.card.receive(flow(5000 + pair, true)));
    rig.net.poll();
    for (const pair of [0, 1, 2, 3]) {
      expect(rig.collect(2 * pair).map(piece => piece.subarray(12))).toEqual([flow(5000 + pair, true)]);
    }
    expect(
      rig.transport.interrupts().filter(name => ['queue0', 'queue2', 'queue4', 'queue6'].includes(name)),
    ).toHaveLength(4);
  });

  it('are one until the driver says otherwise, and as many as it says', () => {
    const rig = new NetRig({ queuePairs: 4, features: F.MQ | F.CTRL_VQ });
    rig.addBuffers(4, 256, 0);
    rig.addBuffers(4, 256, 6);
    rig.send(flow(5000, false), {}, 7);
    rig.backend.card.receive(flow(5000, true));
    rig.net.poll();
    expect(rig.collect(0)).toHaveLength(1);
    expect([0, 5, 0xff].map(pairs => setPairs(rig, pairs))).toEqual([ERR, ERR, ERR]);
  });

  it('leave the control queue where a driver without MQ looks for it', () => {
    const rig = new NetRig({ queuePairs: 4, features: F.CTRL_VQ | F.CTRL_RX });
    expect(rig.command([0, 0, 1], 2)).toBe(OK);
  });
});

describe('a back end that is slow', () => {
  it('makes the guest’s frames wait, in their order, and takes them when it is ready', () => {
    const rig = new NetRig();
    rig.backend.ready = false;
    const frames = Array.from({ length: 1200 }, (_, i) => payloadOf(1000, i));
    let next = 0;
    let freed = 0;
    const submit = (): void => {
      for (; next < frames.length && next - freed < 256; next++) {
        rig.give(Uint8Array.from([...new Uint8Array(12), ...frames[next]]));
      }
      rig.transport.notify(1);
      rig.pollBackend();
      freed += rig.drivers[1].collect().length;
    };
    for (let i = 0; i < 6; i++) submit();
    expect(rig.backend.sent).toEqual([]);
    expect(freed).toBeLessThan(1100);
    const stuck = freed;
    submit();
    expect(freed).toBe(stuck);
    rig.backend.ready = true;
    for (let i = 0; i < 12 && freed < frames.length; i++) {
      rig.pollBackend();
      rig.net.poll();
      submit();
    }
    rig.pollBackend();
    expect(freed).toBe(frames.length);
    expect(rig.backend.sent.every(({ frame }, i) => Buffer.compare(frame, frames[i]) === 0)).toBe(true);
    expect(rig.backend.sent).toHaveLength(frames.length);
  });
});

describe('saved state', () => {
  it('goes on in the middle of traffic', () => {
    const features = F.CTRL_VQ | F.CTRL_RX | F.CTRL_MAC_ADDR | F.GUEST_CSUM | F.GUEST_ANNOUNCE | F.MRG_RXBUF;
    const rig = new NetRig({ features });
    rig.command([0, 0, 0]);
    rig.command([1, 1, ...OTHER]);
    rig.command([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, ...GROUP]);
    rig.addBuffers(3, 256);
    rig.backend.card.receive(frameTo(OTHER));
    rig.net.poll();
    rig.send(frameTo(BROADCAST));
    // Made available, and not yet notified of.
    rig.give(Uint8Array.from([...new Uint8Array(12), ...frameTo(OTHER, 99)]));
    const state = structuredClone(rig.transport.whole.save());
    rig.transport.whole.reset();
    expect(rig.backend.card.accepts.checksum).toBe(false);

    rig.transport.whole.load(state);
    expect(rig.backend.card.accepts.checksum).toBe(true);
    expect([...rig.net.mac]).toEqual(OTHER);
    rig.net.poll();
    rig.pollBackend();
    expect(rig.backend.sent.map(({ frame }) => frame.length)).toEqual([60, 99]);
    for (const to of [OWN, GROUP, OTHER]) rig.backend.card.receive(frameTo(to));
    rig.net.poll();
    expect(rig.collect().map(piece => [...piece.subarray(12, 18)])).toEqual([OTHER, GROUP, OTHER]);
    // Who moves has to say so.
    expect(rig.transport.readConfig(6, 2)).toBe(3);
    expect(rig.command([3, 0])).toBe(OK);
    const again = structuredClone(rig.transport.whole.save());
    rig.transport.whole.load(again);
    expect({ ...rig.net.save(), announcing: false }).toEqual({
      ...(again as { device: { type: object } }).device.type,
    });
  });

  it('of a device that no driver has found yet stays so', () => {
    const rig = new NetRig();
    rig.transport.status = 0;
    rig.transport.whole.load(structuredClone(rig.transport.whole.save()));
    expect(rig.backend.card.receive(frameTo(OWN))).toBe(true);
    expect(rig.net.poll()).toBe(false);
    expect(rig.net.announcing).toBe(false);
  });

  it('forgets what it has of a queue that the driver takes back', () => {
    const rig = new NetRig();
    rig.backend.ready = false;
    rig.addBuffers(2, 256);
    (rig.transport as ModernPci).resetQueue(0);
    rig.backend.card.receive(frameTo(OWN));
    expect(rig.net.poll()).toBe(false);
    expect(rig.collect()).toEqual([]);
  });
});
