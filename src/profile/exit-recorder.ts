import type { Bus } from '../vmm/bus/bus.js';
import type { ExitObserver, ObservedExit } from '../vmm/exit-observer.js';
import { hostClock } from '../vmm/host-clock.js';
import { EventRing } from './event-ring.js';
import {
  DIRECTIONS,
  EVENT_KINDS,
  INTERRUPT_KINDS,
  type InterruptKind,
  type ProfileEvent,
  type StackMode,
} from './format.js';
import { BUCKETS, bucketOf } from './histogram.js';
import { KeyIndex } from './key-index.js';
import { MilestoneFinder } from './milestones.js';
import {
  Header,
  MAX_FRAMES,
  MAX_POINTS,
  POINT_WORDS,
  PointWord,
  SITE_WORDS,
  SUMS,
  SiteWord,
  Sum,
  type RecordMemory,
} from './record-memory.js';
import { RequestTable } from './request-table.js';
import { SampleSchedule } from './sample-schedule.js';
import { SiteRole, SiteTable, siteOfReason } from './site-table.js';
import { StackTable } from './stack-table.js';

/** Points that are kept for exits whose RIP has no room any more: one a site and vCPU. */
const RESERVED_POINTS = 1024;
/** Exits of one point between two of its call stacks: 1 at first, then twice as many each time up to this. */
const LONGEST_INTERVAL = 256;
const INTERRUPT_VECTORS = 256;
/** Whether the guest has slept is asked after so long a time in it, in ns: asking takes one or two microseconds. */
const WORTH_ASKING = 200_000;

const MACHINE = siteOfReason('machine');
const IDLE = siteOfReason('idle');
const PROFILER = siteOfReason('profiler');
const WRITE = DIRECTIONS.indexOf('write');
const EXIT = kindOf('exit');
const INTERRUPT = kindOf('interrupt');
const MILESTONE = kindOf('milestone');
const REQUEST = kindOf('request');

const SITES: Readonly<Record<ObservedExit, number>> = {
  io: siteOfReason('pio'),
  mmio: siteOfReason('mmio'),
  eoi: siteOfReason('eoi'),
  'interrupt-window': siteOfReason('interrupt-window'),
  signal: siteOfReason('signal'),
  shutdown: siteOfReason('shutdown'),
  debug: siteOfReason('debug'),
  failure: siteOfReason('failure'),
  idle: IDLE,
};

/** What the recorder needs of the machine that it watches. All of it is called while an exit is being served. */
export interface RecordedMachine {
  /** The vCPU that this thread runs at the moment. */
  running(): number;
  /** RIP of the exit of `vcpu`, low and high half. */
  copyRip(vcpu: number, to: Uint32Array): void;
  /** Whether RIP of an exit of `vcpu`, which writes to a register, is that of the next instruction. */
  ripIsNext(vcpu: number, space: Bus['space']): boolean;
  /**
   * The call stack of `vcpu`, innermost address first.
   * @param to low and high half of each address, MAX_FRAMES of them
   * @returns how many there are
   */
  walk(vcpu: number, to: Uint32Array): number;
  /** How long `vcpu` has slept inside the guest, in ns, where that is not an exit of its own. */
  haltedNs?(vcpu: number): number;
}

export interface RecorderOptions {
  readonly stacks: StackMode;
  /** The guest waits while nobody takes events; otherwise those that find no room are lost. */
  readonly lossless: boolean;
  /** Of how many instructions of a vCPU one is sampled; `Infinity` for none. */
  readonly samplePeriod: number;
  /** Tells the control thread to take events out. */
  readonly announce: () => void;
}

/** A vCPU that was brought out of the guest for good. */
export interface EndedVcpu {
  readonly index: number;
  /** Time in the guest since its last exit. */
  readonly guestNs: number;
  /** How long that exit took. */
  readonly waitedNs: number;
}

/** Places in `PendingExit.times`. */
const TIME = 0;
const GUEST_NS = 1;

/** An exit that has not ended: its vCPU has not entered the guest again. */
export interface PendingExit {
  vcpu: number;
  active: boolean;
  site: number;
  ripLow: number;
  ripHigh: number;
  /** When it left the guest, and the guest's time before: doubles that are fields of an object would be objects of their own. */
  readonly times: Float64Array;
  value: number;
  /** Accesses of this exit so far: a string instruction may have many. */
  accesses: number;
}

/**
 * Records the exits of a machine, on the thread that runs its devices. The clock is read twice an exit, when the vCPU leaves
 * the guest and when it enters it again, so that the times of the first vCPU's exits add up to that thread's time.
 */
