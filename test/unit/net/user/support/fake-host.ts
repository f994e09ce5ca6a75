import type {
  AcceptedStream,
  DatagramEvents,
  Endpoint,
  HostDatagram,
  HostStream,
  NetworkHost,
  StreamEvents,
} from '../../../../../src/net/user/host.js';

/** A connection of the host as the test plays it. */
export class FakeStream implements HostStream {
  readonly written: Buffer[] = [];
  queued = 0;
  paused = false;
  endedByGuest = false;
  closed = false;
  wasReset = false;
  /** What is written stays queued until the test takes it. */
  slow = false;

  constructor(
    readonly to: Endpoint | { readonly path: string } | undefined,
    readonly events: StreamEvents,
  ) {}

  get text(): string {
    return Buffer.concat(this.written).toString();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.written);
  }

  write(bytes: Uint8Array): void {
    this.written.push(Buffer.from(bytes));
    if (this.slow) this.queued += bytes.length;
  }

  /** The host takes what is queued. */
  drain(): void {
    this.queued = 0;
    this.events.drained();
  }

  end(): void {
    this.endedByGuest = true;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  close(): void {
    this.closed = true;
  }
  reset(): void {
    this.wasReset = true;
  }
}

export class FakeDatagram implements HostDatagram {
  readonly sent: { readonly data: Buffer; readonly to: Endpoint }[] = [];
  closed = false;

  constructor(
    readonly events: DatagramEvents,
    /** Where it is connected or bound to. */
    readonly at?: Endpoint,
  ) {}

  send(bytes: Uint8Array, to: Endpoint): void {
    this.sent.push({ data: Buffer.from(bytes), to });
  }

  close(): void {
    this.closed = true;
  }
}

/** A host whose time passes, and whose network answers, when the test says so. */
export class FakeHost implements NetworkHost {
  readonly streams: FakeStream[] = [];
  readonly datagrams: FakeDatagram[] = [];
  readonly pings: FakeDatagram[] = [];
  readonly listeners = new Map<number, (stream: AcceptedStream) => void>();
  readonly names = new Map<string, string[]>();
  nameserverList: Endpoint[] = [{ address: '192.0.2.53', port: 53 }];
  canPing = true;
  private time = 1000;
  private readonly timers = new Set<{ at: number; action: () => void }>();
  private readonly deferred: (() => void)[] = [];
  private seed = 1;

  now(): number {
    return this.time;
  }

  after(delay: number, action: () => void): () => void {
    const timer = { at: this.time + delay, action };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  defer(action: () => void): void {
    this.deferred.push(action);
  }

  random(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) {
      this.seed = (Math.imul(this.seed, 1103515245) + 12345) & 0x7fffffff;
      bytes[i] = this.seed >> 16;
    }
  }

  /** Everything that is due now. */
  settle(): void {
    for (let action = this.deferred.shift(); action; action = this.deferred.shift()) action();
  }

  /** Lets time pass, timer by timer. */
  pass(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      this.settle();
      const [next] = [...this.timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.time = Math.max(this.time, next.at);
      this.timers.delete(next);
      next.action();
    }
    this.time = until;
    this.settle();
  }

  /** When the next timer is due; `Infinity`: there is none. */
  get nextTimer(): number {
    return Math.min(...[...this.timers].map(({ at }) => at));
  }

  connect(to: Endpoint, events: StreamEvents): HostStream {
    return this.add(new FakeStream(to, events));
  }

  connectUnix(path: string, events: StreamEvents): HostStream {
    return this.add(new FakeStream({ path }, events));
  }

  private add(stream: FakeStream): FakeStream {
    this.streams.push(stream);
    return stream;
  }

  /** Somebody connects to a forwarded port; the stream is there when the network has taken it. */
  connectFrom(peer: Endpoint, port: number): { stream?: FakeStream; refused: boolean } {
    const outcome: { stream?: FakeStream; refused: boolean } = { refused: false };
    this.listeners.get(port)!({
      peer,
      start: events => {
        outcome.stream = new FakeStream(peer, events);
        outcome.stream.paused = true;
        return outcome.stream;
      },
      refuse: () => {
        outcome.refused = true;
      },
    });
    return outcome;
  }

  listen(
    at: Endpoint,
    accept: (stream: AcceptedStream) => void,
  ): Promise<{ port: number; close: () => void }> {
    this.listeners.set(at.port, accept);
    return Promise.resolve({ port: at.port, close: () => void this.listeners.delete(at.port) });
  }

  openUdp(_family: number, events: DatagramEvents): HostDatagram {
    const datagram = new FakeDatagram(events);
    this.datagrams.push(datagram);
    return datagram;
  }

  connectUdp(to: Endpoint, events: DatagramEvents): HostDatagram {
    const datagram = new FakeDatagram(events, to);
    this.datagrams.push(datagram);
    return datagram;
  }

  bindUdp(at: Endpoint, events: DatagramEvents): Promise<HostDatagram & { port: number }> {
    const datagram = new FakeDatagram(events, at);
    this.datagrams.push(datagram);
    return Promise.resolve(Object.assign(datagram, { port: at.port }));
  }

  openPing(_family: number, events: DatagramEvents): HostDatagram | undefined {
    if (!this.canPing) return undefined;
    const datagram = new FakeDatagram(events);
    this.pings.push(datagram);
    return datagram;
  }

  nameservers(): readonly Endpoint[] {
    return this.nameserverList;
  }

  addressesOf(name: string): readonly string[] {
    return this.names.get(name) ?? [];
  }
}
