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
  type ExitEvent,
  type InterruptEvent,
  type Point,
  type PointTotals,
  type Profile,
  type ProfileEnd,
  type ProfileEvent,
  type ProfileMeta,
  type Site,
  type Stack,
  type StackTotals,
  type SymbolImage,
  type SymbolInfo,
} from './format.js';
import { ProfileError } from './profile-error.js';
import { EVENT_KIND_MASK, EXIT_HAS_STACK, EXIT_HAS_VALUE, POINT_AFTER } from './profile-writer.js';

const HEADER = MAGIC.length + 4;

/**
 * Reads a recording. One that was cut off, because its writer was killed, is read as far as its chunks are whole, and
 * has no `end`.
 * @throws ProfileError for what is not a profile, has a later version, or is damaged
 */
export function readProfile(bytes: Uint8Array): Profile {
  if (new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) !== MAGIC || bytes.length < HEADER)
    throw new ProfileError('this is not a profile: its first bytes are not TSVMPROF');
  const version = new ByteReader(bytes.subarray(MAGIC.length)).u32();
  if (version !== FORMAT_VERSION)
    throw new ProfileError(`the profile has version ${version}; this tsvmm reads version ${FORMAT_VERSION}`, {
      version,
    });
  const contents = new Contents();
  for (const { tag, payload } of readChunks(bytes.subarray(HEADER))) contents.take(tag, payload);
  return contents.profile(version);
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
  private meta: ProfileMeta | undefined;
  private end: ProfileEnd | undefined;

  take(tag: string, payload: Uint8Array): void {
    switch (tag) {
      case Chunk.META:
        this.meta = parse<ProfileMeta>(payload, META_FIELDS);
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
        this.eventChunks.push(payload);
        break;
      case Chunk.TOTALS:
        this.totals = readAll(payload, [], totalsOf);
        break;
      case Chunk.STACK_TOTALS:
        this.stackTotals = readAll(payload, [], stackTotalsOf);
        break;
      case Chunk.SAMPLES:
        this.samples = readAll(payload, [], sampleOf);
        break;
      case Chunk.COUNTERS:
        for (const [name, count] of Object.entries(parse<Record<string, number>>(payload)))
          this.counters.set(name, Number(count));
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

  profile(version: number): Profile {
    const { meta, points, stacks, strings, eventChunks } = this;
    if (!meta) throw new ProfileError('the profile ends before it says what was recorded');
    if (this.totals.length > points.length)
      throw new ProfileError('the profile has totals of unknown points');
    for (const { point, stack } of this.stackTotals) {
      at(points, point, 'point');
      at(stacks, stack, 'stack');
    }
    for (const { stack } of this.samples) at(stacks, stack, 'stack');
    return {
      version,
      meta,
      points,
      stacks,
      // A recording that was cut off has none: what its events say is what is known.
      totals: this.totals.length > 0 ? this.totals : totalsFromEvents(points.length, this.decode()),
      stackTotals: this.stackTotals,
      samples: this.samples,
      counters: this.counters,
      images: this.images,
      symbols: this.symbols,
      end: this.end,
      events: () => decodeEvents(eventChunks, strings, points.length, stacks.length),
    };
  }

  private decode(): Generator<ProfileEvent> {
    return decodeEvents(this.eventChunks, this.strings, this.points.length, this.stacks.length);
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

  private takeSymbols({ images, symbols }: SymbolsJson): void {
    for (const image of images) this.images.push({ ...image, bias: fromHex(image.bias) });
    for (const [address, info] of Object.entries(symbols)) this.symbols.set(fromHex(address), info);
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
  const histogram = new Map<number, number>();
  for (let left = reader.varint(); left > 0; left--) {
    const bucket = reader.u8();
    if (bucket >= BUCKETS) throw new ProfileError(`the profile has a histogram with bucket ${bucket}`);
    histogram.set(bucket, reader.varint());
  }
  return { count, guestNs, hostNs, maxHostNs, histogram };
}

function stackTotalsOf(reader: ByteReader): StackTotals {
  return {
    point: reader.varint(),
    stack: reader.varint(),
    count: reader.varint(),
    guestNs: reader.varint(),
    hostNs: reader.varint(),
  };
}

function sampleOf(reader: ByteReader): CodeSample {
  return { vcpu: reader.varint(), stack: reader.varint(), count: reader.varint() };
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

function readAll<T>(payload: Uint8Array, list: T[], read: (reader: ByteReader) => T): T[] {
  const reader = new ByteReader(payload);
  while (!reader.atEnd) list.push(read(reader));
  return list;
}

function at<T>(list: readonly T[], index: number, what: string): T {
  if (index >= list.length) throw new ProfileError(`the profile refers to a ${what} that it does not have`);
  return list[index];
}

/** @param fields those that must be there, and their types */
function parse<T extends object>(payload: Uint8Array, fields: Readonly<Record<string, string>> = {}): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(payload));
  } catch (cause) {
    throw new ProfileError('the profile has a damaged chunk', {}, { cause });
  }
  if (typeof value !== 'object' || value === null) throw new ProfileError('the profile has a damaged chunk');
  for (const [name, type] of Object.entries(fields)) {
    if (typeOf((value as Record<string, unknown>)[name]) !== type)
      throw new ProfileError(`the profile has a damaged chunk: ${name} is not a ${type}`);
  }
  return value as T;
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? 'list' : typeof value;
}

const META_FIELDS = {
  kernel: 'string',
  commandLine: 'string',
  accelerator: 'string',
  cpus: 'number',
  memoryBytes: 'number',
  stacks: 'string',
  samplePeriod: 'number',
};
const END_FIELDS = { reason: 'string', status: 'number', wallNs: 'number', exits: 'number', notes: 'list' };
const SYMBOLS_FIELDS = { images: 'list', symbols: 'object' };

function fromHex(digits: unknown): bigint {
  if (typeof digits !== 'string' || !/^[0-9a-f]{1,16}$/.test(digits))
    throw new ProfileError('the profile has a damaged address among its symbols');
  return BigInt(`0x${digits}`);
}