export class ExitRecorder implements ExitObserver {
  readonly milestones: MilestoneFinder;
  private readonly sites: SiteTable;
  private readonly requests: RequestTable;
  private readonly stackTable: StackTable;
  private readonly ring: EventRing;
  private readonly points = new KeyIndex(MAX_POINTS);
  /** What this thread's own vCPUs do: one on KVM, all in turn on a software CPU. */
  private readonly own = newExit(0);
  /** The exit that has reached a register last. */
  private reaching = this.own;
  /** By vCPU, those that have threads of their own. */
  private readonly remote: readonly PendingExit[];
  /** By vCPU, how long it has slept as far as that is recorded. */
  private readonly haltedBefore: Float64Array;
  /** By vCPU, whether it has had an exit. */
  private readonly known: Uint8Array;
  private readonly rip = new Uint32Array(2);
  private readonly frames = new Uint32Array(MAX_FRAMES * 2);
  private pointCount = 0;
  /** For each point: exits until its next call stack, the interval then, and the pair that its exits are counted for. */
  private readonly countdown = new Int32Array(MAX_POINTS).fill(1);
  private readonly interval = new Int32Array(MAX_POINTS).fill(1);
  private readonly pair = new Int32Array(MAX_POINTS).fill(-1);
  /** When time 0 was, on the host's clock in ms. */
  private origin = hostClock.now();
  /** When this thread entered or left the guest the last time: one double. */
  private readonly stamps = new Float64Array(1);
  private readonly walks: boolean;
  private readonly longestInterval: number;
  private readonly schedule: SampleSchedule | undefined;

  constructor(
    private readonly memory: RecordMemory,
    private readonly machine: RecordedMachine,
    cpus: number,
    { stacks, lossless, samplePeriod, announce }: RecorderOptions,
  ) {
    this.milestones = new MilestoneFinder(name => this.milestone(name));
    this.sites = new SiteTable(memory, (device, register) => this.milestones.newSite(device, register));
    this.requests = new RequestTable(memory, name => this.sites.nameOf(name));
    this.stackTable = new StackTable(memory);
    this.ring = new EventRing(memory, announce, lossless);
    this.walks = stacks !== 'none';
    this.longestInterval = stacks === 'all' ? 1 : LONGEST_INTERVAL;
    this.schedule = samplePeriod < Infinity ? new SampleSchedule(samplePeriod, cpus) : undefined;
    this.known = new Uint8Array(cpus);
    this.haltedBefore = new Float64Array(cpus);
    this.remote = Array.from({ length: cpus }, (_, vcpu) => newExit(vcpu));
  }

  /** The run starts: time 0. */
  begin(): void {
    this.origin = hostClock.now();
    this.stamp = 0;
    this.period(MACHINE, 0, 0);
  }

  private get stamp(): number {
    return this.stamps[0];
  }

  private set stamp(ns: number) {
    this.stamps[0] = ns;
  }

  /** ns since `begin()`. */
  now(): number {
    return (hostClock.now() - this.origin) * 1e6;
  }

  entering(): void {
    const { own } = this;
    if (!own.active) return;
    const now = this.now();
    this.stamp = now;
    this.commit(own, now - own.times[TIME]);
  }

  left(exit: ObservedExit): void {
    const now = this.now();
    const { own } = this;
    own.vcpu = this.machine.running();
    const inside = now - this.stamp;
    const slept = inside > WORTH_ASKING ? this.slept(own.vcpu, this.stamp, inside) : 0;
    start(own, SITES[exit], now, inside - slept);
    this.stamp = now;
    if (exit === 'idle') own.ripLow = own.ripHigh = 0;
    else this.takeRip(own);
  }

  get samplesCode(): boolean {
    return this.schedule !== undefined;
  }

  untilSample(vcpu: number): number {
    return this.schedule?.until(vcpu) ?? Infinity;
  }

  executed(vcpu: number, instructions: number): void {
    if (this.schedule?.advance(vcpu, instructions)) this.sample(vcpu);
  }

  /** A run of this thread's vCPUs starts: what the machine did until now is over. */
  runBegins(): void {
    this.entering();
    this.milestones.once('first guest instruction');
  }

  /** That run is over; the machine does something else, or sleeps. */
  runEnds(sleeps: boolean): void {
    const now = this.now();
    const { own } = this;
    let guestNs = now - this.stamp;
    this.stamp = now;
    if (own.active) {
      this.commit(own, now - own.times[TIME]);
      guestNs = 0;
    }
    this.period(sleeps ? IDLE : MACHINE, this.stamp, guestNs);
    this.ring.publish();
  }

  /** Another vCPU's exit has come to this thread. @param waitedNs how long its exit before took, as its own thread saw it */
  remoteLeft(vcpu: number, exit: ObservedExit, guestNs: number, waitedNs: number): void {
    const pending = this.remote[vcpu];
    if (pending.active) this.commit(pending, waitedNs);
    const now = this.now();
    const inside = this.sinceBegin(vcpu, guestNs, now);
    const slept = inside > WORTH_ASKING ? this.slept(vcpu, now - inside, inside) : 0;
    start(pending, SITES[exit], now, inside - slept);
    this.takeRip(pending);
  }

