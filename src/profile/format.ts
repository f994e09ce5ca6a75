/**
 * What a recorded profile contains, and the numbers of its file format: docs/profile-format.md describes the bytes.
 *
 * All times are whole nanoseconds of the host's monotonic clock since the start of the run; what came before it is negative.
 */

/** The first eight bytes of a file. */
export const MAGIC = 'TSVMPROF';
/** Raised when a reader of the version before would misunderstand a file; unknown chunks alone do not raise it. */
export const FORMAT_VERSION = 2;

/** Chunks by their four-letter tags. */
export const Chunk = {
  META: 'META',
  STRINGS: 'STRS',
  SITES: 'SITE',
  POINTS: 'PNTS',
  STACKS: 'STKS',
  EVENTS: 'EVTS',
  TOTALS: 'TOTL',
  STACK_TOTALS: 'STOT',
  SAMPLES: 'SMPL',
  REQUESTS: 'REQS',
  COUNTERS: 'CNTR',
  SYMBOLS: 'SYMS',
  END: 'END ',
} as const;
export type ChunkTag = (typeof Chunk)[keyof typeof Chunk];

/** Why a vCPU left the guest, or what its thread did otherwise. New ones go to the end: files have their index. */
export const EXIT_REASONS = [
  /** An instruction that reads or writes a port. */
  'pio',
  /** An access to memory that is not RAM. */
  'mmio',
  /** The local APIC ended a level-triggered interrupt of the IOAPIC. KVM alone. */
  'eoi',
  /** The guest can take the PIC's interrupt now. KVM alone. */
  'interrupt-window',
  /** A signal of the host: a kick, a timer. KVM alone. */
  'signal',
  'shutdown',
  'debug',
  /** Any exit that tsvmm cannot serve. */
  'failure',
  /** Not an exit: what the machine's thread does between two runs of the guest: timers, messages, exits of other vCPUs. */
  'machine',
  /** Not an exit: a vCPU of KVM sleeps in HLT, or, of a software CPU, the machine's thread since all of its vCPUs do. */
  'idle',
  /** Not an exit: the recorder itself takes call stacks. */
  'profiler',
] as const;
export type ExitReason = (typeof EXIT_REASONS)[number];

