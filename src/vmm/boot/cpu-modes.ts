import { nu64, seq } from 'buffer-layout';
import { encode, structure, u64 } from '../layout.js';
import {
  generalRegisters,
  type BootState,
  type GeneralRegisters,
  type Segment,
  type SystemRegisters,
} from '../vcpu-state.js';
import type { BootLayout } from './boot-layout.js';

/** Control register and EFER bits (Intel SDM vol. 3, 2.2.1 and 2.5; AMD APM vol. 2, 3.1). */
export const CR0_PE = 1n << 0n;
export const CR0_MP = 1n << 1n;
export const CR0_ET = 1n << 4n;
export const CR0_NE = 1n << 5n;
export const CR0_PG = 1n << 31n;
export const CR4_PAE = 1n << 5n;
export const CR4_OSFXSR = 1n << 9n;
export const CR4_OSXMMEXCPT = 1n << 10n;
export const EFER_LME = 1n << 8n;
export const EFER_LMA = 1n << 10n;

/** Selectors that Linux's boot protocols prescribe (`__BOOT_CS`, `__BOOT_DS`); the others leave the choice to us. */
const CODE_SELECTOR = 0x10;
const DATA_SELECTOR = 0x18;
const TSS_SELECTOR = 0x20;

/** Attribute words as in {@link Segment}: accessed, present, privilege level 0, 4 KiB granularity. */
const CODE32 = 0xc09b;
const CODE64 = 0xa09b;
const DATA = 0xc093;
/** A busy 32-bit TSS, in long mode a busy 64-bit TSS: the only types that are valid in TR while a CPU runs. */
const BUSY_TSS = 0x008b;

/** After reset, on the first CPU: the APIC at its usual address, enabled (Intel SDM vol. 3, 11.4.4). */
const APIC_BASE = 0xfee0_0900n;

const PAGE = 4096;
const LARGE_PAGE = 2 << 20;
const ENTRIES = 512;
const MAPPED_GIB = 4;
const PRESENT_WRITABLE = 0x3;
const LARGE_PRESENT_WRITABLE = 0x83;
const STACK_SIZE = PAGE;

/** Eight-byte descriptors: null, unused, code, data, and two for a TSS, which takes 16 bytes in long mode. */
const GDT = structure<{ readonly descriptors: bigint[] }>([seq(u64(), 6, 'descriptors')], 48);

const PAGE_TABLE = structure<{ readonly entries: number[] }>([seq(nu64(), ENTRIES, 'entries')], PAGE);

/** Registers that a protocol gives a meaning to. */
export type EntryRegisters = Partial<Omit<GeneralRegisters, 'rip'>>;

/** Bits that a protocol sets beyond those that its mode needs. */
export interface ExtraControl {
  readonly cr0?: bigint;
  readonly cr4?: bigint;
}

/**
 * 32-bit protected mode at `entry`: paging off, flat 4 GiB segments, interrupts off. CR0 is PE|ET and CR4 is 0, plus
 * `extra`. The GDT, which holds the segments that are loaded, is put into memory.
 */
export function flat32(
  layout: BootLayout,
  entry: number,
  registers: EntryRegisters,
  extra: ExtraControl = {},
): BootState {
  return {
    registers: generalRegisters({ ...registers, rip: BigInt(entry) }),
    system: {
      ...segments(layout, CODE32),
      ...control(extra),
      cr3: 0n,
      efer: 0n,
    },
  };
}

/**
 * 64-bit mode at `entry`: the first 4 GiB mapped to themselves with 2 MiB pages, flat segments, interrupts off, RSP at
 * the end of a page of its own. CR0 is PE|ET|PG, CR4 is PAE, EFER is LME|LMA, plus `extra`. GDT, page tables and
 * stack are put into memory.
 */
export function long64(
  layout: BootLayout,
  entry: number,
  registers: EntryRegisters,
  extra: ExtraControl = {},
): BootState {
  const cr3 = putIdentityMap(layout);
  const { cr0 = 0n, cr4 = 0n } = extra;
  return {
    registers: generalRegisters({ rsp: putStack(layout), ...registers, rip: BigInt(entry) }),
    system: {
      ...segments(layout, CODE64),
      ...control({ cr0: CR0_PG | cr0, cr4: CR4_PAE | cr4 }),
      cr3: BigInt(cr3),
      efer: EFER_LME | EFER_LMA,
    },
  };
}

