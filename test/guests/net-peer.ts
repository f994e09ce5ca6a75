import type { NetBackend, NetCard } from 'tsvmm';

export const GUEST_IP = [10, 0, 2, 15];
export const PEER_IP = [10, 0, 2, 2];
export const PEER_MAC = [0x52, 0x55, 10, 0, 2, 2];

const TYPE_ARP = 0x0806;
const TYPE_IPV4 = 0x0800;

function words(...values: number[]): number[] {
  return values.flatMap(value => [value >>> 8, value & 0xff]);
}

function ipChecksum(header: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += header[i] * 256 + header[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A UDP datagram of the peer to the guest, in an Ethernet frame; without a checksum, which IPv4 allows. */
export function datagram(to: readonly number[], payload: Uint8Array): Uint8Array {
  const ip = [0x45, 0, ...words(28 + payload.length, 1, 0), 64, 17, 0, 0, ...PEER_IP, ...GUEST_IP];
  ip.splice(10, 2, ...words(ipChecksum(ip)));
  return Uint8Array.from([
    ...[...to, ...PEER_MAC, ...words(TYPE_IPV4)],
    ...ip,
    ...words(4000, 7, 8 + payload.length, 0),
    ...payload,
  ]);
}

/** The machine at the other end of the guest's cable: answers ARP, and hears what the guest echoes. */
export class Peer implements NetBackend {
  readonly accepts = { checksum: false, tcp4: false, tcp6: false, udp: false };
  card!: NetCard;
  /** The guest's address, once it has asked. */
  guest: readonly number[] | undefined;
  readonly echoes: Uint8Array[] = [];
  private waiting: (() => void)[] = [];

  attach(card: NetCard): void {
    this.card = card;
  }

  transmit(frame: Uint8Array): void {
    const type = frame[12] * 256 + frame[13];
    if (type === TYPE_ARP) this.answer(frame);
    else if (type === TYPE_IPV4) this.echoes.push(frame.slice(42));
    for (const wake of this.waiting.splice(0)) wake();
  }

  onRoom(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }

  close(): void {}

  /** Resolves when `condition` holds, which is looked at after each frame. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>(resolve => this.waiting.push(resolve));
  }

  async send(payload: Uint8Array): Promise<void> {
    await this.until(() => this.guest !== undefined);
    const frame = datagram(this.guest!, payload);
    await this.until(() => this.card.receive(frame));
  }

  private answer(frame: Uint8Array): void {
    this.guest = [...frame.subarray(6, 12)];
    const reply = [
      ...[...this.guest, ...PEER_MAC, ...words(TYPE_ARP, 1, TYPE_IPV4), 6, 4, ...words(2)],
      ...[...PEER_MAC, ...PEER_IP, ...this.guest, ...GUEST_IP],
    ];
    this.card.receive(Uint8Array.from(reply));
  }
}
