import type { ExitHandlers, StopReason, VcpuFailure } from '../accelerator.js';
import type { AccessSize } from '../device.js';
import { Doorbell } from '../doorbell.js';
import type { ObservedExit } from '../exit-observer.js';
import { hostClock } from '../host-clock.js';

/**
 * The shared block between the machine worker and the thread of one further vCPU: 32-bit words, then text.
 *
 * ```
 *   exit mailbox   STATE KIND SIZE ADDRESS(2) VALUE(2) RIP(2)   vCPU asks, machine answers
 *   gate           COMMAND PHASE                                machine commands, vCPU obeys
 *   end            STOP_REASON TEXT_LENGTH, text                why the vCPU cannot go on
 *   other          EXITS served, EXPOSE registers to probes
 * ```
 * Behind them, for recordings, two doubles: the time in the guest before the exit, and how long the exit before took, in ns.
 */
const STATE = 0;
const KIND = 1;
const SIZE = 2;
const ADDRESS_LOW = 3;
const ADDRESS_HIGH = 4;
const VALUE = 5;
const RIP_LOW = 6;
const RIP_HIGH = 7;
const COMMAND = 8;
const PHASE = 9;
const STOP_REASON = 10;
const TEXT_LENGTH = 11;
const EXITS = 12;
const EXPOSE = 13;
/** The upper half of 8 bytes; `VALUE` is the lower one. */
const VALUE_HIGH = 14;
const WORDS = 16;
const TEXT = WORDS * 4;
const TEXT_SIZE = 2048;
const TIMES = TEXT + TEXT_SIZE;
const GUEST_NS = 0;
const WAITED_NS = 1;
const TIME_COUNT = 2;
/** Characters of a reason that fit whatever they are: as JSON in UTF-8 one takes at most six bytes. */
const MAX_REASON = 300;

/** STATE */
const IDLE = 0;
const REQUEST = 1;

/** KIND */
const PIO_READ = 1;
const PIO_WRITE = 2;
const MMIO_READ = 3;
const MMIO_WRITE = 4;
const EOI = 5;

/** COMMAND. STOP is final. */
const RUN = 0;
const PARK = 1;
const STOP = 2;

/** PHASE. A thread that has not started yet is outside the guest too. */
const OUTSIDE = 0;
const INSIDE = 1;

/** STOP_REASON: 0 while it goes on. */
const FATAL: readonly StopReason[] = ['shutdown', 'failed', 'debug'];

/** Where the vCPU's thread leaves RIP for probes that ask for it. */
export type RipSource = () => bigint;

/**
 * The vCPU thread's side: its exits go to the machine worker, which has the devices, and wait there for the answer.
 */
export class RemoteVcpu implements ExitHandlers {
  private readonly words: Int32Array;
  private readonly text: Uint8Array;
  /** Where RIP of the current exit is found, for probes that ask for it. */
  rip: RipSource | undefined;

  /** @param machine the machine worker's doorbell */
  constructor(
    readonly buffer: SharedArrayBuffer,
    private readonly machine: Doorbell,
  ) {
    this.words = new Int32Array(buffer, 0, WORDS);
    this.text = new Uint8Array(buffer, TEXT, TEXT_SIZE);
  }

  pioRead(port: number, size: AccessSize): number {
    return this.ask(PIO_READ, port, size, 0);
  }

  pioWrite(port: number, size: AccessSize, value: number): void {
    this.ask(PIO_WRITE, port, size, value);
  }

  mmioRead(gpa: number, size: AccessSize): number {
    return this.ask(MMIO_READ, gpa, size, 0);
  }

  mmioWrite(gpa: number, size: AccessSize, value: number): void {
    this.ask(MMIO_WRITE, gpa, size, value);
  }

  mmioWide(gpa: number, write: boolean, halves: Uint32Array): void {
    this.words[VALUE_HIGH] = halves[1] | 0;
    halves[0] = this.ask(write ? MMIO_WRITE : MMIO_READ, gpa, 8, halves[0]);
    halves[1] = this.words[VALUE_HIGH] >>> 0;
  }

  eoi(vector: number): void {
    this.ask(EOI, 0, 1, vector);
  }

  /** The PIC is wired to vCPU 0 alone, which never runs here. */
  acknowledgePic(): number {
    throw new TypeError('the PIC is wired to vCPU 0');
  }

  /** True while a probe wants RIP with each exit. Changes only while the vCPU is outside. */
  get registersExposed(): boolean {
    return this.words[EXPOSE] !== 0;
  }

  countExits(exits: number): void {
    this.words[EXITS] = exits | 0;
  }

