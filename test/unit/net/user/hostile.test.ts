import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Offload } from '../../../../src/net/backend.js';
import { conversation, pattern } from './support/conversation.js';
import { GUEST_IPV6, icmpFrame, ipFrame, TCP, tcpFrame, udpFrame } from './support/frames.js';
import { lab } from './support/network.js';

/** Frames that are right, of every kind that the network understands. */
const EXAMPLES = [
  tcpFrame({
    to: '192.0.2.1',
    fromPort: 1,
    toPort: 2,
    sequence: 5,
    flags: TCP.syn,
    options: Buffer.from([2, 4, 5, 180]),
  }),
  tcpFrame(
    { to: '192.0.2.1', fromPort: 1, toPort: 2, sequence: 6, acknowledgment: 9, flags: TCP.ack },
    pattern(100),
  ),
  tcpFrame({ to: '2001:db8::1', fromPort: 1, toPort: 2, sequence: 5, flags: TCP.syn }),
  udpFrame({ to: '192.0.2.1', fromPort: 1, toPort: 2 }, pattern(100)),
  udpFrame({ to: '10.0.2.3', fromPort: 1, toPort: 53 }, pattern(40)),
  udpFrame(
    { from: '0.0.0.0', to: '255.255.255.255', fromPort: 68, toPort: 67 },
    Buffer.concat([Buffer.from([1, 1, 6]), pattern(300)]),
  ),
  icmpFrame({ to: '10.0.2.2' }, 8, 0, pattern(60)),
  icmpFrame({ from: GUEST_IPV6, to: 'ff02::2', hopLimit: 255 }, 133, 0, pattern(40)),
  icmpFrame({ from: GUEST_IPV6, to: 'ff02::1:ff00:2', hopLimit: 255 }, 135, 0, pattern(40)),
  ipFrame({ to: '192.0.2.1', fragment: 0x2000 }, 17, pattern(64)),
  ipFrame({ to: '2001:db8::1' }, 44, pattern(64)),
  ipFrame(
    { to: '2001:db8::1' },
    0,
    Buffer.concat([Buffer.from([60, 0]), Buffer.alloc(6), Buffer.from([44, 1]), Buffer.alloc(30)]),
  ),
];

const mutated = fc
  .record({
    example: fc.constantFrom(...EXAMPLES),
    changes: fc.array(fc.record({ at: fc.nat(200), value: fc.nat(255) }), { maxLength: 6 }),
    length: fc.option(fc.nat(400)),
  })
  .map(({ example, changes, length }) => {
    const frame = Buffer.from(example.subarray(0, length ?? example.length));
    for (const { at, value } of changes) if (at < frame.length) frame[at] = value;
    return frame;
  });

const offload: fc.Arbitrary<Offload | undefined> = fc.option(
  fc.record({
    csumStart: fc.nat(70_000),
    csumOffset: fc.nat(70_000),
    gso: fc.constantFrom('tcp4' as const, 'tcp6' as const, 'udp' as const),
    gsoSize: fc.nat(70_000),
    headerLength: fc.nat(70_000),
  }),
  { nil: undefined },
);

const arbitrary = fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes));

it('survives any frames', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.oneof({ weight: 5, arbitrary: mutated }, { weight: 1, arbitrary }), offload), {
        maxLength: 30,
      }),
      async frames => {
        const { network, host, card } = await lab({ hostForwards: ['udp::5000-:53'] });
        for (const [frame, what] of frames) {
          network.transmit(frame, what);
          for (const { events, slow } of host.streams) if (!slow) events.connected();
          for (const stream of host.streams) stream.slow = true;
          host.pass(10);
        }
        host.pass(100_000);
        network.close();
        // Whatever came back was well-formed: the card looks at every frame's lengths and checksums.
        expect(card.received.length).toBeLessThan(2000);
      },
    ),
    { numRuns: 300 },
  );
});

it('survives any segments on a connection', async () => {
  const segment = fc.record({
    sequence: fc.integer({ min: -100, max: 70_000 }),
    acknowledgment: fc.integer({ min: -10, max: 70_000 }),
    flags: fc.nat(63),
    window: fc.nat(0xffff),
    length: fc.nat(3000),
    answer: fc.nat(3000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(segment, { maxLength: 40 }), async segments => {
      const { guest, stream, network, host, card } = await conversation();
      delete card.onFrame;
      guest.acknowledge();
      host.settle();
      const base = { to: '192.0.2.1', fromPort: 40_000, toPort: 80 };
      network.transmit(tcpFrame({ ...base, sequence: 0x7000_0000, flags: TCP.ack }));
      const theirs = card.take().at(-1)!.tcp!.sequence;
      for (const { sequence, acknowledgment, flags, window, length, answer } of segments) {
        const fields = { ...base, flags, window };
        network.transmit(
          tcpFrame(
            { ...fields, sequence: 0xffff_fff1 + sequence, acknowledgment: theirs + acknowledgment },
            pattern(length),
          ),
        );
        if (!stream.closed && !stream.wasReset) stream.events.data(pattern(answer));
        host.pass(20);
      }
      // No more than was sent, and no more than the window.
      expect(stream.bytes.length).toBeLessThanOrEqual(segments.reduce((sum, { length }) => sum + length, 0));
      host.pass(10_000_000);
      // What the guest has not reset is given up, or waits for the host.
      expect(network.statistics.connections).toBeLessThanOrEqual(1);
      network.close();
      expect(network.statistics.connections).toBe(0);
    }),
    { numRuns: 100 },
  );
});
