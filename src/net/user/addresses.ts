import { copyOf } from './bytes.js';
/** An IPv4 or IPv6 address in network order: its length, 4 or 16, tells which. */
export type IpAddress = Uint8Array;

export type Family = 4 | 6;

/** A block of addresses: those whose first `prefix` bits are those of `address`. */
export interface Subnet {
  readonly address: IpAddress;
  readonly prefix: number;
}

export function familyOf(address: IpAddress): Family {
  return address.length === 4 ? 4 : 6;
}

/** Dotted decimal, or RFC 4291, 2.2. `undefined` when it is neither. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) {
    return undefined;
  }
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): IpAddress | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => parseGroups(half, i === halves.length - 1));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const address = new Uint8Array(16);
  address.set(head.slice(0, 16));
  if (!tail) return head.length === 16 ? address : undefined;
  // "::" stands for one group at least.
  if (head.length + tail.length > 14) return undefined;
  address.set(tail, 16 - tail.length);
  return address;
}

/** The bytes of groups between colons, of which an address's last may be dotted decimal. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (isEnd && i === groups.length - 1 && group.includes('.')) {
      const ipv4 = parseIpv4(group);
      if (!ipv4) return undefined;
      bytes.push(...ipv4);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

/** As people write it; IPv6 by RFC 5952. */
export function formatIp(address: IpAddress): string {
  if (address.length === 4) return address.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (address[2 * i] << 8) | address[2 * i + 1]);
  const { start, length } = longestZeroes(groups);
  const text = (part: readonly number[]): string => part.map(group => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function longestZeroes(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && matches(a, b, 0);
}

/** Whether `bytes` has `address` at `at`, where there is room for it. */
export function matches(address: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < address.length; i++) if (address[i] !== bytes[at + i]) return false;
  return true;
}

export function contains(subnet: Subnet, address: IpAddress): boolean {
  if (address.length !== subnet.address.length) return false;
  const whole = subnet.prefix >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== subnet.address[i]) return false;
  const mask = 0xff00 >> (subnet.prefix & 7);
  return whole === address.length || ((address[whole] ^ subnet.address[whole]) & mask & 0xff) === 0;
}

/** The subnet's address number `host`, counted from its first one. */
export function hostOf(subnet: Subnet, host: number): IpAddress {
  const address = networkOf(subnet);
  let carry = host;
  for (let i = address.length - 1; i >= 0 && carry > 0; i--) {
    carry += address[i];
    address[i] = carry & 0xff;
    carry = Math.floor(carry / 256);
  }
  return address;
}

/** The first address of a subnet. */
export function networkOf({ address, prefix }: Subnet): IpAddress {
  return address.map((byte, i) => byte & maskByte(prefix, i));
}

/** The last address of a subnet: IPv4's broadcast address. */
export function broadcastOf({ address, prefix }: Subnet): IpAddress {
  return address.map((byte, i) => byte | (~maskByte(prefix, i) & 0xff));
}

export function netmaskOf({ address, prefix }: Subnet): IpAddress {
  return address.map((_, i) => maskByte(prefix, i));
}

function maskByte(prefix: number, index: number): number {
  const bits = Math.min(Math.max(prefix - 8 * index, 0), 8);
  return (0xff00 >> bits) & 0xff;
}

/** 127.0.0.0/8, ::1, and 127.0.0.0/8 as IPv6 writes it. */
export function isLoopback(address: IpAddress): boolean {
  if (address.length === 4) return address[0] === 127;
  const ipv4 = ipv4Of(address);
  if (ipv4) return isLoopback(ipv4);
  return address[15] === 1 && address.every((byte, i) => i === 15 || byte === 0);
}

/** The IPv4 address in ::ffff:0:0/96 (RFC 4291, 2.5.5.2). */
export function ipv4Of(address: IpAddress): IpAddress | undefined {
  if (address.length !== 16 || address[10] !== 0xff || address[11] !== 0xff) return undefined;
  return address.subarray(0, 10).every(byte => byte === 0) ? copyOf(address, 12) : undefined;
}

/** 0.0.0.0 or ::. */
export function isUnspecified(address: IpAddress): boolean {
  return address.every(byte => byte === 0);
}

/** Multicast, or IPv4's limited broadcast address. */
export function isGroup(address: IpAddress): boolean {
  return address.length === 4 ? address[0] >= 224 : address[0] === 0xff;
}

/** fe80::/10. */
export function isLinkLocal(address: IpAddress): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1] & 0xc0) === 0x80;
}
