/**
 * What a frame's sender left undone, and its receiver has to do or to pass on (virtio 1.3, 5.1.6, struct
 * virtio_net_hdr): a checksum that is only begun, a segment that is larger than the wire takes.
 */
export interface Offload {
  /** The checksum over the bytes from `csumStart` to the end belongs at `csumStart + csumOffset`; none: undefined. */
  readonly csumStart?: number | undefined;
  readonly csumOffset?: number | undefined;
  /**
   * The frame is to be cut into segments of `gsoSize` payload bytes behind `headerLength` bytes of headers; `udp` into
   * datagrams of their own, not into fragments. Its checksum is only begun, too.
   */
  readonly gso?: 'tcp4' | 'tcp6' | 'udp' | undefined;
  readonly gsoSize?: number | undefined;
  /** Bytes before the payload, from the destination address on. */
  readonly headerLength?: number | undefined;
  /** A TCP segment with CWR set: only the first of those that it is cut into has it (RFC 3168, 6.1.2). */
  readonly ecn?: boolean;
  /** The receiver need not verify checksums: the frame has not left the machine. */
  readonly checksumsValid?: boolean;
}

/** Offloads that one end of the cable accepts, so that the other end need not do the work. */
export interface OffloadSupport {
  /** Frames whose checksum is only begun. */
  readonly checksum: boolean;
  readonly tcp4: boolean;
  readonly tcp6: boolean;
  readonly udp: boolean;
}

/** The network card's end of the cable, as a back end sees it. */
export interface NetCard {
  /**
   * What the driver accepts at this moment: it changes when a driver starts or changes its mind. What it does not, the card
   * does in software.
   */
  readonly accepts: OffloadSupport;
  /**
   * Hands a frame to the guest: Ethernet, from the destination address on, without frame check sequence. The bytes are
   * copied. Returns false when there is no room: the frame was not taken, and the back end's `onRoom` is called when
   * it is worth another try. A back end that cannot wait counts it as lost.
   */
  receive(frame: Uint8Array, offload?: Offload): boolean;
  /** The cable is plugged in, or not: the guest sees the link go up and down. */
  setLink(up: boolean): void;
}

/**
 * What is at the other end of a network card's cable. It lives on a thread with an event loop and never blocks it.
 */
export interface NetBackend {
  /** What it accepts from the guest. */
  readonly accepts: OffloadSupport;
  /** Largest frame that it takes, in bytes of payload behind the Ethernet header, if it knows: the card's MTU. */
  readonly mtu?: number | undefined;
  /** Called once, before any frame. */
  attach(card: NetCard): void;
  /** False while it takes no frames: those of the guest wait until it calls `onReady`. Absent: it always does. */
  readonly ready?: boolean;
  /** Set by the card: `ready` has become true again. */
  onReady?: () => void;
  /** A frame from the guest. The bytes, and `offload`, are the caller's again when this returns. */
  transmit(frame: Uint8Array, offload?: Offload): void;
  /** There is room for frames again, after `NetCard.receive` had none. */
  onRoom(): void;
  /** Lets go of sockets and descriptors. */
  close(): void;
}

export const NO_OFFLOADS: OffloadSupport = { checksum: false, tcp4: false, tcp6: false, udp: false };
export const ALL_OFFLOADS: OffloadSupport = { checksum: true, tcp4: true, tcp6: true, udp: true };