  /** Obeys the machine's command: returns false when the vCPU is to stop, and sleeps here while it is to be parked. */
  passGate(): boolean {
    for (;;) {
      // Phase before command, as the machine writes command before it reads phase: one of the two sees the other.
      this.enterPhase(INSIDE);
      const command = Atomics.load(this.words, COMMAND);
      if (command === RUN) return true;
      this.enterPhase(OUTSIDE);
      if (command === STOP) return false;
      Atomics.wait(this.words, COMMAND, PARK);
    }
  }

  /** Says that the vCPU cannot go on. The machine then ends the run. */
  reportEnd(reason: StopReason, failure: VcpuFailure | undefined): void {
    const encoded = encodeFailure(failure);
    this.text.set(encoded);
    this.words[TEXT_LENGTH] = encoded.length;
    Atomics.store(this.words, STOP_REASON, FATAL.indexOf(reason) + 1);
    this.machine.ring();
  }

  /** Sleeps outside the guest until the machine commands something other than to run. */
  waitForCommand(): void {
    this.enterPhase(OUTSIDE);
    while (Atomics.load(this.words, COMMAND) === RUN) Atomics.wait(this.words, COMMAND, RUN);
  }

  /** The vCPU's thread is gone, whatever it was doing: nobody is to wait for it any longer. */
  leave(): void {
    this.enterPhase(OUTSIDE);
  }

  protected enterPhase(phase: number): void {
    if (Atomics.exchange(this.words, PHASE, phase) !== phase) this.machine.ring();
  }

  protected ask(kind: number, address: number, size: AccessSize | 8, value: number): number {
    const { words } = this;
    words[KIND] = kind;
    words[SIZE] = size;
    words[ADDRESS_LOW] = address | 0;
    words[ADDRESS_HIGH] = Math.floor(address / 2 ** 32);
    words[VALUE] = value | 0;
    if (this.rip && this.registersExposed) {
      const rip = this.rip();
      words[RIP_LOW] = Number(BigInt.asIntN(32, rip));
      words[RIP_HIGH] = Number(BigInt.asIntN(32, rip >> 32n));
    }
    Atomics.store(words, STATE, REQUEST);
    this.machine.ring();
    while (Atomics.load(words, STATE) === REQUEST) Atomics.wait(words, STATE, REQUEST);
    return words[VALUE] >>> 0;
  }
}

/** The same, with the times that a recording wants of each exit. */
export class TimedRemoteVcpu extends RemoteVcpu {
  private readonly times: Float64Array;
  private entered = hostClock.now();
  /** Since when it is outside. */
  private left: number | undefined;

  constructor(buffer: SharedArrayBuffer, machine: Doorbell) {
    super(buffer, machine);
    this.times = new Float64Array(buffer, TIMES, TIME_COUNT);
  }

  protected override ask(kind: number, address: number, size: AccessSize | 8, value: number): number {
    const asked = hostClock.now();
    this.times[GUEST_NS] = (asked - this.entered) * 1e6;
    const answer = super.ask(kind, address, size, value);
    this.entered = hostClock.now();
    this.times[WAITED_NS] = (this.entered - asked) * 1e6;
    return answer;
  }

  /** Time in which the machine had it outside is no time in the guest. */
  protected override enterPhase(phase: number): void {
    if (phase === OUTSIDE) {
      this.left ??= hostClock.now();
      this.times[GUEST_NS] = (this.left - this.entered) * 1e6;
    } else if (this.left !== undefined) {
      this.entered += hostClock.now() - this.left;
      this.left = undefined;
    }
    super.enterPhase(phase);
  }
}

/** The machine worker's side of one further vCPU. */
export class VcpuLink {
  private readonly words: Int32Array;
  private readonly text: Uint8Array;
  private readonly times: Float64Array;

  /** @param doorbell the vCPU thread's */
  constructor(
    readonly index: number,
    readonly buffer: SharedArrayBuffer,
    private readonly doorbell: Doorbell,
  ) {
    this.words = new Int32Array(buffer, 0, WORDS);
    this.text = new Uint8Array(buffer, TEXT, TEXT_SIZE);
    this.times = new Float64Array(buffer, TIMES, TIME_COUNT);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(TIMES + TIME_COUNT * Float64Array.BYTES_PER_ELEMENT);
  }

  /** Serves the exit that waits, if one does. True when one did. */
  serve(handlers: ExitHandlers): boolean {
    const { words } = this;
    if (Atomics.load(words, STATE) !== REQUEST) return false;
    let answer = 0xffff_ffff;
    try {
      answer = this.dispatch(handlers);
    } finally {
      // Even if a device threw: the machine is about to end then, and cannot while the vCPU waits.
      words[VALUE] = answer | 0;
      Atomics.store(words, STATE, IDLE);
      Atomics.notify(words, STATE);
    }
    return true;
  }

