import { addHistogram, bucketOf, BUCKETS } from './histogram.js';
import { ByteReader } from './byte-reader.js';
import { readChunks } from './chunks.js';
import {
  Chunk,
  DIRECTIONS,
  EVENT_KINDS,
  EXIT_REASONS,
  FORMAT_VERSION,
  INTERRUPT_KINDS,
  MAGIC,
  type CodeSample,
  type Damage,
  type ExitEvent,
  type InterruptEvent,
  type Point,
  type PointTotals,
  type Profile,
  type ProfileEnd,
  type ProfileEvent,
  type ProfileMeta,
  type RequestTotals,
  type Site,
  type Stack,
  type StackTotals,
  type SymbolImage,
  type SymbolInfo,
} from './format.js';
import { ProfileError } from './profile-error.js';
import { EVENT_KIND_MASK, EXIT_HAS_STACK, EXIT_HAS_VALUE, POINT_AFTER } from './profile-writer.js';

const HEADER = MAGIC.length + 4;
/** Reports have a track for each. KVM's own limit is lower. */
const MOST_CPUS = 65_536;

/**
 * Reads a recording. One that was cut off, because its writer was killed, or damaged later, is read as far as it is whole: `damage`
 * says where that ends.
 * @throws ProfileError for what is not a profile, has another version, or has nothing that is whole
 */
export function readProfile(bytes: Uint8Array): Profile {
  if (new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) !== MAGIC || bytes.length < HEADER)
    throw new ProfileError('this is not a profile: its first bytes are not TSVMPROF and a version');
  const version = new ByteReader(bytes.subarray(MAGIC.length)).u32();
  if (version !== FORMAT_VERSION)
    throw new ProfileError(`the profile has version ${version}; this tsvmm reads version ${FORMAT_VERSION}`, {
      version,
    });
  const contents = new Contents();
  return contents.profile(version, readContents(bytes, contents));
}

/** @returns where `contents` stops being all of it */
function readContents(bytes: Uint8Array, contents: Contents): Damage | undefined {
  const size = bytes.length;
  for (const chunk of readChunks(bytes, HEADER)) {
    const { at } = chunk;
    if ('broken' in chunk) return { kind: chunk.broken, at, size };
    // What comes behind the end is no part of any recording.
    if (contents.ended) return { kind: 'damaged', at, size };
    try {
      contents.take(chunk.tag, chunk.payload);
    } catch (error) {
      // Chunks that were not damaged on their way may yet not fit together.
      if (!(error instanceof ProfileError)) throw error;
      return { kind: 'damaged', at, size };
    }
  }
  return contents.ended ? undefined : { kind: 'cut off', at: size, size };
}

/** What has been read so far. */
class Contents {
  private readonly strings: string[] = [];
  private readonly sites: Site[] = [];
  private readonly points: Point[] = [];
  private readonly stacks: Stack[] = [];
  private readonly eventChunks: Uint8Array[] = [];
  private readonly counters = new Map<string, number>();
  private readonly images: SymbolImage[] = [];
  private readonly symbols = new Map<bigint, SymbolInfo>();
  private totals: PointTotals[] = [];
  private stackTotals: StackTotals[] = [];
  private samples: CodeSample[] = [];
  private requests: RequestTotals[] | undefined;
  private meta: ProfileMeta | undefined;
  private end: ProfileEnd | undefined;

  get ended(): boolean {
    return this.end !== undefined;
  }

