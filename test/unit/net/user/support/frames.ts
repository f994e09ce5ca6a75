// What a guest's network stack would send and understand, written from the RFCs and without the code under test.

export const GUEST_MAC = Buffer.from('525400123456', 'hex');
export const GATEWAY_MAC = Buffer.from('52550a000202', 'hex');
export const GUEST_IP = '10.0.2.15';
export const GUEST_IPV6 = 'fec0::5054:ff:fe12:3456';

export const TCP = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export function ip(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number));
  const [head, tail] = text.split('::').map(half => (half === '' ? [] : half.split(':')));
  const middle: string[] = tail ? Array<string>(8 - head.length - tail.length).fill('0') : [];
  const groups = [...head, ...middle, ...(tail ?? [])];
  return Buffer.from(groups.map(group => group.padStart(4, '0')).join(''), 'hex');
}

export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] << 8) | bytes[2 * i + 1]).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** RFC 1071, part by part: all but the last have an even length. */
export function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const bytes of parts) {
    for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, i) => bytes.writeUInt16BE(value & 0xffff, i * 2));
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function ethernet(type: number, payload: Uint8Array, to: Uint8Array = GATEWAY_MAC): Buffer {
  return Buffer.concat([to, GUEST_MAC, u16(type), payload]);
}

export interface IpFields {
  readonly from?: string;
  readonly to: string;
  readonly hopLimit?: number;
  readonly id?: number;
  /** Flags and offset of IPv4. */
  readonly fragment?: number;
  readonly mac?: Uint8Array;
}

