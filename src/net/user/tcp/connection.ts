import type { Budget } from './budget.js';
import type { HostFailure, HostStream, StreamEvents } from '../host.js';
import type { Quote } from '../icmp-errors.js';
import type { NetTimer, Timers } from '../timers.js';
import { Receiver, WINDOW_SCALE, type ReceiverSink } from './receiver.js';
import { FLAG, type TcpSegment } from './segment.js';
import { distance } from './sequence.js';
import { Sender, type SenderLine } from './sender.js';
import type { Wire } from './wire.js';

/** What a SYN without the option means (RFC 9293, 3.7.1). */
const DEFAULT_MSS = { 4: 536, 6: 1220 } as const;
/** Less than that nobody needs, and much less would make a segment of each byte. */
const MIN_MSS = 64;
/** For how long a closed connection answers what the guest sends again: there is one cable, and nothing is on it long. */
const TIME_WAIT_MS = 1000;
/** Most bytes that may wait on their way in one direction of one connection: with what is read at once, half a mebibyte. */
const MAX_QUEUE = 448 << 10;
const MIN_QUEUE = 16 << 10;
/** What a host's connection holds besides, while it does not take what is written. */
const WRITE_OVERHEAD = 64 << 10;

/**
 * How far a connection has come: the host's is being made; the guest's answer to a SYN is waited for; it was the guest
 * that sent one; data flows; both sides have ended; it is over.
 */
export type Phase = 'connecting' | 'syn-sent' | 'syn-received' | 'open' | 'time-wait' | 'closed';

/** How often a connection to the guest is begun, at most. */
const MAX_BEGINNINGS = 8;

/** What a connection needs of all of them. */
export interface ConnectionOwner {
  /** Memory for data that the guest has not acknowledged, and for data that the host has not taken. */
  readonly toGuest: Budget;
  readonly toHost: Budget;
  /** Calls `flush` soon. */
  flushLater(connection: TcpConnection): void;
  /** Calls `roomAgain` when the card has room again. */
  waitForRoom(connection: TcpConnection): void;
  /** The guest has not answered it in time: it tries again when another one is served. */
  unanswered(connection: TcpConnection): void;
  /** The guest has it. */
  taken(connection: TcpConnection): void;
  /** The guest has served a connection to this port of its own, so that there may be room for another one. */
  served(guestPort: number): void;
  /** It came about. */
  settled(connection: TcpConnection): void;
  /** It has to come about once more. @returns the sequence number of the SYN for that */
  restarted(connection: TcpConnection): number;
  /** It is over. @param embryonic it never came about */
  removed(connection: TcpConnection, embryonic: boolean): void;
  /** The host could not make it. */
  unreachable(connection: TcpConnection, reason: HostFailure): void;
}

/** The other connection that a guest's is carried on by. */
export type Opener = (events: StreamEvents) => HostStream;

/**
 * One TCP connection (RFC 9293): the guest's end of it is here, and what it carries is carried on by one of the host's.
 * Neither side is read from faster than the other takes it.
 */
export class TcpConnection implements StreamEvents, SenderLine, ReceiverSink {
  phase: Phase;
  /** The next one with the same ports. */
  chained: TcpConnection | undefined;
  waitsForRoom = false;
  flushes = false;
  private readonly sender: Sender;
  private receiver: Receiver;
  private stream!: HostStream;
  private paused = false;
  /** Memory that it has taken of each budget. */
  private heldForGuest = 0;
  private heldForHost = 0;
  /** How often it was begun. */
  private beginnings = 1;
  /** Whether the guest has not answered in time, and has not taken it since. */
  private waits = false;
  /** Whether the host's side had sent its FIN when the guest's came. */
  private endedFirst = false;
  /** Whether windows are scaled. */
  private scaled = true;
  private readonly ownMss: number;
  private readonly timer: NetTimer;

  /**
   * @param initial the sequence number of the own SYN
   * @param syn the guest's, when it was the guest that began
   * @param quote the beginning of that
   */
  constructor(
    private readonly owner: ConnectionOwner,
    timers: Timers,
    readonly wire: Wire,
    initial: number,
    readonly guestPort: number,
    readonly localPort: number,
    syn: TcpSegment | undefined,
    readonly quote?: Quote,
  ) {
    this.phase = syn ? 'connecting' : 'syn-sent';
    this.ownMss = wire.mss;
    this.sender = new Sender(timers, this, initial);
    this.receiver = new Receiver(this, 0, true);
    this.timer = timers.timer(() => this.remove());
    if (syn) this.agree(syn);
  }

  /** Begins: with the host's connection, or with a SYN to the guest behind which is one of the host's already. */
  start(open: Opener): void {
    this.stream = open(this);
    if (this.phase !== 'syn-sent') return;
    this.sender.started(true);
    this.emitSyn();
  }