  /** @throws ProfileError for a chunk that makes no sense behind those before it */
  take(tag: string, payload: Uint8Array): void {
    switch (tag) {
      case Chunk.META:
        this.meta = parse<ProfileMeta>(payload, META_FIELDS);
        if (this.meta.cpus > MOST_CPUS) throw new ProfileError(`the profile is of ${this.meta.cpus} vCPUs`);
        break;
      case Chunk.STRINGS:
        readAll(payload, this.strings, reader => reader.text());
        break;
      case Chunk.SITES:
        readAll(payload, this.sites, reader => this.site(reader));
        break;
      case Chunk.POINTS:
        readAll(payload, this.points, reader => this.point(reader));
        break;
      case Chunk.STACKS:
        readAll(payload, this.stacks, stackOf);
        break;
      case Chunk.EVENTS:
        // Whoever walks through the events later does not meet any that cannot be.
        checkAll(this.decode([payload]));
        this.eventChunks.push(payload);
        break;
      case Chunk.TOTALS:
        this.totals = readAll(payload, [], totalsOf);
        if (this.totals.length > this.points.length)
          throw new ProfileError('the profile has totals of unknown points');
        break;
      case Chunk.STACK_TOTALS:
        this.stackTotals = readAll(payload, [], reader => this.stackTotalsOf(reader));
        break;
      case Chunk.SAMPLES:
        this.samples = readAll(payload, [], reader => this.sample(reader));
        break;
      case Chunk.REQUESTS:
        this.requests = readAll(payload, [], reader => this.requestTotals(reader));
        break;
      case Chunk.COUNTERS:
        for (const [name, count] of Object.entries(parse<Record<string, unknown>>(payload)))
          this.counters.set(name, numberOf(count));
        break;
      case Chunk.SYMBOLS:
        this.takeSymbols(parse<SymbolsJson>(payload, SYMBOLS_FIELDS));
        break;
      case Chunk.END:
        this.end = parse<ProfileEnd>(payload, END_FIELDS);
        break;
      default:
      // Of a later tsvmm: what it says is not needed to understand the rest.
    }
  }

  profile(version: number, damage: Damage | undefined): Profile {
    const { meta, points, stacks, eventChunks } = this;
    if (!meta)
      throw new ProfileError(
        `the profile is ${damage?.kind ?? 'damaged'} before it says what was recorded: nothing of it can be shown`,
      );
    const events = (): Generator<ProfileEvent> => this.decode(eventChunks);
    return {
      version,
      meta,
      points,
      stacks,
      // A recording that was cut off has none: what its events say is what is known.
      totals: this.totals.length > 0 ? this.totals : totalsFromEvents(points.length, events()),
      stackTotals: this.stackTotals,
      samples: this.samples,
      requests: this.requests ?? requestsFromEvents(events()),
      counters: this.counters,
      images: this.images,
      symbols: this.symbols,
      end: this.end,
      damage,
      events,
    };
  }

  private decode(eventChunks: readonly Uint8Array[]): Generator<ProfileEvent> {
    return decodeEvents(eventChunks, this.strings, this.points.length, this.stacks.length);
  }

  private site(reader: ByteReader): Site {
    return {
      reason: at(EXIT_REASONS, reader.u8(), 'exit reason'),
      direction: at(DIRECTIONS, reader.u8(), 'direction'),
      size: reader.u8(),
      address: reader.varint(),
      device: at(this.strings, reader.varint(), 'string'),
      register: at(this.strings, reader.varint(), 'string'),
    };
  }

  private point(reader: ByteReader): Point {
    return {
      site: at(this.sites, reader.varint(), 'site'),
      vcpu: reader.varint(),
      after: (reader.u8() & POINT_AFTER) !== 0,
      rip: reader.u64(),
    };
  }

  private stackTotalsOf(reader: ByteReader): StackTotals {
    return {
      point: indexIn(this.points, reader.varint(), 'point'),
      stack: indexIn(this.stacks, reader.varint(), 'stack'),
      count: reader.varint(),
      guestNs: reader.varint(),
      hostNs: reader.varint(),
    };
  }

  private sample(reader: ByteReader): CodeSample {
    return {
      vcpu: reader.varint(),
      stack: indexIn(this.stacks, reader.varint(), 'stack'),
      count: reader.varint(),
    };
  }

  private requestTotals(reader: ByteReader): RequestTotals {
    return {
      name: at(this.strings, reader.varint(), 'string'),
      count: reader.varint(),
      ns: reader.varint(),
      maxNs: reader.varint(),
      bytes: reader.varint(),
      histogram: histogramOf(reader),
    };
  }

