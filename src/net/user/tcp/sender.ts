import type { NetTimer, Timers } from '../timers.js';
import { ByteQueue } from './byte-queue.js';
import { RoundTrip } from './round-trip.js';
import { FLAG } from './segment.js';
import { add, distance } from './sequence.js';

/** Acknowledgments of the same byte that mean that the next segment was lost (RFC 5681, 3.2). */
const DUPLICATES = 3;
/** How often a segment is sent again until the guest is given up: a quarter of an hour, as Linux does. */
const MAX_RETRIES = 15;
/** The same for an answer to the guest's SYN. */
const MAX_SYN_RETRIES = 6;
/**
 * An own SYN is sent again for two minutes, as Linux does, and the first data behind it for a quarter of an hour, but more
 * often: there is no network that it could be too much for, and a guest whose queue of connections is full drops both.
 */
const KNOCK_INTERVAL_MS = 8000;
const MAX_KNOCKS = 17;
const MAX_DATA_KNOCKS = 115;

/** What the sending half of a connection needs of the rest of it. */
export interface SenderLine {
  /** Most bytes of one segment. */
  readonly mss: number;
  /** Most bytes of one frame. */
  readonly limit: number;
  /** Sends `length` bytes of the sender's queue from `offset` on. False: no room, try again when there is. */
  emit(flags: number, sequence: number, offset: number, length: number): boolean;
  /** Sends the SYN again. */
  emitSyn(): void;
  /** The guest has not answered a connection that it has not taken yet. */
  unanswered(): void;
  /** The guest has not answered for too long. */
  gaveUp(): void;
}

/**
 * The sending half of a connection: data to the guest (RFC 9293, 3.8). There is no network between the two: nothing but
 * the guest's window limits what is under way. Lost segments are sent again as NewReno does (RFC 6582).
 */
export class Sender {
  /** From the first byte that was not acknowledged on. */
  readonly queue = new ByteQueue();
  /** SND.UNA, SND.NXT of RFC 9293, 3.3.1, and the highest that was ever sent. */
  unacknowledged: number;
  next: number;
  private highest: number;
  /** The sequence number of the first byte of the queue. */
  private base: number;
  /** The guest's window in bytes, and the largest that it had. */
  private window = 0;
  private largestWindow = 0;
  /** The segment that the window is from (SND.WL1, SND.WL2). */
  private windowSequence = 0;
  private windowAcknowledgment = 0;
  /** Shift of the guest's windows. */
  scale = 0;

  /** Nothing follows what is in the queue. */
  ending = false;
  private synAcknowledged = false;
  /** Whether it is the own SYN that is to be answered, not the guest's. */
  private knocking = false;

  private roundTrip = new RoundTrip();
  /** The sequence number whose acknowledgment is timed, and since when; NaN: none is. */
  private timedSequence = 0;
  private timedSince = NaN;

  private duplicates = 0;
  /** While segments are sent again: until what has to be acknowledged, and how far that has got. */
  private recovering = false;
  private recoverUntil = 0;
  private resentUntil = 0;
  private retries = 0;
  private readonly timer: NetTimer;

  constructor(
    private readonly timers: Timers,
    private readonly line: SenderLine,
    /** The initial sequence number: the SYN's own. */
    public initial: number,
  ) {
    this.unacknowledged = initial;
    this.next = initial;
    this.highest = initial;
    this.base = add(initial, 1);
    this.timer = timers.timer(() => this.expired());
  }

  /** Whether the FIN was acknowledged: everything has arrived. */
  get finished(): boolean {
    return this.ending && distance(this.unacknowledged, this.end) > 0;
  }

  /** Whether the FIN was sent. */
  get finSent(): boolean {
    return this.ending && distance(this.highest, this.end) > 0;
  }

  /** The sequence number behind the last byte: the FIN's. */
  private get end(): number {
    return add(this.base, this.queue.length);
  }

  private get outstanding(): boolean {
    return this.next !== this.unacknowledged;
  }

  /**
   * The SYN goes out: from here on it is sent again until it is acknowledged.
   * @param knocking whether the guest has said nothing yet
   */
  started(knocking: boolean): void {
    this.knocking = knocking;
    this.next = this.base;
    this.highest = this.base;
    this.startTiming(this.base);
    this.timer.arm(this.roundTrip.rto);
  }

