import { TCP, tcpFrame, type IpFields, type ReceivedTcp } from './frames.js';

const SCALE = 6;
const MSS = 1460;

/** Whether `a` is before `b`. */
function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export interface GuestTcpOptions extends IpFields {
  readonly fromPort: number;
  readonly toPort: number;
  readonly transmit: (frame: Buffer) => void;
  /** Most bytes that it takes before the test reads; 64 KiB by default. */
  readonly capacity?: number;
  readonly mss?: number;
  readonly initial?: number;
  /** Whether it offers scaled windows; true by default. */
  readonly scaled?: boolean;
}

/**
 * One end of a TCP connection as a guest has it, simple on purpose: it goes back to what is missing when `tick` says that
 * time has passed, and keeps nothing that comes out of order.
 */
export class GuestTcp {
  state: 'closed' | 'syn-sent' | 'syn-received' | 'open' | 'reset' = 'closed';
  /** What came, in order. */
  private readonly input: Buffer[] = [];
  private unread = 0;
  /** The network has ended its side. */
  ended = false;
  /** Frames with data that came. */
  dataFrames = 0;
  lastWindow = 0;
  lastFlags = 0;
  private output = Buffer.alloc(0);
  private closing = false;
  /** The sequence number of the first byte of `output`. */
  private unacknowledged: number;
  private next: number;
  private expected = 0;
  private peerScale = 0;
  private peerWindow = 0;
  private readonly capacity: number;
  private readonly initial: number;
  /** Acknowledges nothing by itself. */
  silent = false;

  /** How its frames leave. */
  transmit: (frame: Buffer) => void;

  constructor(private readonly options: GuestTcpOptions) {
    this.transmit = options.transmit;
    this.capacity = options.capacity ?? 65536;
    this.initial = options.initial ?? 0xffff_fff0;
    this.unacknowledged = (this.initial + 1) >>> 0;
    this.next = this.unacknowledged;
  }

  /** What came so far; what is read makes room for more. */
  read(): Buffer {
    this.unread = 0;
    return Buffer.concat(this.input);
  }

  /** Bytes that came so far. */
  get received(): number {
    return this.input.reduce((sum, { length }) => sum + length, 0);
  }

  get text(): string {
    return this.read().toString();
  }

  /** Everything was acknowledged, the FIN included. */
  get delivered(): boolean {
    return this.state === 'open' && this.output.length === 0 && (!this.closing || this.finAcknowledged);
  }

  private finAcknowledged = false;

  connect(): this {
    this.state = 'syn-sent';
    this.sendSyn(TCP.syn, 0);
    return this;
  }

  send(data: Uint8Array | string): void {
    this.output = Buffer.concat([this.output, Buffer.from(data)]);
    this.pump();
  }

  close(): void {
    this.closing = true;
    this.pump();
  }

  reset(): void {
    this.segment(TCP.rst | TCP.ack, this.next);
    this.state = 'reset';
  }

  /** Nobody listens where a SYN goes. */
  refuse(syn: ReceivedTcp): void {
    this.expected = (syn.sequence + 1) >>> 0;
    this.segment(TCP.rst | TCP.ack, 0);
  }

  acknowledge(): void {
    this.segment(TCP.ack, this.next);
  }

  /** Time has passed: what was not acknowledged is sent again. */
  tick(): void {
    if (this.state === 'syn-sent') this.sendSyn(TCP.syn, 0);
    else if (this.state === 'syn-received') this.sendSyn(TCP.syn | TCP.ack, this.expected);
    else if (this.state === 'open') {
      this.next = this.unacknowledged;
      if (this.output.length > 0 && this.peerWindow === 0)
        this.segment(TCP.ack, this.next, this.output.subarray(0, 1));
      this.pump();
      this.acknowledge();
    }
  }

