import { OutOfOrderData } from './out-of-order.js';
import { FLAG, type TcpSegment } from './segment.js';
import { add, distance } from './sequence.js';

/** Shift of the windows that the guest is told: they reach to a mebibyte. */
export const WINDOW_SCALE = 4;
const MAX_WINDOW = 0xffff;

/** Where data from the guest goes. */
export interface ReceiverSink {
  /** In order. The bytes are the caller's again when it returns. */
  deliver(bytes: Uint8Array): void;
  /** There is room for so many bytes more. */
  readonly room: number;
}

/** The receiving half of a connection: data from the guest (RFC 9293, 3.8.6.2). */
export class Receiver {
  /** RCV.NXT */
  next: number;
  /** Whether the guest's FIN has had its turn. */
  finished = false;
  /** Whether the guest has to be told how far it got. */
  acknowledgmentDue = false;
  /** The end of the window that the guest knows of. */
  private edge: number;
  private readonly early = new OutOfOrderData();
  /** The FIN's sequence number, once it is known. */
  private finAt: number | undefined;

  /**
   * @param initial the SYN's sequence number
   * @param scaled whether both sides have agreed on shifts of their windows
   */
  constructor(
    private readonly sink: ReceiverSink,
    readonly initial: number,
    public scaled: boolean,
  ) {
    this.next = add(initial, 1);
    this.edge = this.next;
  }

  /** Whether data that came too early waits for what is before it. */
  get hasGap(): boolean {
    return !this.early.isEmpty;
  }

  /** Whether nothing has come since the SYN. */
  get isUntouched(): boolean {
    return this.next === add(this.initial, 1) && !this.hasGap && this.finAt === undefined;
  }

  /** Memory that such data takes. */
  get held(): number {
    return this.early.held;
  }

  /** Whether any of what a segment takes lies within the window (RFC 9293, 3.4). */
  accepts(sequence: number, length: number): boolean {
    const offset = distance(sequence, this.next);
    const room = distance(this.edge, this.next);
    if (length === 0) return offset === 0 || (offset > 0 && offset < room);
    return offset < room && offset + length > 0;
  }

  /** Whether a sequence number lies within the window. */
  isInWindow(sequence: number): boolean {
    const offset = distance(sequence, this.next);
    return offset >= 0 && offset < Math.max(1, distance(this.edge, this.next));
  }

  /** Takes a segment's data and FIN: what lies before or behind the window it leaves. */
  receive(segment: TcpSegment): void {
    const { bytes, sequence } = segment;
    const behind = distance(this.next, sequence);
    const start = segment.start + Math.max(0, behind);
    const room = distance(this.edge, sequence);
    const end = Math.min(segment.end, segment.start + room);
    if (segment.has(FLAG.fin) && segment.end - segment.start < Math.max(room, 1)) {
      this.finAt ??= add(sequence, segment.end - segment.start);
    }
    if (start < end) {
      if (behind >= 0) this.take(bytes, start, end);
      else this.early.insert(sequence, bytes, start, end);
    }
    this.acknowledgmentDue = true;
    if (this.finAt === this.next && !this.finished) {
      this.finished = true;
      this.next = add(this.next, 1);
      this.early.clear();
    }
  }

  /**
   * The window to tell the guest now, as it stands in a header. It moves on by steps that are worth it (RFC 9293,
   * 3.8.6.2.2) and never back.
   */
  advertise(step: number): number {
    const current = distance(this.edge, this.next);
    const room = this.sink.room;
    let window = room - current >= step ? room : Math.max(current, 0);
    const shift = this.scaled ? WINDOW_SCALE : 0;
    // Rounded up: the edge would go back otherwise.
    const field = Math.min(MAX_WINDOW, Math.ceil(window / (1 << shift)));
    window = field << shift;
    if (window > current) this.edge = add(this.next, window);
    return field;
  }

  /** The window of a SYN, which is never scaled (RFC 7323, 2.2). */
  advertiseInSyn(): number {
    const window = Math.min(this.sink.room, MAX_WINDOW);
    this.edge = add(this.next, window);
    return window;
  }

  /** Whether the window could be larger by `step` bytes than the guest knows. */
  couldGrow(step: number): boolean {
    const limit = this.scaled ? MAX_WINDOW << WINDOW_SCALE : MAX_WINDOW;
    return Math.min(this.sink.room, limit) - distance(this.edge, this.next) >= step;
  }

  clear(): void {
    this.early.clear();
  }

  private take(bytes: Uint8Array, start: number, end: number): void {
    this.next = add(this.next, end - start);
    this.sink.deliver(bytes.subarray(start, end));
    if (this.early.isEmpty) return;
    for (let more = this.early.take(this.next); more; more = this.early.take(this.next)) {
      this.next = add(this.next, more.length);
      this.sink.deliver(more);
    }
  }
}
