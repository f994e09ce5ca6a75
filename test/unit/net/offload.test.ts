import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { internetChecksum, onesComplementSum } from '../../../src/net/checksum.js';
import { completeChecksum, Segmenter } from '../../../src/net/offload.js';
import type { Offload } from '../../../src/net/backend.js';
import { PcapWriter } from '../../../src/net/pcap.js';
import { buildFrame, hexBytes, naiveChecksum, payloadOf, type TcpFrame } from './frames.js';

/** Cuts a frame as a card does. */
function segmentsOf(frame: Uint8Array, offload: Offload): Uint8Array[] {
  const segmenter = new Segmenter();
  const count = segmenter.begin(frame, offload);
  return Array.from({ length: count }, (_, i) => {
    const segment = new Uint8Array(segmenter.lengthOf(i));
    segmenter.write(i, segment);
    return segment;
  });
}

/** What tcpdump says of the frames, one line each. */
function tcpdump(frames: readonly Uint8Array[]): string[] {
  const pieces: Uint8Array[] = [];
  const writer = new PcapWriter(data => pieces.push(data.slice()));
  for (const frame of frames) writer.add(frame, 0);
  writer.flush();
  const text = execFileSync('tcpdump', ['-r', '-', '-nn', '-vv', '-S'], {
    input: Buffer.concat(pieces),
    stdio: ['pipe', 'pipe', 'ignore'],
  }).toString();
  return text.replaceAll(/\n\s+/g, ' ').trim().split('\n');
}

const hasTcpdump = (() => {
  try {
    execFileSync('tcpdump', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe('checksums', () => {
  it('are those of the example in RFC 1071, section 3', () => {
    expect(onesComplementSum(hexBytes('0001 f203 f4f5 f6f7'), 0, 8)).toBe(0xddf2);
  });

  it('are those of a header captured from the wire', () => {
    // An IPv4 header whose checksum is 0xb861: the example that encyclopedias give.
    const header = hexBytes('4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7');
    expect(internetChecksum(header, 0, header.length)).toBe(0);
    header.set([0, 0], 10);
    expect(internetChecksum(header, 0, header.length)).toBe(0xb861);
  });

  it('agree with adding one word after the other, whatever the length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(10), (bytes, start) => {
        const from = Math.min(start, bytes.length);
        expect(internetChecksum(bytes, from, bytes.length)).toBe(naiveChecksum([bytes.subarray(from)]));
      }),
    );
    const large = new Uint8Array(200_001).fill(0xff);
    expect(internetChecksum(large, 0, large.length)).toBe(naiveChecksum([large]));
  });

  it.each<[string, TcpFrame]>([
    ['TCP over IPv4', { payload: payloadOf(100) }],
    ['TCP over IPv6, odd length', { version: 6, payload: payloadOf(101) }],
    ['UDP in a VLAN', { udp: true, vlan: 7, payload: payloadOf(33) }],
    ['nothing', { payload: payloadOf(0) }],
  ])('are completed: %s', (_name, what) => {
    const { frame, csumStart, csumOffset } = buildFrame({ ...what, partial: true });
    completeChecksum(frame, csumStart, csumOffset);
    expect(frame).toEqual(buildFrame(what).frame);
  });

  it('of UDP are never 0, which would mean that there is none', () => {
    // The payload makes the sum of all words 0xFFFF, whose complement is 0.
    const open = buildFrame({ udp: true, payload: payloadOf(2, 0) });
    const sum = (open.frame[open.csumStart + 6] << 8) | open.frame[open.csumStart + 7];
    const payload = Uint8Array.of(sum >>> 8, sum & 0xff);
    const { frame, csumStart, csumOffset } = buildFrame({ udp: true, payload, partial: true });
    completeChecksum(frame, csumStart, csumOffset);
    expect([...frame.subarray(csumStart + 6, csumStart + 8)]).toEqual([0xff, 0xff]);
  });
});