  get mss(): number {
    return this.wire.mss;
  }

  get limit(): number {
    return this.wire.limit;
  }

  /** What more of the guest's data may wait for the host. */
  get room(): number {
    const { toHost } = this.owner;
    if (toHost.full) return 0;
    const most = toHost.share(MIN_QUEUE, MAX_QUEUE);
    return this.phase === 'connecting' ? most : Math.max(0, most - this.stream.queued);
  }

  /** Whether it was not established yet. */
  private get embryonic(): boolean {
    return this.phase === 'connecting' || this.phase === 'syn-received' || this.phase === 'syn-sent';
  }

  // --- from the host -------------------------------------------------------------------------------------------------

  connected(): void {
    if (this.phase !== 'connecting') return;
    this.phase = 'syn-received';
    if (this.owner.toGuest.full) this.pauseReading();
    this.sender.started(false);
    this.emitSyn();
  }

  failed(reason: HostFailure): void {
    if (this.phase === 'closed') return;
    if (reason === 'refused' || reason === 'other') this.emitReset();
    else this.owner.unreachable(this, reason);
    this.remove();
  }

  data(bytes: Uint8Array): void {
    if (this.phase === 'closed' || this.phase === 'time-wait') return;
    this.sender.queue.append(bytes);
    this.account();
    if (this.owner.toGuest.full || this.sender.queue.length >= this.readLimit) this.pauseReading();
    this.output();
  }

  ended(): void {
    if (this.phase === 'closed') return;
    this.sender.ending = true;
    this.output();
  }

  drained(): void {
    if (this.phase !== 'open') return;
    this.account();
    if (this.receiver.finished) this.closeWhenDone();
    else this.reopenWindow();
  }

  broken(): void {
    if (this.phase === 'closed') return;
    if (this.phase !== 'time-wait') this.emitReset();
    this.remove();
  }

  // --- from the guest ------------------------------------------------------------------------------------------------

  receive(segment: TcpSegment): void {
    switch (this.phase) {
      case 'connecting':
        // It sends its SYN again, or has changed its mind.
        if (segment.has(FLAG.rst)) this.abort();
        break;
      case 'syn-sent':
        this.receiveAnswer(segment);
        break;
      case 'syn-received':
      case 'open':
      case 'time-wait':
        this.receiveInSequence(segment);
        break;
      case 'closed':
        break;
    }
    this.account();
  }

  /** RFC 9293, 3.10.7.3. */
  private receiveAnswer(segment: TcpSegment): void {
    const acknowledges = segment.has(FLAG.ack) && distance(segment.acknowledgment, this.sender.next) === 0;
    if (segment.has(FLAG.rst)) {
      if (acknowledges) this.abort();
      return;
    }
    if (!segment.has(FLAG.syn) || !acknowledges) return;
    this.agree(segment);
    this.sender.updateWindow(segment.sequence, segment.acknowledgment, segment.window);
    this.sender.acknowledged(segment.acknowledgment, false);
    this.open();
    this.acknowledge();
    this.output();
  }

  /** RFC 9293, 3.10.7.4, in its order. */
  private receiveInSequence(segment: TcpSegment): void {
    const { receiver, sender } = this;
    if (segment.has(FLAG.rst)) {
      this.receiveReset(segment);
      return;
    }
    if (segment.has(FLAG.syn)) {
      // Its SYN again, or one of a connection that it takes for a new one: it says which (RFC 5961, 4).
      if (this.phase === 'syn-received') this.emitSyn();
      else if (this.isAnotherAnswer(segment)) this.agreeAnew(segment);
      else this.acknowledge();
      return;
    }
    const acceptable = receiver.accepts(segment.sequence, segment.length);
    if (!acceptable) {
      this.acknowledge();
      // What it acknowledges counts even if its data came before, or cannot come now.
      if (distance(segment.sequence, receiver.next) > 0) return;
    }
    if (!segment.has(FLAG.ack)) return;
    if (!sender.hasSent(segment.acknowledgment)) {
      if (this.phase === 'syn-received') this.emitReset(segment.acknowledgment);
      else this.acknowledge();
      return;
    }
    if (this.phase === 'syn-received') {
      if (distance(segment.acknowledgment, sender.next) !== 0) return;
      this.open();
    }
    this.receiveAcknowledgment(segment);
    if (this.phase !== 'open') return;
    if (acceptable && segment.length > 0 && !receiver.finished) this.receiveData(segment);
    this.output();
    this.closeWhenDone();
  }

  /** Whether it is a connection to the guest of which nothing has come yet but an answer to the SYN. */
  private get isFresh(): boolean {
    const { sender, receiver } = this;
    return this.begunHere && this.phase === 'open' && !sender.hasDelivered && receiver.isUntouched;
  }

