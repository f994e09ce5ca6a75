import type { NetBackend, NetCard, Offload, OffloadSupport } from './backend.js';
import type { PcapWriter } from './pcap.js';

/** Records what goes over a cable, both ways, as its back end sees it: checksums that are only begun stay so. */
export class Recorder implements NetBackend {
  onReady?: () => void;
  private card!: NetCard;

  /**
   * @param now milliseconds since 1970
   * @param written is told of each frame, so that the file is written some time
   */
  constructor(
    private readonly backend: NetBackend,
    private readonly pcap: PcapWriter,
    private readonly now: () => number,
    private readonly written: () => void,
    private readonly onClose: () => void,
  ) {
    backend.onReady = () => this.onReady?.();
  }

  get accepts(): OffloadSupport {
    return this.backend.accepts;
  }

  get mtu(): number | undefined {
    return this.backend.mtu;
  }

  get ready(): boolean {
    return this.backend.ready !== false;
  }

  attach(card: NetCard): void {
    this.card = card;
    const record = (frame: Uint8Array): void => this.record(frame);
    this.backend.attach({
      get accepts() {
        return card.accepts;
      },
      receive(frame, offload) {
        const taken = card.receive(frame, offload);
        if (taken) record(frame);
        return taken;
      },
      setLink: up => this.card.setLink(up),
    });
  }

  transmit(frame: Uint8Array, offload?: Offload): void {
    this.record(frame);
    this.backend.transmit(frame, offload);
  }

  onRoom(): void {
    this.backend.onRoom();
  }

  close(): void {
    this.backend.close();
    this.pcap.flush();
    this.onClose();
  }

  private record(frame: Uint8Array): void {
    this.pcap.add(frame, this.now());
    this.written();
  }
}
