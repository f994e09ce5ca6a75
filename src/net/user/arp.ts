import { isUnspecified, type IpAddress } from './addresses.js';
import { copyOf, read16, write16 } from './bytes.js';
import { BROADCAST_MAC, ETHERNET_HEADER, ETHERTYPE, type MacAddress } from './ethernet.js';
import type { Network } from './network.js';

/** Of IPv4 over Ethernet (RFC 826). */
const PACKET_LENGTH = 28;
const HARDWARE_ETHERNET = 1;
const OPERATION = { request: 1, reply: 2 } as const;

/** Offsets in the packet. */
const FIELD = {
  hardware: 0,
  protocol: 2,
  hardwareLength: 4,
  protocolLength: 5,
  operation: 6,
  senderMac: 8,
  senderIp: 14,
  targetMac: 18,
  targetIp: 24,
} as const;

/** Answers who has which IPv4 address, and asks. */
export class Arp {
  constructor(private readonly network: Network) {}

  receive(frame: Uint8Array): void {
    const at = ETHERNET_HEADER;
    if (frame.length < at + PACKET_LENGTH) return;
    const isOurs =
      read16(frame, at + FIELD.hardware) === HARDWARE_ETHERNET &&
      read16(frame, at + FIELD.protocol) === ETHERTYPE.ipv4 &&
      frame[at + FIELD.hardwareLength] === 6 &&
      frame[at + FIELD.protocolLength] === 4;
    if (!isOurs) return;
    const senderMac = copyOf(frame, at + FIELD.senderMac, at + FIELD.senderIp);
    const senderIp = copyOf(frame, at + FIELD.senderIp, at + FIELD.targetMac);
    const targetIp = copyOf(frame, at + FIELD.targetIp, at + PACKET_LENGTH);
    const { routes, neighbours } = this.network;
    if (routes.isGuest(senderIp)) neighbours.learn(senderIp, senderMac);
    const wantsUs = read16(frame, at + FIELD.operation) === OPERATION.request && routes.has(targetIp);
    if (wantsUs) this.send(OPERATION.reply, targetIp, senderMac, senderIp);
  }

  ask(address: IpAddress): void {
    const gateway = this.network.routes.gateway(4);
    if (gateway && !isUnspecified(address)) this.send(OPERATION.request, gateway, undefined, address);
  }

  private send(
    operation: number,
    senderIp: IpAddress,
    targetMac: MacAddress | undefined,
    targetIp: IpAddress,
  ): void {
    const { link, mac } = this.network;
    const { frame } = link;
    const at = ETHERNET_HEADER;
    frame.set(targetMac ?? BROADCAST_MAC);
    frame.set(mac, 6);
    write16(frame, 12, ETHERTYPE.arp);
    write16(frame, at + FIELD.hardware, HARDWARE_ETHERNET);
    write16(frame, at + FIELD.protocol, ETHERTYPE.ipv4);
    frame[at + FIELD.hardwareLength] = 6;
    frame[at + FIELD.protocolLength] = 4;
    write16(frame, at + FIELD.operation, operation);
    frame.set(mac, at + FIELD.senderMac);
    frame.set(senderIp, at + FIELD.senderIp);
    if (targetMac) frame.set(targetMac, at + FIELD.targetMac);
    else frame.fill(0, at + FIELD.targetMac, at + FIELD.targetIp);
    frame.set(targetIp, at + FIELD.targetIp);
    link.send(at + PACKET_LENGTH);
  }
}