  /**
   * An exit reaches a register.
   * @param remote the vCPU whose exit came to this thread, 0 for this thread's own
   * @returns the exit, for the value that is read
   */
  access(
    remote: number,
    bus: Bus,
    write: boolean,
    address: number,
    size: number,
    value: number,
  ): PendingExit {
    const pending = remote === 0 ? this.own : this.remote[remote];
    this.reaching = pending;
    if (pending.accesses++ === 0) {
      pending.site = this.sites.access(bus, write, address, size);
      pending.value = value;
    }
    if (write && this.sites.roles[pending.site] !== SiteRole.NONE) this.notice(pending, value);
    return pending;
  }

  /** An exit is the end of an interrupt; on a software CPU there is none. */
  eoi(remote: number, vector: number): void {
    const pending = remote === 0 ? this.own : this.remote[remote];
    if (pending.active && pending.accesses++ === 0) pending.site = this.sites.eoi(vector);
  }

  interrupt(how: InterruptKind, vector: number, destination: number): void {
    const kind = INTERRUPT_KINDS.indexOf(how);
    this.memory.interrupts[kind * INTERRUPT_VECTORS + (vector & 0xff)]++;
    this.ring.write(INTERRUPT, this.now(), kind, vector & 0xff, destination, 0, -1);
  }

  milestone(name: string): void {
    const [at, size] = this.sites.nameOf(name);
    this.ring.write(MILESTONE, this.now(), at, size, 0, 0, -1);
  }

  /** When the exit began that is reaching a register. */
  get exitTime(): number {
    return this.reaching.times[TIME];
  }

  /**
   * A device is through with something that it did for the guest since `began`.
   * @param bytes that it has read and written
   */
  request(device: string, what: string, began: number, bytes: number): void {
    const kind = this.requests.kind(device, what);
    const tookNs = this.now() - began;
    this.requests.add(kind, tookNs, bytes);
    this.ring.write(REQUEST, began, kind.nameAt, kind.nameSize, tookNs, bytes, -1);
    this.milestones.request(device, what);
  }

  /**
   * The run is over, and all vCPUs are outside: what is pending ends now.
   * @param others the vCPUs with threads of their own, with the last times of each as of another exit
   */
  end(others: readonly EndedVcpu[]): void {
    const now = this.now();
    if (this.own.active) this.commit(this.own, now - this.own.times[TIME]);
    for (const { index, guestNs, waitedNs } of others) {
      const pending = this.remote[index];
      if (pending.active) this.commit(pending, waitedNs);
      const inside = this.sinceBegin(index, guestNs, now);
      start(pending, SITES.signal, now, inside - this.slept(index, now - inside, inside));
      pending.ripLow = pending.ripHigh = 0;
      this.commit(pending, 0);
    }
    this.ring.publish();
  }

  /** Time in the guest before the first exit of a vCPU counts from the start of the run, whenever its thread has started. */
  private sinceBegin(vcpu: number, guestNs: number, now: number): number {
    if (this.known[vcpu] !== 0) return guestNs;
    this.known[vcpu] = 1;
    return now;
  }

  /**
   * The vCPU has been in the guest for `inside` ns from `entered` on: what of it it has slept in HLT becomes a time of its own. When
   * that was, and how often, is not known: it is taken to come first.
   * @returns how long
   */
  private slept(vcpu: number, entered: number, inside: number): number {
    const halted = this.machine.haltedNs?.(vcpu) ?? 0;
    const slept = Math.min(inside, halted - this.haltedBefore[vcpu]);
    this.haltedBefore[vcpu] = halted;
    if (slept <= 0) return 0;
    const point = this.pointOf(IDLE, vcpu, 0, 0);
    this.count(point, 0, slept);
    this.ring.write(EXIT, entered, point, 0, slept, 0, -1);
    return slept;
  }

  /** Guest code is sampled: this is where `vcpu` is. */
  private sample(vcpu: number): void {
    const began = this.now();
    const stack = this.stackTable.stackOf(this.frames, this.machine.walk(vcpu, this.frames));
    if (stack >= 0) this.stackTable.sample(vcpu, stack);
    this.spent(began);
  }

  /** This thread has worked for the recording alone since `began`. */
  private spent(began: number): void {
    const tookNs = this.now() - began;
    this.stamp += tookNs;
    const point = this.pointOf(PROFILER, 0, 0, 0);
    this.count(point, 0, tookNs);
    this.ring.write(EXIT, began, point, 0, tookNs, 0, -1);
  }