/** A frame with an IP packet. */
export function ipFrame(fields: IpFields, protocol: number, payload: Uint8Array): Buffer {
  const { to, hopLimit = 64, id = 0, fragment = 0, mac } = fields;
  if (to.includes(':')) {
    const header = Buffer.concat([
      u32(0x60000000),
      u16(payload.length),
      Buffer.from([protocol, hopLimit]),
      ip(fields.from ?? GUEST_IPV6),
      ip(to),
    ]);
    return ethernet(0x86dd, Buffer.concat([header, payload]), mac);
  }
  const header = Buffer.concat([
    u16(0x4500, 20 + payload.length, id, fragment),
    Buffer.from([hopLimit, protocol, 0, 0]),
    ip(fields.from ?? GUEST_IP),
    ip(to),
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return ethernet(0x0800, Buffer.concat([header, payload]), mac);
}

function pseudoHeader(from: string, to: string, protocol: number, length: number): Buffer {
  return Buffer.concat([ip(from), ip(to), u32(length), u32(protocol)]);
}

function fromOf({ from, to }: IpFields): string {
  return from ?? (to.includes(':') ? GUEST_IPV6 : GUEST_IP);
}

export interface UdpFields extends IpFields {
  readonly fromPort: number;
  readonly toPort: number;
}

/** A UDP datagram, without what carries it. */
export function udpDatagram(fields: UdpFields, data: Uint8Array): Buffer {
  const datagram = Buffer.concat([u16(fields.fromPort, fields.toPort, 8 + data.length, 0), data]);
  const pseudo = pseudoHeader(fromOf(fields), fields.to, 17, datagram.length);
  datagram.writeUInt16BE(checksum(pseudo, datagram) || 0xffff, 6);
  return datagram;
}

export function udpFrame(fields: UdpFields, data: Uint8Array | string): Buffer {
  return ipFrame(fields, 17, udpDatagram(fields, Buffer.from(data)));
}

export interface TcpFields extends IpFields {
  readonly fromPort: number;
  readonly toPort: number;
  readonly sequence: number;
  readonly acknowledgment?: number;
  readonly flags: number;
  readonly window?: number;
  readonly options?: Uint8Array;
}

export function tcpFrame(fields: TcpFields, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const { options = Buffer.alloc(0), window = 0xffff } = fields;
  const segment = Buffer.concat([
    u16(fields.fromPort, fields.toPort),
    u32(fields.sequence),
    u32(fields.acknowledgment ?? 0),
    Buffer.from([(20 + options.length) << 2, fields.flags]),
    u16(window, 0, 0),
    options,
    data,
  ]);
  segment.writeUInt16BE(checksum(pseudoHeader(fromOf(fields), fields.to, 6, segment.length), segment), 16);
  return ipFrame(fields, 6, segment);
}

/** An ICMP or ICMPv6 message, by the family of the destination. */
export function icmpFrame(fields: IpFields, type: number, code: number, rest: Uint8Array): Buffer {
  const message = Buffer.concat([Buffer.from([type, code, 0, 0]), rest]);
  const isV6 = fields.to.includes(':');
  const pseudo = isV6 ? pseudoHeader(fromOf(fields), fields.to, 58, message.length) : Buffer.alloc(0);
  message.writeUInt16BE(checksum(pseudo, message), 2);
  return ipFrame(fields, isV6 ? 58 : 1, message);
}

export interface Received {
  readonly frame: Buffer;
  readonly to: Buffer;
  readonly from: Buffer;
  readonly type: number;
  readonly ip?: ReceivedIp;
  readonly udp?: { readonly fromPort: number; readonly toPort: number; readonly data: Buffer };
  readonly tcp?: ReceivedTcp;
  readonly icmp?: { readonly type: number; readonly code: number; readonly rest: Buffer };
}

export interface ReceivedIp {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly hopLimit: number;
  readonly payload: Buffer;
  /** IPv4's flags and offset; of IPv6's fragment header, offset and flag. */
  readonly fragment: number;
  readonly id: number;
}

export interface ReceivedTcp {
  readonly fromPort: number;
  readonly toPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  readonly options: Buffer;
  readonly data: Buffer;
}

/** What a frame from the network says. Throws where lengths or checksums are wrong: a guest would drop it. */
export function parse(frame: Buffer): Received {
  const base = { frame, to: frame.subarray(0, 6), from: frame.subarray(6, 12), type: frame.readUInt16BE(12) };
  if (base.type !== 0x0800 && base.type !== 0x86dd) return base;
  const packet = parseIp(frame.subarray(14), base.type);
  const whole =
    packet.protocol === 44 || (base.type === 0x0800 && (packet.fragment & 0x3fff) !== 0)
      ? {}
      : parseUpper(packet);
  return { ...base, ip: packet, ...whole };
}

function parseIp(bytes: Buffer, type: number): ReceivedIp {
  if (type === 0x86dd) {
    if (bytes[0] >> 4 !== 6 || bytes.readUInt16BE(4) !== bytes.length - 40)
      throw new Error('bad IPv6 header');
    return {
      from: ipText(bytes.subarray(8, 24)),
      to: ipText(bytes.subarray(24, 40)),
      protocol: bytes[6],
      hopLimit: bytes[7],
      payload: bytes.subarray(40),
      fragment: bytes[6] === 44 ? bytes.readUInt16BE(42) : 0,
      id: bytes[6] === 44 ? bytes.readUInt32BE(44) : 0,
    };
  }
  if (bytes[0] !== 0x45 || bytes.readUInt16BE(2) !== bytes.length) throw new Error('bad IPv4 header');
  if (checksum(bytes.subarray(0, 20)) !== 0) throw new Error('bad IPv4 header checksum');
  return {
    from: ipText(bytes.subarray(12, 16)),
    to: ipText(bytes.subarray(16, 20)),
    protocol: bytes[9],
    hopLimit: bytes[8],
    payload: bytes.subarray(20),
    fragment: bytes.readUInt16BE(6),
    id: bytes.readUInt16BE(4),
  };
}

/** What an IP packet carries. */
export function parseUpper({ from, to, protocol, payload }: ReceivedIp): Partial<Received> {
  const pseudo = protocol === 1 ? Buffer.alloc(0) : pseudoHeader(from, to, protocol, payload.length);
  if (checksum(pseudo, payload) !== 0) throw new Error(`bad checksum of protocol ${protocol}`);
  switch (protocol) {
    case 17:
      if (payload.readUInt16BE(4) !== payload.length) throw new Error('bad UDP length');
      return {
        udp: {
          fromPort: payload.readUInt16BE(0),
          toPort: payload.readUInt16BE(2),
          data: payload.subarray(8),
        },
      };
    case 6: {
      const headerLength = (payload[12] >> 4) * 4;
      return {
        tcp: {
          fromPort: payload.readUInt16BE(0),
          toPort: payload.readUInt16BE(2),
          sequence: payload.readUInt32BE(4),
          acknowledgment: payload.readUInt32BE(8),
          flags: payload[13],
          window: payload.readUInt16BE(14),
          options: payload.subarray(20, headerLength),
          data: payload.subarray(headerLength),
        },
      };
    }
    case 1:
    case 58:
      return { icmp: { type: payload[0], code: payload[1], rest: payload.subarray(4) } };
    default:
      return {};
  }
}