describe('segmentation', () => {
  const FIN = 1;
  const PSH = 8;
  const ACK = 16;
  const CWR = 128;

  it('gives the segments that the sender would have made itself', () => {
    const payload = payloadOf(3500, 3);
    for (const version of [4, 6] as const) {
      for (const vlan of [undefined, 42]) {
        const shape = { version, ...(vlan !== undefined && { vlan }), flags: ACK | PSH | FIN };
        const { frame } = buildFrame({ ...shape, payload, sequence: 0xffff_fe00, partial: true });
        const gso = version === 4 ? 'tcp4' : 'tcp6';
        const segments = segmentsOf(frame, { gso, gsoSize: 1460 });
        const expected = [0, 1460, 2920].map((from, i) => {
          const piece = buildFrame({
            ...shape,
            flags: i === 2 ? ACK | PSH | FIN : ACK,
            sequence: (0xffff_fe00 + from) >>> 0,
            payload: payload.subarray(from, from + 1460),
          }).frame;
          if (version === 6) return piece;
          // Each datagram has an identification of its own, and the header's checksum with it.
          const ip = piece.subarray(vlan === undefined ? 14 : 18);
          ip[5] += i;
          ip.set([0, 0], 10);
          const sum = naiveChecksum([ip.subarray(0, 20)]);
          ip.set([sum >>> 8, sum & 0xff], 10);
          return piece;
        });
        expect(segments.map(segment => Buffer.from(segment).toString('hex'))).toEqual(
          expected.map(segment => Buffer.from(segment).toString('hex')),
        );
      }
    }
  });

  it('leaves CWR in the first segment alone when the sender speaks of ECN', () => {
    const { frame } = buildFrame({ payload: payloadOf(300), flags: ACK | CWR });
    const flags = (ecn: boolean): number[] =>
      segmentsOf(frame, { gso: 'tcp4', gsoSize: 100, ecn }).map(segment => segment[14 + 20 + 13]);
    expect(flags(true)).toEqual([ACK | CWR, ACK, ACK]);
    expect(flags(false)).toEqual([ACK | CWR, ACK | CWR, ACK | CWR]);
  });

  it('makes datagrams of UDP', () => {
    const payload = payloadOf(250, 5);
    const { frame } = buildFrame({ udp: true, version: 6, payload, partial: true });
    expect(segmentsOf(frame, { gso: 'udp', gsoSize: 100 })).toEqual(
      [0, 100, 200].map(
        from => buildFrame({ udp: true, version: 6, payload: payload.subarray(from, from + 100) }).frame,
      ),
    );
  });

  it('has one segment for what is small, or has no payload', () => {
    const small = buildFrame({ payload: payloadOf(10) }).frame;
    expect(segmentsOf(small, { gso: 'tcp4', gsoSize: 1460 })).toEqual([small]);
    const empty = buildFrame({ payload: payloadOf(0) }).frame;
    expect(segmentsOf(empty, { gso: 'tcp4', gsoSize: 1460 })).toEqual([empty]);
  });

  it('is not done to what is not what it is called, and never without a bound', () => {
    const tcp = buildFrame({ payload: payloadOf(3000) }).frame;
    expect(segmentsOf(tcp, { gso: 'tcp6', gsoSize: 100 })).toEqual([]);
    expect(segmentsOf(tcp, { gso: 'udp', gsoSize: 100 })).toEqual([]);
    expect(segmentsOf(tcp, { gso: 'tcp4', gsoSize: 0 })).toEqual([]);
    expect(segmentsOf(tcp, { gso: 'tcp4', gsoSize: 1 })).toEqual([]);
    expect(segmentsOf(tcp.subarray(0, 40), { gso: 'tcp4', gsoSize: 100 })).toEqual([]);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 0, max: 70_000 }),
        (bytes, gsoSize) => {
          for (const gso of ['tcp4', 'tcp6', 'udp'] as const) {
            // Ethernet types that lead further in.
            if (bytes.length > 14) bytes.set(gso === 'tcp6' ? [0x86, 0xdd, 0x60] : [8, 0, 0x45], 12);
            const total = segmentsOf(bytes, { gso, gsoSize }).reduce((sum, { length }) => sum + length, 0);
            expect(total).toBeLessThanOrEqual(1400 * (bytes.length + 256));
          }
        },
      ),
    );
  });

  it.runIf(hasTcpdump)('is right in the eyes of tcpdump', () => {
    const frames = (['tcp4', 'tcp6', 'udp'] as const).flatMap(gso => {
      const version = gso === 'tcp6' ? 6 : 4;
      const { frame } = buildFrame({
        version,
        udp: gso === 'udp',
        payload: payloadOf(4001, 7),
        partial: true,
      });
      return segmentsOf(frame, { gso, gsoSize: 1000 });
    });
    const lines = tcpdump(frames);
    expect(lines).toHaveLength(15);
    for (const line of lines) {
      expect(line).toMatch(/\(correct\)|udp sum ok/);
      expect(line).not.toMatch(/incorrect|bad/);
    }
    expect(lines[4]).toMatch(/seq 5000:5001/);
  });
});