  /** Asks for RIP with each exit. Call it while the vCPU is outside. */
  exposeRegisters(on: boolean): void {
    Atomics.store(this.words, EXPOSE, on ? 1 : 0);
  }

  /** RIP of the exit that is being served. */
  rip(): bigint {
    return (BigInt(this.words[RIP_HIGH] >>> 0) << 32n) | BigInt(this.words[RIP_LOW] >>> 0);
  }

  /** The same without an object for it. @param to low and high half */
  copyRip(to: Uint32Array): void {
    to[0] = this.words[RIP_LOW];
    to[1] = this.words[RIP_HIGH];
  }

  /** What kind of exit is being served. */
  get exit(): ObservedExit {
    const kind = this.words[KIND];
    if (kind === EOI) return 'eoi';
    return kind === MMIO_READ || kind === MMIO_WRITE ? 'mmio' : 'io';
  }

  /** Time in the guest before the exit that is being served, or before it was brought out, in a machine that is recorded. */
  get guestNs(): number {
    return this.times[GUEST_NS];
  }

  /** How long the vCPU waited in its exit before. */
  get waitedNs(): number {
    return this.times[WAITED_NS];
  }

  get exits(): number {
    return this.words[EXITS] >>> 0;
  }

  /** Why the vCPU cannot go on, once it cannot. */
  get end(): { readonly reason: StopReason; readonly failure?: VcpuFailure } | undefined {
    const code = Atomics.load(this.words, STOP_REASON);
    if (code === 0) return undefined;
    const json = new TextDecoder().decode(this.text.slice(0, this.words[TEXT_LENGTH]));
    const failure = JSON.parse(json) as VcpuFailure | null;
    return { reason: FATAL[code - 1], ...(failure && { failure }) };
  }

  /** Brings the vCPU out of the guest. It is out once `outside` is true. */
  park(): void {
    Atomics.compareExchange(this.words, COMMAND, RUN, PARK);
    this.announceCommand();
  }

  resume(): void {
    Atomics.compareExchange(this.words, COMMAND, PARK, RUN);
    this.announceCommand();
  }

  /** Ends the vCPU's thread. From any thread, and for good. */
  stop(): void {
    Atomics.store(this.words, COMMAND, STOP);
    this.announceCommand();
  }

  /** True once the vCPU obeyed `park()` or `stop()`. */
  get outside(): boolean {
    return Atomics.load(this.words, PHASE) === OUTSIDE;
  }

  private announceCommand(): void {
    Atomics.notify(this.words, COMMAND);
    this.doorbell.ring();
  }

  private dispatch(handlers: ExitHandlers): number {
    const { words } = this;
    const size = words[SIZE] as AccessSize;
    const address = (words[ADDRESS_LOW] >>> 0) + words[ADDRESS_HIGH] * 2 ** 32;
    const value = words[VALUE] >>> 0;
    if (words[SIZE] === 8) return this.dispatchWide(handlers, address, value);
    switch (words[KIND]) {
      case PIO_READ:
        return handlers.pioRead(address, size);
      case PIO_WRITE:
        handlers.pioWrite(address, size, value);
        return 0;
      case MMIO_READ:
        return handlers.mmioRead(address, size);
      case MMIO_WRITE:
        handlers.mmioWrite(address, size, value);
        return 0;
      default:
        handlers.eoi(value);
        return 0;
    }
  }

  /** 8 bytes are two accesses of 4, low half first. @returns the low half of what is read */
  private dispatchWide(handlers: ExitHandlers, address: number, value: number): number {
    const { words } = this;
    if (words[KIND] === MMIO_WRITE) {
      handlers.mmioWrite(address, 4, value);
      handlers.mmioWrite(address + 4, 4, words[VALUE_HIGH] >>> 0);
      return 0;
    }
    const low = handlers.mmioRead(address, 4);
    words[VALUE_HIGH] = handlers.mmioRead(address + 4, 4) | 0;
    return low;
  }
}

/** A failure as text of at most TEXT_SIZE bytes; details that do not fit are left out. */
function encodeFailure(failure: VcpuFailure | undefined): Uint8Array {
  if (!failure) return new TextEncoder().encode('null');
  const reason = failure.reason.slice(0, MAX_REASON);
  const details = Object.entries(failure.details).map(([key, value]) => [key, String(value)] as const);
  const whole = new TextEncoder().encode(JSON.stringify({ reason, details: Object.fromEntries(details) }));
  return whole.length <= TEXT_SIZE
    ? whole
    : new TextEncoder().encode(JSON.stringify({ reason, details: {} }));
}