  /** What this thread does from `now` on outside of the guest. */
  private period(site: number, now: number, guestNs: number): void {
    const { own } = this;
    own.vcpu = 0;
    start(own, site, now, guestNs);
    own.ripLow = 0;
    own.ripHigh = 0;
  }

  private takeRip(pending: PendingExit): void {
    this.machine.copyRip(pending.vcpu, this.rip);
    pending.ripLow = this.rip[0];
    pending.ripHigh = this.rip[1];
  }

  private commit(pending: PendingExit, hostNs: number): void {
    pending.active = false;
    const point = this.pointOf(pending.site, pending.vcpu, pending.ripLow, pending.ripHigh);
    const guestNs = pending.times[GUEST_NS];
    this.count(point, guestNs, hostNs);
    const stack = this.walks && (pending.ripLow | pending.ripHigh) !== 0 ? this.stackOf(pending, point) : -1;
    const pair = this.pair[point];
    if (pair >= 0) addTo(this.memory.pairSums, pair * SUMS, guestNs, hostNs);
    this.ring.write(EXIT, pending.times[TIME], point, guestNs, hostNs, pending.value, stack);
  }

  private count(point: number, guestNs: number, hostNs: number): void {
    const { sums, histograms } = this.memory;
    addTo(sums, point * SUMS, guestNs, hostNs);
    histograms[point * BUCKETS + bucketOf(hostNs)]++;
  }

  /** The call stack of an exit whose turn it is, −1 for the others. */
  private stackOf({ vcpu }: PendingExit, point: number): number {
    if (--this.countdown[point] > 0) return -1;
    this.countdown[point] = this.interval[point];
    this.interval[point] = Math.min(this.interval[point] * 2, this.longestInterval);
    const began = this.now();
    const stack = this.stackTable.stackOf(this.frames, this.machine.walk(vcpu, this.frames));
    if (stack >= 0) this.pair[point] = this.stackTable.pairOf(point, stack);
    this.spent(began);
    return stack;
  }

  private pointOf(site: number, vcpu: number, ripLow: number, ripHigh: number): number {
    const who = site | (vcpu << 16);
    const known = this.points.find(who, ripLow, ripHigh);
    if (known >= 0) return known;
    const hasRip = (ripLow | ripHigh) !== 0;
    if (hasRip && this.pointCount >= MAX_POINTS - RESERVED_POINTS) {
      this.memory.header[Header.MERGED_EXITS]++;
      return this.pointOf(site, vcpu, 0, 0);
    }
    if (this.pointCount >= MAX_POINTS) return 0;
    const point = this.pointCount++;
    const at = point * POINT_WORDS;
    const { points, header } = this.memory;
    points[at + PointWord.SITE] = site;
    points[at + PointWord.VCPU] = vcpu;
    points[at + PointWord.RIP_LOW] = ripLow;
    points[at + PointWord.RIP_HIGH] = ripHigh;
    points[at + PointWord.AFTER] = hasRip && this.isAfter(site, vcpu) ? 1 : 0;
    this.points.add(who, ripLow, ripHigh, point);
    Atomics.store(header, Header.POINTS, this.pointCount);
    return point;
  }

  private isAfter(site: number, vcpu: number): boolean {
    const kind = this.memory.sites[site * SITE_WORDS + SiteWord.KIND];
    if (((kind >> 8) & 0xff) !== WRITE) return false;
    return this.machine.ripIsNext(vcpu, (kind & 0xff) === SITES.io ? 'port' : 'mmio');
  }

  /** A write to where milestones are to be seen. */
  private notice({ site }: PendingExit, value: number): void {
    const { sites } = this.memory;
    const word = (index: number): number => sites[site * SITE_WORDS + index];
    this.milestones.written(
      this.sites.roles[site],
      () => this.sites.textAt(word(SiteWord.DEVICE_AT), word(SiteWord.DEVICE_SIZE)),
      value,
    );
  }
}

function kindOf(kind: ProfileEvent['kind']): number {
  return EVENT_KINDS.indexOf(kind);
}

function addTo(sums: Float64Array, at: number, guestNs: number, hostNs: number): void {
  sums[at + Sum.COUNT]++;
  sums[at + Sum.GUEST] += guestNs;
  sums[at + Sum.HOST] += hostNs;
  if (hostNs > sums[at + Sum.MAX]) sums[at + Sum.MAX] = hostNs;
}

function start(pending: PendingExit, site: number, time: number, guestNs: number): void {
  pending.active = true;
  pending.site = site;
  pending.times[TIME] = time;
  pending.times[GUEST_NS] = guestNs;
  pending.value = 0;
  pending.accesses = 0;
}

function newExit(vcpu: number): PendingExit {
  return {
    vcpu,
    active: false,
    site: 0,
    ripLow: 0,
    ripHigh: 0,
    times: new Float64Array(2),
    value: 0,
    accesses: 0,
  };
}