  private takeSymbols({ images, symbols }: SymbolsJson): void {
    for (const image of images) {
      checkFields(image, IMAGE_FIELDS);
      this.images.push({ ...image, bias: fromHex(image.bias) });
    }
    for (const [address, info] of Object.entries(symbols)) {
      checkFields(info, SYMBOL_FIELDS);
      this.symbols.set(fromHex(address), info);
    }
  }
}

interface SymbolsJson {
  readonly images: readonly (Omit<SymbolImage, 'bias'> & { readonly bias: string })[];
  readonly symbols: Readonly<Record<string, SymbolInfo>>;
}

function stackOf(reader: ByteReader): Stack {
  const length = reader.varint();
  if (length * 8 > reader.rest) throw new ProfileError('the profile ends in the middle of a stack');
  return Array.from({ length }, () => reader.u64());
}

function totalsOf(reader: ByteReader): PointTotals {
  const [count, guestNs, hostNs, maxHostNs] = [
    reader.varint(),
    reader.varint(),
    reader.varint(),
    reader.varint(),
  ];
  return { count, guestNs, hostNs, maxHostNs, histogram: histogramOf(reader) };
}

function histogramOf(reader: ByteReader): ReadonlyMap<number, number> {
  const histogram = new Map<number, number>();
  for (let left = reader.varint(); left > 0; left--) {
    const bucket = reader.u8();
    if (bucket >= BUCKETS) throw new ProfileError(`the profile has a histogram with bucket ${bucket}`);
    histogram.set(bucket, reader.varint());
  }
  return histogram;
}

/** Reads events for the errors that they have. */
function checkAll(events: Iterator<ProfileEvent>): void {
  while (events.next().done !== true);
}

function* decodeEvents(
  eventChunks: readonly Uint8Array[],
  strings: readonly string[],
  points: number,
  stacks: number,
): Generator<ProfileEvent> {
  for (const chunk of eventChunks) {
    const reader = new ByteReader(chunk);
    let time = 0;
    while (!reader.atEnd) {
      const head = reader.u8();
      time += reader.signed();
      switch (at(EVENT_KINDS, head & EVENT_KIND_MASK, 'kind of event')) {
        case 'exit': {
          const event = exitOf(reader, head, time);
          if (event.point >= points || (event.stack ?? -1) >= stacks)
            throw new ProfileError('the profile has an event of an unknown origin');
          yield event;
          break;
        }
        case 'interrupt':
          yield interruptOf(reader, time);
          break;
        case 'milestone':
          yield { kind: 'milestone', time, name: at(strings, reader.varint(), 'string') };
          break;
        case 'request':
          yield {
            kind: 'request',
            time,
            durationNs: reader.varint(),
            name: at(strings, reader.varint(), 'string'),
            bytes: reader.varint(),
          };
          break;
      }
    }
  }
}

function exitOf(reader: ByteReader, head: number, time: number): ExitEvent {
  return {
    kind: 'exit',
    time,
    point: reader.varint(),
    guestNs: reader.varint(),
    hostNs: reader.varint(),
    value: head & EXIT_HAS_VALUE ? reader.varint() : 0,
    stack: head & EXIT_HAS_STACK ? reader.varint() : undefined,
  };
}

function interruptOf(reader: ByteReader, time: number): InterruptEvent {
  return {
    kind: 'interrupt',
    time,
    how: at(INTERRUPT_KINDS, reader.u8(), 'kind of interrupt'),
    vector: reader.u8(),
    destination: reader.varint(),
  };
}

function totalsFromEvents(points: number, events: Iterable<ProfileEvent>): PointTotals[] {
  const totals = Array.from({ length: points }, () => ({
    count: 0,
    guestNs: 0,
    hostNs: 0,
    maxHostNs: 0,
    histogram: new Map<number, number>(),
  }));
  for (const event of events) {
    if (event.kind !== 'exit') continue;
    const total = totals[event.point];
    total.count++;
    total.guestNs += event.guestNs;
    total.hostNs += event.hostNs;
    total.maxHostNs = Math.max(total.maxHostNs, event.hostNs);
    addHistogram(total.histogram, new Map([[bucketOf(event.hostNs), 1]]));
  }
  return totals;
}

