/** Frames for tests, and an independent idea of their checksums. */

export function hexBytes(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(/\s/g, '').match(/../g) ?? [], byte => parseInt(byte, 16));
}

/** RFC 1071 in big numbers, one word after the other. */
export function naiveChecksum(parts: readonly Uint8Array[]): number {
  const bytes = parts.flatMap(part => [...part]);
  if (bytes.length % 2 === 1) bytes.push(0);
  let sum = 0n;
  for (let i = 0; i < bytes.length; i += 2) sum += BigInt(bytes[i] * 256 + bytes[i + 1]);
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(~sum & 0xffffn);
}

const GUEST_MAC = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const HOST_MAC = [0x52, 0x55, 10, 0, 2, 2];

function words(...values: number[]): number[] {
  return values.flatMap(value => [value >>> 8, value & 0xff]);
}

export interface TcpFrame {
  readonly version?: 4 | 6;
  readonly vlan?: number;
  readonly flags?: number;
  readonly sequence?: number;
  readonly payload: Uint8Array;
  /** The checksum field holds the sum of the pseudo header alone, as drivers leave it. */
  readonly partial?: boolean;
  readonly udp?: boolean;
}

export interface BuiltFrame {
  readonly frame: Uint8Array;
  readonly csumStart: number;
  readonly csumOffset: number;
  readonly headerLength: number;
}

/** A TCP segment or UDP datagram with everything that a network stack puts before it. */
export function buildFrame({
  version = 4,
  vlan,
  flags = 0x18,
  sequence = 1000,
  payload,
  partial,
  udp,
}: TcpFrame): BuiltFrame {
  const tag = vlan === undefined ? [] : words(0x8100, vlan);
  const ethernet = [...HOST_MAC, ...GUEST_MAC, ...tag, ...words(version === 4 ? 0x0800 : 0x86dd)];
  const protocol = udp ? 17 : 6;
  const transport = udp
    ? words(40000, 5353, 8 + payload.length, 0)
    : [...words(40000, 80, sequence >>> 16, sequence & 0xffff, 0, 7), 0x50, flags, ...words(502, 0, 0)];
  const length = transport.length + payload.length;
  const addresses =
    version === 4
      ? [10, 0, 2, 15, 10, 0, 2, 2]
      : [0xfe, 0xc0, ...Array<number>(13).fill(0), 0x15, 0xfe, 0xc0, ...Array<number>(13).fill(0), 2];
  const ip =
    version === 4
      ? [0x45, 0, ...words(20 + length, 77, 0x4000), 64, protocol, 0, 0, ...addresses]
      : [0x60, 0, 0, 0, ...words(length), protocol, 64, ...addresses];
  if (version === 4) ip.splice(10, 2, ...words(naiveChecksum([Uint8Array.from(ip)])));
  const pseudo = Uint8Array.from([...addresses, ...words(0, length, 0, protocol)]);
  const field = udp ? 6 : 16;
  const body = Uint8Array.from([...transport, ...payload]);
  const checksum = partial ? ~naiveChecksum([pseudo]) & 0xffff : naiveChecksum([pseudo, body]);
  body.set(words(checksum === 0 ? 0xffff : checksum), field);
  const frame = Uint8Array.from([...ethernet, ...ip, ...body]);
  const csumStart = ethernet.length + ip.length;
  return { frame, csumStart, csumOffset: field, headerLength: csumStart + transport.length };
}

export function payloadOf(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * seed + (i >> 8)) & 0xff);
}
