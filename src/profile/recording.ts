import { EventRingReader } from './event-ring.js';
import {
  DIRECTIONS,
  EVENT_KINDS,
  EXIT_REASONS,
  INTERRUPT_KINDS,
  type CodeSample,
  type Point,
  type PointTotals,
  type RequestTotals,
  type ProfileEvent,
  type Site,
  type Stack,
  type StackTotals,
} from './format.js';
import { BUCKETS } from './histogram.js';
import {
  EventField,
  Header,
  PAIR_WORDS,
  POINT_WORDS,
  PairWord,
  PointWord,
  REQUEST_SUMS,
  REQUEST_WORDS,
  RecordMemory,
  RequestSum,
  RequestWord,
  SAMPLE_WORDS,
  SITE_WORDS,
  SUMS,
  SampleWord,
  SiteWord,
  Sum,
} from './record-memory.js';

/** How often events are taken out of the ring while the machine runs, in ms. */
const LOOK_EVERY_MS = 50;

/** Takes events as they come, in their order. Definitions that they refer to are in `recording` by then. */
export type EventListener = (events: readonly ProfileEvent[], recording: Recording) => void;

/** What a machine's thread records, as the control thread reads it: at any time, without disturbing the guest. */
export class Recording {
  readonly sites: Site[] = [];
  readonly points: Point[] = [];
  readonly stacks: Stack[] = [];
  /** For each point the index of its site. */
  readonly siteOfPoint: number[] = [];
  private readonly memory: RecordMemory;
  private readonly ring: EventRingReader;
  private readonly listeners: EventListener[] = [];
  private timer: ReturnType<typeof setInterval> | undefined;

  /** @param buffer from `RecordMemory.allocate()`, which the machine's thread has too */
  constructor(readonly buffer: SharedArrayBuffer) {
    this.memory = new RecordMemory(buffer);
    this.ring = new EventRingReader(this.memory);
  }

  /** Calls `listener` with all events from now on. Without any listener events are thrown away. */
  onEvents(listener: EventListener): void {
    this.listeners.push(listener);
  }

  /** @internal The machine runs: takes events out regularly. */
  start(): void {
    this.timer = setInterval(() => this.drain(), LOOK_EVERY_MS);
  }

  /** @internal The run has ended: takes the last events out. */
  finish(): void {
    clearInterval(this.timer);
    this.drain();
  }

  /** @internal Nobody takes events out any longer: the guest must not wait for that. */
  release(): void {
    clearInterval(this.timer);
    this.ring.release();
  }

  /** @internal */
  drain(): void {
    const events: ProfileEvent[] = [];
    this.ring.drain(at => events.push(this.eventAt(at)));
    this.readDefinitions();
    if (events.length > 0) for (const listener of this.listeners) listener(events, this);
  }

  /** ms since 1970 at time 0; 0 before the run. */
  get origin(): number {
    return this.memory.clock[0];
  }

  /** Events for which the ring had no room. */
  get lostEvents(): number {
    return this.memory.header[Header.LOST_EVENTS];
  }

  /** Exits whose RIP had no room in the table. */
  get mergedExits(): number {
    return this.memory.header[Header.MERGED_EXITS];
  }

  /** The sums so far, by index of their point. */
  totals(): PointTotals[] {
    this.readDefinitions();
    const { sums, histograms } = this.memory;
    return this.points.map((_, point) => {
      const at = point * SUMS;
      return {
        count: sums[at + Sum.COUNT],
        guestNs: sums[at + Sum.GUEST],
        hostNs: sums[at + Sum.HOST],
        maxHostNs: sums[at + Sum.MAX],
        histogram: histogramAt(histograms, point),
      };
    });
  }

  /** Exits so far and the time that they took, without the histograms. */
  counts(point: number): { readonly count: number; readonly hostNs: number } {
    const { sums } = this.memory;
    return { count: sums[point * SUMS + Sum.COUNT], hostNs: sums[point * SUMS + Sum.HOST] };
  }

  stackTotals(): StackTotals[] {
    this.readDefinitions();
    const { pairs, pairSums, header } = this.memory;
    return Array.from({ length: Atomics.load(header, Header.PAIRS) }, (_, pair) => ({
      point: pairs[pair * PAIR_WORDS + PairWord.POINT],
      stack: pairs[pair * PAIR_WORDS + PairWord.STACK],
      count: pairSums[pair * SUMS + Sum.COUNT],
      guestNs: pairSums[pair * SUMS + Sum.GUEST],
      hostNs: pairSums[pair * SUMS + Sum.HOST],
    }));
  }

  samples(): CodeSample[] {
    this.readDefinitions();
    const { samples, header } = this.memory;
    return Array.from({ length: Atomics.load(header, Header.SAMPLES) }, (_, i) => ({
      vcpu: samples[i * SAMPLE_WORDS + SampleWord.VCPU],
      stack: samples[i * SAMPLE_WORDS + SampleWord.STACK],
      count: samples[i * SAMPLE_WORDS + SampleWord.COUNT],
    }));
  }