  /** Whether the guest has acknowledged anything but the SYN. */
  get hasDelivered(): boolean {
    return distance(this.unacknowledged, this.initial) > 1;
  }

  /** The SYN is answered anew: what was sent behind it has reached nobody, and the window is another. */
  forgetAnswer(): void {
    this.next = this.unacknowledged;
    this.largestWindow = 0;
    this.recovering = false;
    this.duplicates = 0;
    this.retries = 0;
    this.timedSince = NaN;
    this.roundTrip.progressed();
    this.timer.disarm();
  }

  /**
   * The SYN has to be answered once more: nothing has arrived, and what is in the queue follows a SYN with this number.
   * It is sent after as long as if it had been sent in vain `times` times.
   */
  restart(initial: number, times: number): void {
    this.initial = initial;
    this.base = add(initial, 1);
    this.unacknowledged = initial;
    this.synAcknowledged = false;
    this.window = 0;
    this.forgetAnswer();
    this.roundTrip = new RoundTrip();
    for (let time = 1; time < times; time++) this.roundTrip.backOff();
    this.next = this.base;
    this.highest = this.base;
    this.timer.arm(this.interval);
  }

  /** Whether an acknowledgment is of something that was sent. */
  hasSent(acknowledgment: number): boolean {
    return distance(acknowledgment, this.highest) <= 0;
  }

  /** The guest's window, from the segment with these numbers (RFC 9293, 3.10.7.4). */
  updateWindow(sequence: number, acknowledgment: number, window: number): void {
    const newer = distance(sequence, this.windowSequence);
    if (
      this.largestWindow > 0 &&
      (newer < 0 || (newer === 0 && distance(acknowledgment, this.windowAcknowledgment) < 0))
    ) {
      return;
    }
    this.windowSequence = sequence;
    this.windowAcknowledgment = acknowledgment;
    this.window = window;
    if (window > this.largestWindow) this.largestWindow = window;
  }

  /**
   * The guest has everything before `acknowledgment`.
   * @param duplicate whether the segment said nothing else: no data, no other window
   */
  acknowledged(acknowledgment: number, duplicate: boolean): void {
    const progress = distance(acknowledgment, this.unacknowledged);
    if (progress <= 0) {
      if (!this.outstanding) this.retries = 0;
      if (progress === 0 && duplicate && this.outstanding) this.countDuplicate();
      return;
    }
    if (!Number.isNaN(this.timedSince) && distance(acknowledgment, this.timedSequence) >= 0) {
      this.roundTrip.measured(this.timers.now() - this.timedSince);
      this.timedSince = NaN;
    }
    this.unacknowledged = acknowledgment;
    if (distance(this.next, acknowledgment) < 0) this.next = acknowledgment;
    this.synAcknowledged = true;
    // The SYN and the FIN are numbers without bytes.
    const bytes = Math.min(distance(acknowledgment, this.base), this.queue.length);
    if (bytes > 0) {
      this.queue.drop(bytes);
      this.base = add(this.base, bytes);
    }
    this.duplicates = 0;
    this.retries = 0;
    this.roundTrip.progressed();
    if (this.outstanding) this.timer.arm(this.roundTrip.rto);
    else this.timer.disarm();
    if (this.recovering) this.recover();
  }

  /** Whether a segment with this window says what the last one said. */
  isSameWindow(window: number): boolean {
    return window === this.window;
  }

  /** Sends what the guest's window has room for. */
  output(): void {
    if (!this.synAcknowledged) return;
    while (this.sendNext());
    // Nothing is under way whose acknowledgment would open the window: it has to be asked for.
    const waiting = distance(this.end, this.next) > 0;
    if (waiting && !this.outstanding && !this.timer.armed) this.timer.arm(this.roundTrip.rto);
  }

  /** Forgets what is in the queue, and sends nothing any more. */
  stop(): void {
    this.timer.disarm();
    this.queue.clear();
  }