  /** Whether it is one to the guest. */
  private get begunHere(): boolean {
    return this.quote === undefined;
  }

  /**
   * Whether the guest answers the own SYN once more, with another number. A guest whose queue of connections is full
   * answers with what needs no memory (RFC 4987, 3.6), and takes the SYN that was sent again for a new one: its last
   * answer is what it goes by, and it ignores what follows from the one before.
   */
  private isAnotherAnswer(segment: TcpSegment): boolean {
    const { sender, receiver } = this;
    const answers = segment.has(FLAG.ack) && segment.acknowledgment === sender.unacknowledged;
    return this.isFresh && answers && segment.sequence !== receiver.initial;
  }

  private agreeAnew(segment: TcpSegment): void {
    this.sender.forgetAnswer();
    this.agree(segment);
    this.acknowledge();
    this.output();
  }

  /**
   * Whether the guest knows nothing of the connection any more: a guest whose queue of connections is full drops half-open
   * ones, and resets what comes of them then. That is a reset without an acknowledgment (RFC 9293, 3.10.7.1): one by a
   * socket has it. Nobody in the guest has seen anything of the connection.
   */
  private isForgotten(segment: TcpSegment): boolean {
    return this.isFresh && !segment.has(FLAG.ack) && this.beginnings < MAX_BEGINNINGS;
  }

  /** From the SYN on, which goes out in a while: later each time. */
  private beginAnew(): void {
    this.pauseReading();
    this.phase = 'syn-sent';
    this.scaled = true;
    this.receiver = new Receiver(this, 0, true);
    this.sender.restart(this.owner.restarted(this), this.beginnings++);
  }

  private receiveReset(segment: TcpSegment): void {
    // Only the number that is expected next counts: others are guesses, or late (RFC 5961, 3).
    if (segment.sequence === this.receiver.next) {
      if (this.isForgotten(segment)) this.beginAnew();
      else this.abort();
    } else if (this.receiver.isInWindow(segment.sequence)) this.acknowledge();
  }

  private receiveAcknowledgment(segment: TcpSegment): void {
    const { sender } = this;
    const window = segment.window << sender.scale;
    const duplicate = segment.length === 0 && sender.isSameWindow(window);
    sender.updateWindow(segment.sequence, segment.acknowledgment, window);
    sender.acknowledged(segment.acknowledgment, duplicate);
    if (sender.hasDelivered) this.stopWaiting();
    this.account();
    this.resumeReading();
  }

  private receiveData(segment: TcpSegment): void {
    const { receiver } = this;
    if (this.owner.toHost.full && segment.end > segment.start) {
      // As good as lost: the guest sends it again.
      this.acknowledge();
      return;
    }
    const hadGap = receiver.hasGap;
    if (this.begunHere && receiver.isUntouched) {
      this.stopWaiting();
      this.owner.served(this.guestPort);
    }
    receiver.receive(segment);
    if (receiver.finished) {
      this.endedFirst = this.sender.finSent;
      this.stream.end();
      this.flushNow();
    } else if (hadGap || receiver.hasGap) {
      // The guest finds out what is missing by what it is told at once (RFC 5681, 4.2).
      this.flushNow();
    } else {
      this.flushLater();
    }
  }

  deliver(bytes: Uint8Array): void {
    this.stream.write(bytes);
  }

  // --- to the guest --------------------------------------------------------------------------------------------------

  emit(flags: number, sequence: number, offset: number, length: number): boolean {
    const { receiver, sender } = this;
    const window = receiver.advertise(this.windowStep);
    const sent = this.wire.send(flags, sequence, receiver.next, window, sender.queue, offset, length);
    if (sent) receiver.acknowledgmentDue = false;
    else this.owner.waitForRoom(this);
    return sent;
  }

  emitSyn(): void {
    const flags = this.phase === 'syn-received' ? FLAG.ack : 0;
    const acknowledgment = this.phase === 'syn-received' ? this.receiver.next : 0;
    const window = this.receiver.advertiseInSyn();
    const scale = this.scaled ? WINDOW_SCALE : undefined;
    // When there is no room it is lost, and sent again as if it were.
    this.wire.sendSyn(flags, this.sender.initial, acknowledgment, window, this.ownMss, scale);
  }

  unanswered(): void {
    this.waits = true;
    this.owner.unanswered(this);
  }

  /** The guest may take it now. */
  knock(): void {
    this.sender.knock();
  }

  private stopWaiting(): void {
    if (!this.waits) return;
    this.waits = false;
    this.owner.taken(this);
  }

  gaveUp(): void {
    this.emitReset();
    this.abort();
  }