  /** The requests that devices have served so far, by kind. */
  requests(): RequestTotals[] {
    const { requests, requestSums, requestHistograms, header } = this.memory;
    return Array.from({ length: Atomics.load(header, Header.REQUESTS) }, (_, i) => {
      const [words, sums] = [i * REQUEST_WORDS, i * REQUEST_SUMS];
      return {
        name: this.text(requests[words + RequestWord.NAME_AT], requests[words + RequestWord.NAME_SIZE]),
        count: requestSums[sums + RequestSum.COUNT],
        ns: requestSums[sums + RequestSum.TIME],
        maxNs: requestSums[sums + RequestSum.MAX],
        bytes: requestSums[sums + RequestSum.BYTES],
        histogram: histogramAt(requestHistograms, i),
      };
    });
  }

  /** How many interrupts there were, by `<kind> <vector>`. */
  interrupts(): Map<string, number> {
    const counts = new Map<string, number>();
    this.memory.interrupts.forEach((count, i) => {
      if (count > 0) counts.set(`interrupts ${INTERRUPT_KINDS[i >> 8]} ${i & 0xff}`, count);
    });
    return counts;
  }

  /** Reads what has been defined since the last time. */
  readDefinitions(): void {
    const { header } = this.memory;
    // What refers to something is read before it: a definition is published before its first use.
    const [points, stacks] = [Atomics.load(header, Header.POINTS), Atomics.load(header, Header.STACKS)];
    const sites = Atomics.load(header, Header.SITES);
    while (this.sites.length < sites) this.sites.push(this.siteAt(this.sites.length));
    while (this.points.length < points) this.readPoint(this.points.length);
    while (this.stacks.length < stacks) this.stacks.push(this.stackAt(this.stacks.length));
  }

  private siteAt(site: number): Site {
    const words = this.memory.sites.subarray(site * SITE_WORDS, (site + 1) * SITE_WORDS);
    const kind = words[SiteWord.KIND];
    return {
      reason: EXIT_REASONS[kind & 0xff],
      direction: DIRECTIONS[(kind >> 8) & 0xff],
      size: kind >> 16,
      address: (words[SiteWord.ADDRESS_LOW] >>> 0) + words[SiteWord.ADDRESS_HIGH] * 2 ** 32,
      device: this.text(words[SiteWord.DEVICE_AT], words[SiteWord.DEVICE_SIZE]),
      register: this.text(words[SiteWord.REGISTER_AT], words[SiteWord.REGISTER_SIZE]),
    };
  }

  private readPoint(point: number): void {
    const words = this.memory.points.subarray(point * POINT_WORDS, (point + 1) * POINT_WORDS);
    const site = words[PointWord.SITE];
    this.siteOfPoint.push(site);
    this.points.push({
      site: this.sites[site],
      vcpu: words[PointWord.VCPU],
      rip: join(words[PointWord.RIP_LOW], words[PointWord.RIP_HIGH]),
      after: words[PointWord.AFTER] !== 0,
    });
  }

  private stackAt(stack: number): Stack {
    const { stackStarts, addresses } = this.memory;
    const [from, to] = [stackStarts[stack], stackStarts[stack + 1]];
    return Array.from({ length: to - from }, (_, i) =>
      join(addresses[(from + i) * 2], addresses[(from + i) * 2 + 1]),
    );
  }

  private eventAt(at: number): ProfileEvent {
    const { events } = this.memory;
    const time = events[at + EventField.TIME];
    const subject = events[at + EventField.SUBJECT];
    switch (EVENT_KINDS[events[at + EventField.KIND]]) {
      case 'exit': {
        const stack = events[at + EventField.D];
        return {
          kind: 'exit',
          time,
          point: subject,
          guestNs: events[at + EventField.A],
          hostNs: events[at + EventField.B],
          value: events[at + EventField.C],
          stack: stack < 0 ? undefined : stack,
        };
      }
      case 'interrupt':
        return {
          kind: 'interrupt',
          time,
          how: INTERRUPT_KINDS[subject],
          vector: events[at + EventField.A],
          destination: events[at + EventField.B],
        };
      case 'milestone':
        return { kind: 'milestone', time, name: this.text(subject, events[at + EventField.A]) };
      case 'request':
        return {
          kind: 'request',
          time,
          durationNs: events[at + EventField.B],
          name: this.text(subject, events[at + EventField.A]),
          bytes: events[at + EventField.C],
        };
    }
  }

  private text(at: number, size: number): string {
    return new TextDecoder().decode(this.memory.names.slice(at, at + size));
  }
}

/** The buckets that are not empty. */
function histogramAt(histograms: Uint32Array, index: number): Map<number, number> {
  const histogram = new Map<number, number>();
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const count = histograms[index * BUCKETS + bucket];
    if (count > 0) histogram.set(bucket, count);
  }
  return histogram;
}

function join(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