  /** @returns whether it is worth going on */
  private sendNext(): boolean {
    const { line, next } = this;
    const available = distance(this.end, next);
    // Behind the FIN is nothing.
    if (available < 0) return false;
    const usable = distance(add(this.unacknowledged, this.window), next);
    const length = Math.min(available, usable, line.limit);
    if (length <= 0 && !(this.ending && available === 0 && usable >= 0)) return false;
    const isLast = length === available;
    // A small segment is worth it when it has all that there is, or as much as the guest ever takes (RFC 9293, 3.8.6.2.1).
    if (!isLast && length < line.mss && length < this.largestWindow / 2) return false;
    const fin = isLast && this.ending;
    const flags = FLAG.ack | (isLast && length > 0 ? FLAG.psh : 0) | (fin ? FLAG.fin : 0);
    if (!line.emit(flags, next, distance(next, this.base), length)) return false;
    this.next = add(next, length + (fin ? 1 : 0));
    if (distance(this.next, this.highest) > 0) this.highest = this.next;
    if (Number.isNaN(this.timedSince)) this.startTiming(this.next);
    if (!this.timer.armed) this.timer.arm(this.roundTrip.rto);
    return !isLast;
  }

  private startTiming(until: number): void {
    this.timedSequence = until;
    this.timedSince = this.timers.now();
  }

  private countDuplicate(): void {
    if (++this.duplicates !== DUPLICATES || this.recovering) return;
    this.startRecovery();
    this.recover();
  }

  private startRecovery(): void {
    this.recovering = true;
    this.recoverUntil = this.highest;
    this.resentUntil = this.unacknowledged;
    // What arrives now may be of either sending (Karn's algorithm, RFC 6298, 3).
    this.timedSince = NaN;
  }

  /** Sends the first segment again that the guest has not got, unless that is under way already. */
  private recover(): void {
    const first = this.unacknowledged;
    if (distance(first, this.recoverUntil) >= 0) {
      this.recovering = false;
      return;
    }
    if (distance(first, this.resentUntil) < 0) return;
    this.resendFirst();
  }

  private resendFirst(): void {
    const first = this.unacknowledged;
    const left = distance(this.end, first);
    const sent = distance(this.highest, first);
    const length = Math.max(0, Math.min(left, sent, this.line.limit));
    const fin = this.ending && length === left && sent > left;
    if (length === 0 && !fin) return;
    const flags = FLAG.ack | (length === left ? FLAG.psh : 0) | (fin ? FLAG.fin : 0);
    if (!this.line.emit(flags, first, distance(first, this.base), length)) return;
    this.resentUntil = add(first, length + (fin ? 1 : 0));
  }

  /** Whether it is an own SYN, or the first behind it, that is sent until the guest answers. */
  private get knocks(): boolean {
    return this.knocking && !this.hasDelivered;
  }

  /** The guest may take now what it has not answered: it is sent again, and not counted. */
  knock(): void {
    if (!this.knocks || !this.timer.armed) return;
    this.resend();
    this.timer.arm(this.interval);
  }

  /** How often what is not acknowledged is sent again at most. */
  private get mostRetries(): number {
    if (this.knocks) return this.synAcknowledged ? MAX_DATA_KNOCKS : MAX_KNOCKS;
    return this.synAcknowledged ? MAX_RETRIES : MAX_SYN_RETRIES;
  }

  /** Until what is not acknowledged is sent again. */
  private get interval(): number {
    const { rto } = this.roundTrip;
    return this.knocks ? Math.min(rto, KNOCK_INTERVAL_MS) : rto;
  }

  private expired(): void {
    if (this.retries++ >= this.mostRetries) {
      this.line.gaveUp();
      return;
    }
    if (this.knocks) this.line.unanswered();
    if (!this.resend()) return;
    this.roundTrip.backOff();
    this.timer.arm(this.interval);
  }

  /** Sends the first again that is not acknowledged. @returns false when there is nothing to send */
  private resend(): boolean {
    if (!this.synAcknowledged) {
      this.timedSince = NaN;
      this.line.emitSyn();
    } else if (this.outstanding) {
      this.startRecovery();
      this.duplicates = 0;
      this.resendFirst();
    } else {
      return this.probe();
    }
    return true;
  }

  /**
   * Asks for the guest's window (RFC 9293, 3.8.6.1): with as much as fits in, or with one byte more than fits, which the
   * guest may take or not. It goes on for ever as long as the guest answers.
   * @returns false when there is nothing to send
   */
  private probe(): boolean {
    const available = distance(this.end, this.next);
    const length = Math.min(available, Math.max(1, Math.min(this.window, this.line.mss)));
    if (length <= 0) return false;
    this.line.emit(FLAG.ack, this.next, distance(this.next, this.base), length);
    const until = add(this.next, length);
    if (distance(until, this.highest) > 0) this.highest = until;
    return true;
  }
}