/** Takes a page for a stack. @returns the stack pointer of an empty stack, a multiple of 16 */
export function putStack(layout: BootLayout): bigint {
  return BigInt(layout.place('a stack', STACK_SIZE, PAGE) + STACK_SIZE);
}

/** Page tables that map the first 4 GiB to themselves. @returns what CR3 is to be */
function putIdentityMap(layout: BootLayout): number {
  const root = layout.place('page tables', (2 + MAPPED_GIB) * PAGE, PAGE);
  const directories = root + PAGE;
  const tables = directories + PAGE;
  const write = (gpa: number, entries: number[]) =>
    layout.memory.write(gpa, encode(PAGE_TABLE, { entries: padded(entries) }));

  write(root, [directories | PRESENT_WRITABLE]);
  write(
    directories,
    range(MAPPED_GIB, i => (tables + i * PAGE) | PRESENT_WRITABLE),
  );
  for (let gib = 0; gib < MAPPED_GIB; gib++) {
    // Sums, since addresses above 2 GiB do not survive a bitwise or.
    const entryOf = (i: number) => (gib * ENTRIES + i) * LARGE_PAGE + LARGE_PRESENT_WRITABLE;
    write(tables + gib * PAGE, range(ENTRIES, entryOf));
  }
  return root;
}

type SegmentRegisters = Pick<
  SystemRegisters,
  'cs' | 'ds' | 'es' | 'fs' | 'gs' | 'ss' | 'tr' | 'ldt' | 'gdt' | 'idt'
>;

function segments(layout: BootLayout, codeAttributes: number): SegmentRegisters {
  const flat = { base: 0n, limit: 0xffff_ffff, unusable: false };
  const cs: Segment = { ...flat, selector: CODE_SELECTOR, attributes: codeAttributes };
  const data: Segment = { ...flat, selector: DATA_SELECTOR, attributes: DATA };
  // PVH prescribes a 32-bit TSS at 0 with this limit (Xen: docs/misc/pvh.pandoc); nothing reads it before it is replaced.
  const tr: Segment = { ...flat, selector: TSS_SELECTOR, limit: 0x67, attributes: BUSY_TSS };
  const ldt: Segment = { selector: 0, base: 0n, limit: 0, attributes: 0, unusable: true };

  const descriptors = [0n, 0n, descriptor(cs), descriptor(data), descriptor(tr), 0n];
  const gdt = layout.put('the GDT', encode(GDT, { descriptors }));
  return {
    cs,
    ds: data,
    es: data,
    fs: data,
    gs: data,
    ss: data,
    tr,
    ldt,
    gdt: { base: BigInt(gdt), limit: GDT.span - 1 },
    idt: { base: 0n, limit: 0 },
  };
}

function control({ cr0 = 0n, cr4 = 0n }: ExtraControl) {
  return { cr0: CR0_PE | CR0_ET | cr0, cr2: 0n, cr4, cr8: 0n, apicBase: APIC_BASE };
}

/** The descriptor from which a segment register would be loaded like this (Intel SDM vol. 3, 3.4.5). */
export function descriptor({ base, limit, attributes }: Segment): bigint {
  const granular = (attributes & 0x8000) !== 0;
  const limitField = BigInt(granular ? limit >>> 12 : limit);
  return (
    (limitField & 0xffffn) |
    ((base & 0xff_ffffn) << 16n) |
    (BigInt(attributes & 0xf0ff) << 40n) |
    ((limitField >> 16n) << 48n) |
    (((base >> 24n) & 0xffn) << 56n)
  );
}

function range(count: number, entry: (index: number) => number): number[] {
  return Array.from({ length: count }, (_, index) => entry(index));
}

function padded(entries: number[]): number[] {
  return range(ENTRIES, i => entries[i] ?? 0);
}