  receive(segment: ReceivedTcp): void {
    this.lastFlags = segment.flags;
    if (segment.flags & TCP.rst) {
      // Once everything is done, it does not matter any more.
      if (!this.ended || !this.finAcknowledged) this.state = 'reset';
      return;
    }
    if (this.state === 'reset') return;
    if (segment.flags & TCP.syn) {
      this.receiveSyn(segment);
      return;
    }
    if (this.state === 'syn-received') this.state = 'open';
    this.lastWindow = segment.window << this.peerScale;
    this.receiveAcknowledgment(segment);
    this.receiveData(segment);
    this.pump();
  }

  private receiveSyn(segment: ReceivedTcp): void {
    this.expected = (segment.sequence + 1) >>> 0;
    const scale = segment.options.indexOf(Buffer.from([3, 3]));
    this.peerScale = scale >= 0 ? segment.options[scale + 2] : 0;
    this.peerWindow = segment.window;
    if (this.state === 'closed' || this.state === 'syn-received') {
      this.state = 'syn-received';
      this.sendSyn(TCP.syn | TCP.ack, this.expected);
      return;
    }
    this.state = 'open';
    this.acknowledge();
    this.pump();
  }

  private receiveAcknowledgment(segment: ReceivedTcp): void {
    const progress = (segment.acknowledgment - this.unacknowledged) | 0;
    this.peerWindow = segment.window << this.peerScale;
    if (progress <= 0) return;
    if (progress > this.output.length) this.finAcknowledged = true;
    this.output = this.output.subarray(Math.min(progress, this.output.length));
    this.unacknowledged = segment.acknowledgment;
    if (before(this.next, this.unacknowledged)) this.next = this.unacknowledged;
  }

  private receiveData(segment: ReceivedTcp): void {
    const { data, sequence, flags } = segment;
    const fin = (flags & TCP.fin) !== 0;
    if (data.length === 0 && !fin) return;
    this.dataFrames++;
    const skip = (this.expected - sequence) | 0;
    if (skip >= 0 && skip <= data.length) {
      const room = this.capacity - this.unread;
      const fresh = data.subarray(skip, skip + room);
      if (fresh.length > 0) this.input.push(Buffer.from(fresh));
      this.unread += fresh.length;
      this.expected = (this.expected + fresh.length) >>> 0;
      if (fin && skip + fresh.length === data.length && !this.ended) {
        this.ended = true;
        this.expected = (this.expected + 1) >>> 0;
      }
    }
    if (!this.silent) this.acknowledge();
  }

  /** Sends what the other side has room for. */
  private pump(): void {
    if (this.state !== 'open') return;
    const mss = this.options.mss ?? MSS;
    for (;;) {
      const offset = (this.next - this.unacknowledged) | 0;
      if (offset > this.output.length) return;
      const usable = this.peerWindow - offset;
      const data = this.output.subarray(offset, offset + Math.max(0, Math.min(mss, usable)));
      const isLast = offset + data.length === this.output.length;
      const fin = this.closing && isLast && !this.finAcknowledged;
      if (data.length === 0 && !fin) return;
      const sequence = this.next;
      this.next = (this.next + data.length + (fin ? 1 : 0)) >>> 0;
      this.segment(TCP.ack | (fin ? TCP.fin : 0), sequence, data);
    }
  }

  private get window(): number {
    return Math.max(0, this.capacity - this.unread);
  }

  private sendSyn(flags: number, acknowledgment: number): void {
    const { scaled = true, mss = MSS, ...fields } = this.options;
    const options = Buffer.from(
      scaled ? [2, 4, mss >> 8, mss & 0xff, 1, 3, 3, SCALE] : [2, 4, mss >> 8, mss & 0xff],
    );
    const window = Math.min(0xffff, this.window);
    this.transmit(tcpFrame({ ...fields, sequence: this.initial, acknowledgment, flags, window, options }));
  }

  private segment(flags: number, sequence: number, data?: Buffer): void {
    const { scaled = true, ...fields } = this.options;
    const window = Math.min(0xffff, this.window >> (scaled ? SCALE : 0));
    this.transmit(tcpFrame({ ...fields, sequence, acknowledgment: this.expected, flags, window }, data));
  }
}