export const DIRECTIONS = ['none', 'read', 'write'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** What an exit reaches: reason, register, direction, size. */
export interface Site {
  readonly reason: ExitReason;
  readonly direction: Direction;
  /** Bytes of the access; 0 where there is none. */
  readonly size: number;
  /** Port, guest physical address, or the vector of an `eoi`. */
  readonly address: number;
  /** The device that claims the address, by its name: `com1`; `''` when nobody does. */
  readonly device: string;
  /** The register as the device calls it: `LSR`; `''` where it has no name. */
  readonly register: string;
}

/** An exit's origin: what all exits have in common that one instruction of one vCPU makes to one {@link Site}. */
export interface Point {
  readonly site: Site;
  readonly vcpu: number;
  /** Linear address; 0 where the guest executes nothing (`machine`, `idle`). */
  readonly rip: bigint;
  /** `rip` is that of the following instruction: look up the address before it. */
  readonly after: boolean;
}

/** A call stack: linear addresses, innermost first. All but the first are return addresses. */
export type Stack = readonly bigint[];

/** One exit on the timeline. */
export interface ExitEvent {
  readonly kind: 'exit';
  /** When the vCPU left the guest. */
  readonly time: number;
  readonly point: number;
  /** Time in the guest since the vCPU entered it the last time. */
  readonly guestNs: number;
  /** Time from leaving the guest to entering it again. */
  readonly hostNs: number;
  /** What was written or read; the first unit of a string instruction; 0 where there is none. */
  readonly value: number;
  /** Index of its call stack, where one was taken. */
  readonly stack: number | undefined;
}

/** An interrupt sent to the local APICs, or taken by a vCPU of the software CPU. */
export interface InterruptEvent {
  readonly kind: 'interrupt';
  readonly time: number;
  /** `msi`: a message to the local APICs, by a device or a pin of the IOAPIC. `pic`: the PIC's, to vCPU 0. `taken`: by `vcpu`. */
  readonly how: InterruptKind;
  readonly vector: number;
  /** The destination in the message (an APIC id or a set of them); for the others the vCPU. */
  readonly destination: number;
}

export const INTERRUPT_KINDS = ['msi', 'pic', 'taken'] as const;
export type InterruptKind = (typeof INTERRUPT_KINDS)[number];

/** Something that happened once. */
export interface MilestoneEvent {
  readonly kind: 'milestone';
  readonly time: number;
  readonly name: string;
}

/** Something a device did for the guest, with a beginning and an end: a block request, say. */
export interface RequestEvent {
  readonly kind: 'request';
  /** Of the notification that the device answers with it; when it took the buffer, where there was none. */
  readonly time: number;
  readonly durationNs: number;
  /** Device and kind: `virtio-blk0 read`. */
  readonly name: string;
  /** Read and written by the device, headers included. */
  readonly bytes: number;
}

export type ProfileEvent = ExitEvent | InterruptEvent | MilestoneEvent | RequestEvent;
export const EVENT_KINDS = ['exit', 'interrupt', 'milestone', 'request'] as const;

/** Sums over exits. Exact, whatever the event log had room for. */
export interface Totals {
  readonly count: number;
  readonly guestNs: number;
  readonly hostNs: number;
}

/** All exits of one {@link Point}. */
export interface PointTotals extends Totals {
  /** The longest `hostNs` of one exit. */
  readonly maxHostNs: number;
  /** How many exits had their `hostNs` in which bucket: see `histogram.ts`. */
  readonly histogram: ReadonlyMap<number, number>;
}

/** Exits of one point that are counted for one call stack. */
export interface StackTotals extends Totals {
  readonly point: number;
  readonly stack: number;
}

/** All requests of one kind that a device has served. Exact, as the sums over exits. */
export interface RequestTotals {
  /** Device and kind: `virtio-blk0 read`. */
  readonly name: string;
  readonly count: number;
  /** Of all together, from notification to completion. */
  readonly ns: number;
  /** Of the longest. */
  readonly maxNs: number;
  /** Read and written by the device, headers included. */
  readonly bytes: number;
  /** How many took how long: see `histogram.ts`. */
  readonly histogram: ReadonlyMap<number, number>;
}

/** Guest code that ran, counted in samples. */
export interface CodeSample {
  readonly vcpu: number;
  readonly stack: number;
  readonly count: number;
}

/** Where in the guest's code an address lies. */
export interface SymbolInfo {
  /** Demangled. */
  readonly name: string;
  /** Distance from the function's start in bytes. */
  readonly offset: number;
  /** As in the file, where demangling changed it. */
  readonly linkage?: string;
  /** The executable or shared object, by its base name. */
  readonly image: string;
  readonly file?: string;
  readonly line?: number;
}

/** A file that symbols came from. */
export interface SymbolImage {
  readonly path: string;
  /** What was added to the file's addresses: KASLR's offset, a shared object's base. */
  readonly bias: bigint;
  readonly buildId?: string;
}

/** How call stacks were taken. */
export const STACK_MODES = ['none', 'sampled', 'all'] as const;
export type StackMode = (typeof STACK_MODES)[number];

/** What was recorded. */
export interface ProfileMeta {
  /** tsvmm's version. */
  readonly tsvmm: string;
  /** When recording began, ISO 8601 UTC. */
  readonly created: string;
  readonly kernel: string;
  readonly commandLine: string;
  readonly bootProtocol: string;
  readonly accelerator: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** The guest's time follows from instructions; times in the file are the host's even so. */
  readonly icount: boolean;
  readonly stacks: StackMode;
  /** Instructions between two samples of guest code; 0 when none are taken. */
  readonly samplePeriod: number;
}

/** How the run ended, and what the recording has missed. */
export interface ProfileEnd {
  /** As in `RunResult`. */
  readonly reason: string;
  readonly status: number;
  /** From the start of the run to its end. */
  readonly wallNs: number;
  /** Exits of all vCPUs as the accelerator counts them. */
  readonly exits: number;
  /** Executed by all vCPUs, where the accelerator counts them. */
  readonly instructions?: number;
  /** Events for which the log had no room; they are in the totals. */
  readonly lostEvents: number;
  /** Exits whose origin had no room in the table: counted at points with `rip` 0. */
  readonly mergedExits: number;
  /** What remains to be said to people about symbols: no offset found, a stripped file, … */
  readonly notes: readonly string[];
}

/** Where and how a recording is not whole. What is in the {@link Profile} came before that. */
export interface Damage {
  /**
   * `cut off`: the file ends too early, since its writer was killed, say. `damaged`: bytes in it are not those that were written, or
   * do not fit together.
   */
  readonly kind: 'cut off' | 'damaged';
  /** Offset in the file of the first byte that is of no use. */
  readonly at: number;
  /** Of the whole file. */
  readonly size: number;
}

/** A whole recording, as a reader gives it. Indices in events and totals are into these lists. */
export interface Profile {
  readonly version: number;
  readonly meta: ProfileMeta;
  readonly points: readonly Point[];
  readonly stacks: readonly Stack[];
  /** By index of their point. */
  readonly totals: readonly PointTotals[];
  readonly stackTotals: readonly StackTotals[];
  readonly samples: readonly CodeSample[];
  readonly requests: readonly RequestTotals[];
  /** `page faults`, `tlb misses`, `KVM halt_exits`, …: whatever was counted, by name. */
  readonly counters: ReadonlyMap<string, number>;
  readonly images: readonly SymbolImage[];
  /** By linear address, for those that occur in points and stacks, minus one where they are return addresses. */
  readonly symbols: ReadonlyMap<bigint, SymbolInfo>;
  /** `undefined` for a file whose recording was cut off. */
  readonly end: ProfileEnd | undefined;
  /** `undefined` when the file is whole. */
  readonly damage: Damage | undefined;
  /** Decodes the event log, in the order of the file: by the end of each exit. Can be called again. */
  events(): Generator<ProfileEvent>;
}

/** The address to look up for a point: inside the instruction that made the exit. */
export function lookupAddress({ rip, after }: Pick<Point, 'rip' | 'after'>): bigint {
  return after && rip > 0n ? rip - 1n : rip;
}

/** The same for a frame of a stack: return addresses are behind the call. */
export function frameAddress(stack: Stack, index: number, point?: Pick<Point, 'after'>): bigint {
  const address = stack[index];
  const behind = index > 0 || point?.after === true;
  return behind && address > 0n ? address - 1n : address;
}