  /** There is memory for data from the host again. */
  resumeReading(): void {
    if (!this.paused || this.phase === 'closed' || this.phase === 'time-wait') return;
    if (this.owner.toGuest.full || this.sender.queue.length >= this.readLimit / 2) return;
    this.paused = false;
    this.stream.resume();
  }

  /** There is none. */
  pauseReading(): void {
    // One that somebody has made to the guest is paused until the guest has accepted it.
    if (this.paused || this.phase === 'syn-sent' || this.phase === 'closed') return;
    this.paused = true;
    this.stream.pause();
  }

  /** There is room for data for the host again: the guest is told, if that is worth it. */
  reopenWindow(): void {
    if (this.phase !== 'open' || this.receiver.finished) return;
    if (this.receiver.couldGrow(this.windowStep)) this.acknowledge();
  }

  /** The card has room again. */
  roomAgain(): void {
    if (this.phase === 'closed') return;
    this.output();
    this.flush();
  }

  /** Tells the guest how far it got, if it has to be told. */
  flush(): void {
    if (this.phase !== 'closed' && this.receiver.acknowledgmentDue) this.flushNow();
  }

  /** The guest is not heard any more: everything is given up. */
  abort(): void {
    if (this.phase === 'closed') return;
    // Once both sides have ended, what the host has left to send goes its way.
    if (this.phase !== 'time-wait') this.stream.reset();
    this.remove();
  }

  private acknowledge(): void {
    this.receiver.acknowledgmentDue = true;
    this.flushNow();
  }

  private flushNow(): void {
    if (!this.receiver.acknowledgmentDue) return;
    this.emit(FLAG.ack, this.sender.next, 0, 0);
  }

  private flushLater(): void {
    if (this.flushes) return;
    this.flushes = true;
    this.owner.flushLater(this);
  }

  private output(): void {
    if (this.phase === 'open') this.sender.output();
  }

  private emitReset(sequence = this.sender.next): void {
    const flags = FLAG.rst | FLAG.ack;
    this.wire.send(flags, sequence, this.receiver.next, 0, this.sender.queue, 0, 0);
  }

  // --- its life ------------------------------------------------------------------------------------------------------

  /** By how much the guest's window has to move so that it is worth telling. */
  private get windowStep(): number {
    return Math.min(MIN_QUEUE / 2, this.ownMss);
  }

  /** What the guest's SYN says is agreed on. */
  private agree(syn: TcpSegment): void {
    const { family } = this.wire.path;
    this.wire.mss = Math.max(MIN_MSS, Math.min(this.ownMss, syn.mss ?? DEFAULT_MSS[family]));
    this.scaled = syn.windowScale !== undefined;
    this.sender.scale = syn.windowScale ?? 0;
    this.receiver = new Receiver(this, syn.sequence, this.scaled);
    // The window of a SYN is not scaled.
    this.sender.updateWindow(syn.sequence, syn.acknowledgment, syn.window);
  }

  private open(): void {
    const accepted = this.phase === 'syn-sent';
    this.phase = 'open';
    this.owner.settled(this);
    if (!accepted) return;
    this.paused = true;
    this.resumeReading();
  }

  private closeWhenDone(): void {
    const { receiver, sender } = this;
    if (!receiver.finished || !sender.finished) return;
    // What the host has not taken is still this connection's: nobody else would count it.
    if (this.stream.queued > 0) return;
    this.stream.close();
    // The guest had the last word, or may not have heard ours.
    if (!this.endedFirst) {
      this.remove();
      return;
    }
    this.phase = 'time-wait';
    sender.stop();
    this.timer.arm(TIME_WAIT_MS);
  }

  private remove(): void {
    if (this.phase === 'closed') return;
    const { embryonic } = this;
    this.phase = 'closed';
    this.sender.stop();
    this.receiver.clear();
    this.timer.disarm();
    this.account();
    this.stopWaiting();
    this.owner.removed(this, embryonic);
    if (this.begunHere) this.owner.served(this.guestPort);
  }

  /** Most bytes from the host that may wait for the guest. */
  private get readLimit(): number {
    return this.owner.toGuest.share(MIN_QUEUE, MAX_QUEUE);
  }

  /** Says how much memory it has. */
  private account(): void {
    const { owner, receiver, sender, stream } = this;
    const forGuest = sender.queue.capacity;
    if (forGuest !== this.heldForGuest) {
      const more = forGuest - this.heldForGuest;
      this.heldForGuest = forGuest;
      owner.toGuest.add(more);
    }
    const queued = this.phase === 'closed' ? 0 : stream.queued;
    const forHost = receiver.held + (queued > 0 ? queued + WRITE_OVERHEAD : 0);
    if (forHost !== this.heldForHost) {
      const more = forHost - this.heldForHost;
      this.heldForHost = forHost;
      owner.toHost.add(more);
    }
  }
}
