import type { IpAddress } from './addresses.js';

/** Ethernet II: destination, source, type of what follows. */
export const ETHERNET_HEADER = 14;

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

export type MacAddress = Uint8Array;

export const BROADCAST_MAC: MacAddress = new Uint8Array(6).fill(0xff);

/** Where the group IPv6 addresses are heard (RFC 2464, 7). */
export function multicastMac(group: IpAddress): MacAddress {
  return Uint8Array.of(0x33, 0x33, group[12], group[13], group[14], group[15]);
}

/** Whether the address at `at` is a group's. */
export function isGroupMac(bytes: Uint8Array, at: number): boolean {
  return (bytes[at] & 1) !== 0;
}