function requestsFromEvents(events: Iterable<ProfileEvent>): RequestTotals[] {
  const totals = new Map<
    string,
    { count: number; ns: number; maxNs: number; bytes: number; histogram: Map<number, number> }
  >();
  for (const event of events) {
    if (event.kind !== 'request') continue;
    let total = totals.get(event.name);
    if (!total) {
      total = { count: 0, ns: 0, maxNs: 0, bytes: 0, histogram: new Map() };
      totals.set(event.name, total);
    }
    total.count++;
    total.ns += event.durationNs;
    total.maxNs = Math.max(total.maxNs, event.durationNs);
    total.bytes += event.bytes;
    addHistogram(total.histogram, new Map([[bucketOf(event.durationNs), 1]]));
  }
  return Array.from(totals, ([name, total]) => ({ name, ...total }));
}

function readAll<T>(payload: Uint8Array, list: T[], read: (reader: ByteReader) => T): T[] {
  const reader = new ByteReader(payload);
  while (!reader.atEnd) list.push(read(reader));
  return list;
}

function at<T>(list: readonly T[], index: number, what: string): T {
  if (index >= list.length) throw new ProfileError(`the profile refers to a ${what} that it does not have`);
  return list[index];
}

function indexIn(list: readonly unknown[], index: number, what: string): number {
  at(list, index, what);
  return index;
}

/** What a field of a JSON chunk is: `?` behind those that need not be there. */
type FieldType = 'text' | 'number' | 'list' | 'object' | 'texts' | 'text?' | 'number?';

function parse<T extends object>(payload: Uint8Array, fields: Readonly<Record<string, FieldType>> = {}): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(payload));
  } catch (cause) {
    throw new ProfileError('the profile has a damaged chunk', {}, { cause });
  }
  checkFields(value, fields);
  return value as T;
}

function checkFields(value: unknown, fields: Readonly<Record<string, FieldType>>): asserts value is object {
  if (typeof value !== 'object' || value === null) throw new ProfileError('the profile has a damaged chunk');
  for (const [name, type] of Object.entries(fields)) {
    const field = (value as Record<string, unknown>)[name];
    if (type.endsWith('?') && field === undefined) continue;
    if (!isOfType(field, type))
      throw new ProfileError(`the profile has a damaged chunk: ${name} is not of type ${type}`);
  }
}

function isOfType(value: unknown, type: FieldType): boolean {
  switch (type) {
    case 'text':
    case 'text?':
      return typeof value === 'string';
    case 'number':
    case 'number?':
      return typeof value === 'number' && value >= 0 && value < Infinity;
    case 'list':
      return Array.isArray(value);
    case 'texts':
      return Array.isArray(value) && value.every(item => typeof item === 'string');
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
  }
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw new ProfileError('the profile has a counter that is no number');
  return value;
}

const META_FIELDS = {
  tsvmm: 'text',
  created: 'text',
  kernel: 'text',
  commandLine: 'text',
  accelerator: 'text',
  cpus: 'number',
  memoryBytes: 'number',
  stacks: 'text',
  samplePeriod: 'number',
} as const;
const END_FIELDS = {
  reason: 'text',
  status: 'number',
  wallNs: 'number',
  exits: 'number',
  lostEvents: 'number',
  mergedExits: 'number',
  notes: 'texts',
} as const;
const SYMBOLS_FIELDS = { images: 'list', symbols: 'object' } as const;
const IMAGE_FIELDS = { path: 'text', bias: 'text' } as const;
const SYMBOL_FIELDS = {
  name: 'text',
  offset: 'number',
  image: 'text',
  linkage: 'text?',
  file: 'text?',
  line: 'number?',
} as const;

function fromHex(digits: unknown): bigint {
  if (typeof digits !== 'string' || !/^[0-9a-f]{1,16}$/.test(digits))
    throw new ProfileError('the profile has a damaged address among its symbols');
  return BigInt(`0x${digits}`);
}
