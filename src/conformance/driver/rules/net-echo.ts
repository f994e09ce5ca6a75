import { ETHERNET_HEADER, EtherType, word } from '../../../net/headers.js';
import type { WatchedDevice } from '../watched-device.js';

/** The identifier of echo requests that a variant sends; those with odd sequence numbers have a wrong checksum. */
export const ECHO_IDENTIFIER = 0x7473;
export const ICMP = { PROTOCOL: 1, ECHO_REPLY: 0, ECHO_REQUEST: 8, HEADER: 8 } as const;
const PROTOCOL_AT = 9;

/** What a driver makes of packets whose checksum nobody has vouched for (virtio 1.4, 5.1.9.4.1). */
export class NetEchoRules {
  constructor(private readonly watched: WatchedDevice) {}

  /** Looks at a frame that the driver sends: is it an answer? */
  sent(frame: Uint8Array, queue: number): void {
    if (frame.length < ETHERNET_HEADER + 28 || word(frame, ETHERNET_HEADER - 2) !== EtherType.IPV4) return;
    if (frame[ETHERNET_HEADER + PROTOCOL_AT] !== ICMP.PROTOCOL) return;
    const at = ETHERNET_HEADER + (frame[ETHERNET_HEADER] & 15) * 4;
    if (at + ICMP.HEADER > frame.length || frame[at] !== ICMP.ECHO_REPLY) return;
    if (word(frame, at + 4) !== ECHO_IDENTIFIER) return;
    const sequence = word(frame, at + 6);
    // The first one shows only that it answers at all.
    if (sequence === 0) return;
    this.watched.check(
      '5.1.9.4.1/csum-untrusted',
      sequence % 2 === 0,
      () => `it answers echo request ${sequence}, which came with a wrong checksum and without DATA_VALID`,
      queue,
    );
  }
}
