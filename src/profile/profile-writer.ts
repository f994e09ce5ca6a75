import { ByteWriter } from './byte-writer.js';
import { chunkBytes } from './chunks.js';
import {
  Chunk,
  DIRECTIONS,
  EVENT_KINDS,
  EXIT_REASONS,
  FORMAT_VERSION,
  INTERRUPT_KINDS,
  MAGIC,
  type ChunkTag,
  type CodeSample,
  type ExitEvent,
  type Point,
  type PointTotals,
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

/** Bits of an event's first byte above its kind. */
export const EVENT_KIND_MASK = 3;
export const EXIT_HAS_VALUE = 4;
export const EXIT_HAS_STACK = 8;
/** Bits of a point's flags. */
export const POINT_AFTER = 1;

/** A point as it is written: its site by index. */
export interface PointDefinition extends Omit<Point, 'site'> {
  readonly site: number;
}

/** What symbols were found, and in which files. */
export interface SymbolTable {
  readonly images: readonly SymbolImage[];
  readonly symbols: ReadonlyMap<bigint, SymbolInfo>;
}

/**
 * Writes a profile as a stream: definitions and events as they come, totals at the end. Definitions count up from 0 in
 * the order in which they are added; `flush` writes them before the events that refer to them.
 */
export class ProfileWriter {
  private readonly strings = new Map<string, number>();
  private readonly newStrings = new ByteWriter();
  private readonly sites = new ByteWriter();
  private readonly points = new ByteWriter();
  private readonly stacks = new ByteWriter();
  private readonly events = new ByteWriter();
  /** Time of the event before in the same chunk. */
  private time = 0;

  /** @param sink takes each piece of the file, in their order */
  constructor(private readonly sink: (bytes: Uint8Array) => void) {}

  /** Begins the file. */
  begin(meta: ProfileMeta): void {
    this.sink(new ByteWriter().raw(new TextEncoder().encode(MAGIC)).u32(FORMAT_VERSION).take());
    this.chunk(Chunk.META, json(meta));
  }

  site({ reason, direction, size, address, device, register }: Site): void {
    const [deviceId, registerId] = [this.string(device), this.string(register)];
    this.sites
      .u8(EXIT_REASONS.indexOf(reason))
      .u8(DIRECTIONS.indexOf(direction))
      .u8(size)
      .varint(address)
      .varint(deviceId)
      .varint(registerId);
  }

  point({ site, vcpu, rip, after }: PointDefinition): void {
    this.points
      .varint(site)
      .varint(vcpu)
      .u8(after ? POINT_AFTER : 0)
      .u64(rip);
  }

  stack(stack: Stack): void {
    this.stacks.varint(stack.length);
    for (const address of stack) this.stacks.u64(address);
  }

  event(event: ProfileEvent): void {
    const time = Math.round(event.time);
    const { events } = this;
    switch (event.kind) {
      case 'exit':
        this.exit(event, time);
        break;
      case 'interrupt':
        this.head(event.kind, 0, time);
        events.u8(INTERRUPT_KINDS.indexOf(event.how)).u8(event.vector).varint(event.destination);
        break;
      case 'milestone': {
        const name = this.string(event.name);
        this.head(event.kind, 0, time);
        events.varint(name);
        break;
      }
      case 'request': {
        const name = this.string(event.name);
        this.head(event.kind, 0, time);
        events.varint(Math.round(event.durationNs)).varint(name).varint(event.bytes);
        break;
      }
    }
  }

  /** Bytes of events that wait for `flush`. */
  get pending(): number {
    return this.events.size;
  }

  /** Writes what came since the last call. */
  flush(): void {
    this.chunkOf(Chunk.STRINGS, this.newStrings);
    this.chunkOf(Chunk.SITES, this.sites);
    this.chunkOf(Chunk.POINTS, this.points);
    this.chunkOf(Chunk.STACKS, this.stacks);
    this.chunkOf(Chunk.EVENTS, this.events);
    this.time = 0;
  }

  /** @param totals by index of their point */
  totals(totals: readonly PointTotals[]): void {
    const bytes = new ByteWriter();
    for (const { count, guestNs, hostNs, maxHostNs, histogram } of totals) {
      bytes
        .varint(count)
        .varint(Math.round(guestNs))
        .varint(Math.round(hostNs))
        .varint(Math.round(maxHostNs));
      writeHistogram(bytes, histogram);
    }
    this.chunk(Chunk.TOTALS, bytes.take());
  }

  stackTotals(totals: readonly StackTotals[]): void {
    const bytes = new ByteWriter();
    for (const { point, stack, count, guestNs, hostNs } of totals) {
      bytes.varint(point).varint(stack).varint(count).varint(Math.round(guestNs)).varint(Math.round(hostNs));
    }
    this.chunk(Chunk.STACK_TOTALS, bytes.take());
  }

  samples(samples: readonly CodeSample[]): void {
    const bytes = new ByteWriter();
    for (const { vcpu, stack, count } of samples) bytes.varint(vcpu).varint(stack).varint(count);
    this.chunk(Chunk.SAMPLES, bytes.take());
  }

  requests(totals: readonly RequestTotals[]): void {
    const bytes = new ByteWriter();
    for (const { name, count, ns, maxNs, bytes: transferred, histogram } of totals) {
      bytes
        .varint(this.string(name))
        .varint(count)
        .varint(Math.round(ns))
        .varint(Math.round(maxNs))
        .varint(transferred);
      writeHistogram(bytes, histogram);
    }
    this.chunkOf(Chunk.STRINGS, this.newStrings);
    this.chunk(Chunk.REQUESTS, bytes.take());
  }

  counters(counters: ReadonlyMap<string, number>): void {
    this.chunk(Chunk.COUNTERS, json(Object.fromEntries(counters)));
  }

  symbols({ images, symbols }: SymbolTable): void {
    this.chunk(
      Chunk.SYMBOLS,
      json({
        images: images.map(image => ({ ...image, bias: image.bias.toString(16) })),
        symbols: Object.fromEntries([...symbols].map(([address, info]) => [address.toString(16), info])),
      }),
    );
  }

  /** Ends the file. */
  end(end: ProfileEnd): void {
    this.chunk(Chunk.END, json(end));
  }

  private exit({ point, guestNs, hostNs, value, stack }: ExitEvent, time: number): void {
    const flags = (value === 0 ? 0 : EXIT_HAS_VALUE) | (stack === undefined ? 0 : EXIT_HAS_STACK);
    this.head('exit', flags, time);
    this.events.varint(point).varint(Math.round(guestNs)).varint(Math.round(hostNs));
    if (value !== 0) this.events.varint(value);
    if (stack !== undefined) this.events.varint(stack);
  }

  private head(kind: ProfileEvent['kind'], flags: number, time: number): void {
    this.events.u8(EVENT_KINDS.indexOf(kind) | flags).signed(time - this.time);
    this.time = time;
  }

  private string(text: string): number {
    const known = this.strings.get(text);
    if (known !== undefined) return known;
    this.newStrings.text(text);
    this.strings.set(text, this.strings.size);
    return this.strings.size - 1;
  }

  private chunkOf(tag: ChunkTag, bytes: ByteWriter): void {
    if (bytes.size > 0) this.chunk(tag, bytes.take());
  }

  private chunk(tag: ChunkTag, payload: Uint8Array): void {
    this.sink(chunkBytes(tag, payload));
  }
}

function writeHistogram(bytes: ByteWriter, histogram: ReadonlyMap<number, number>): void {
  bytes.varint(histogram.size);
  for (const [bucket, count] of histogram) bytes.u8(bucket).varint(count);
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
