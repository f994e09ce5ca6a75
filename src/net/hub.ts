import { ALL_OFFLOADS, type NetBackend, type NetCard, type Offload } from './backend.js';
import { MAX_FRAME } from './cable.js';
import { word } from './headers.js';

/** Stations that are remembered. */
const MAX_STATIONS = 4096;
/** How long a frame waits for a card that has no room, in ms: one whose guest takes nothing must not hold up the others. */
const PATIENCE_MS = 20;
/** Bit of an address's first byte: it stands for several stations. */
const GROUP = 1;
const SOURCE = 6;

/**
 * A network segment: a switch that learns who is where. Frames stay as the guests made them, with all that is left to
 * do: what a receiving driver does not accept is done on the way into its card.
 */
export class Hub {
  private readonly ports = new Set<HubPort>();
  private readonly stations = new Map<number, HubPort>();

  /** @param onEmpty the last port is gone */
  constructor(private readonly onEmpty: () => void) {}

  connect(): NetBackend {
    const port = new HubPort(this);
    this.ports.add(port);
    return port;
  }

  /** @internal */
  disconnect(port: HubPort): void {
    this.ports.delete(port);
    for (const [station, where] of this.stations) if (where === port) this.stations.delete(station);
    if (this.ports.size === 0) this.onEmpty();
  }

  /** @internal A frame from the card at `from`. */
  forward(from: HubPort, frame: Uint8Array, offload: Offload | undefined): void {
    if ((frame[SOURCE] & GROUP) === 0) this.learn(addressAt(frame, SOURCE), from);
    const to = (frame[0] & GROUP) === 0 ? this.stations.get(addressAt(frame, 0)) : undefined;
    if (to === from) return;
    if (to) {
      if (!to.deliver(frame, offload)) from.hold(to, frame, offload);
      return;
    }
    // To all: who has no room goes without.
    for (const port of this.ports) if (port !== from) port.deliver(frame, offload);
  }

  /** @internal `port` has room again. */
  retry(to: HubPort): void {
    for (const port of this.ports) port.retry(to);
  }

  private learn(station: number, port: HubPort): void {
    if (this.stations.get(station) === port) return;
    if (this.stations.size >= MAX_STATIONS) {
      const [oldest] = this.stations.keys();
      this.stations.delete(oldest);
    }
    this.stations.set(station, port);
  }
}

/** What is at the other end of the cable of a card that is on a hub. */
class HubPort implements NetBackend {
  readonly accepts = ALL_OFFLOADS;
  ready = true;
  onReady?: () => void;
  private card!: NetCard;
  /** Its guest has not taken anything for too long: frames for it are lost until it does. */
  private stuck = false;
  /** A frame of this card that waits for room elsewhere. */
  private held: { to: HubPort; frame: Uint8Array; offload: Offload | undefined } | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly copy = new Uint8Array(MAX_FRAME);

  constructor(private readonly hub: Hub) {}

  attach(card: NetCard): void {
    this.card = card;
  }

  transmit(frame: Uint8Array, offload?: Offload): void {
    this.hub.forward(this, frame, offload);
  }

  /** False when the card has no room and the frame may wait for it. */
  deliver(frame: Uint8Array, offload: Offload | undefined): boolean {
    return this.card.receive(frame, offload) || this.stuck;
  }

  /** Keeps a frame for `to`, and takes no other in the meantime. */
  hold(to: HubPort, frame: Uint8Array, offload: Offload | undefined): void {
    const copy = this.copy.subarray(0, frame.length);
    copy.set(frame);
    this.held = { to, frame: copy, offload: offload && { ...offload } };
    this.ready = false;
    this.timer = setTimeout(() => {
      to.stuck = true;
      this.goOn();
    }, PATIENCE_MS);
  }

  retry(to: HubPort): void {
    const { held } = this;
    if (held?.to !== to || !to.deliver(held.frame, held.offload)) return;
    this.goOn();
  }

  onRoom(): void {
    this.stuck = false;
    this.hub.retry(this);
  }

  close(): void {
    clearTimeout(this.timer);
    this.held = undefined;
    this.hub.disconnect(this);
    // Nobody is to wait for who is gone.
    this.stuck = true;
    this.hub.retry(this);
  }

  private goOn(): void {
    clearTimeout(this.timer);
    this.held = undefined;
    this.ready = true;
    this.onReady?.();
  }
}

function addressAt(frame: Uint8Array, at: number): number {
  return word(frame, at) * 2 ** 32 + (word(frame, at + 2) * 2 ** 16 + word(frame, at + 4));
}
