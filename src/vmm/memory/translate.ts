import type { SystemRegisters } from '../vcpu-state.js';
import type { GuestMemory } from './guest-memory.js';

const CR0_PG = 1n << 31n;
const CR4_PSE = 1n << 4n;
const CR4_PAE = 1n << 5n;
const CR4_LA57 = 1n << 12n;
const EFER_LMA = 1n << 10n;

const PAGE = 4096;
const PRESENT = 1n;
const LARGE = 1n << 7n;
const ADDRESS = 0x000f_ffff_ffff_f000n;

/** The registers that address translation depends on. */
export type PagingRegisters = Pick<SystemRegisters, 'cr0' | 'cr3' | 'cr4' | 'efer'>;

/**
 * Where a linear address lies in guest physical memory, by the guest's own page tables (Intel SDM vol. 3, 4.3–4.5),
 * for debuggers and reports: permissions are not looked at and no accessed bit is set.
 * @returns `undefined` when the address is not mapped
 */
export function translate(memory: GuestMemory, system: PagingRegisters, linear: bigint): number | undefined {
  const { cr0, cr3, cr4, efer } = system;
  if ((cr0 & CR0_PG) === 0n) return Number(linear & 0xffff_ffffn);
  if ((efer & EFER_LMA) !== 0n) {
    return walk(memory, cr3 & ADDRESS, linear, {
      levels: (cr4 & CR4_LA57) !== 0n ? 5 : 4,
      bits: 9n,
      entry: 8,
    });
  }
  if ((cr4 & CR4_PAE) !== 0n) {
    const pointer = readEntry(memory, (cr3 & 0xffff_ffe0n) + ((linear >> 30n) & 3n) * 8n, 8);
    if (pointer === undefined || (pointer & PRESENT) === 0n) return undefined;
    return walk(memory, pointer & ADDRESS, linear & 0x3fff_ffffn, { levels: 2, bits: 9n, entry: 8 });
  }
  const large = (cr4 & CR4_PSE) !== 0n;
  return walk(memory, cr3 & 0xffff_f000n, linear & 0xffff_ffffn, { levels: 2, bits: 10n, entry: 4, large });
}

interface Format {
  readonly levels: number;
  /** Bits of the address that each level takes. */
  readonly bits: bigint;
  /** Bytes of an entry. */
  readonly entry: 4 | 8;
  /** False when bit 7 does not make a large page. */
  readonly large?: boolean;
}

function walk(memory: GuestMemory, root: bigint, linear: bigint, format: Format): number | undefined {
  const { levels, bits, entry, large = true } = format;
  let table = root;
  for (let level = levels; level > 0; level--) {
    const shift = 12n + bits * BigInt(level - 1);
    const index = (linear >> shift) & ((1n << bits) - 1n);
    const value = readEntry(memory, table + index * BigInt(entry), entry);
    if (value === undefined || (value & PRESENT) === 0n) return undefined;
    const leaf = level === 1 || (large && level <= 3 && (value & LARGE) !== 0n);
    if (leaf) {
      const offset = (1n << shift) - 1n;
      return Number((value & ADDRESS & ~offset) | (linear & offset));
    }
    table = value & (entry === 4 ? 0xffff_f000n : ADDRESS);
  }
  return undefined;
}

function readEntry(memory: GuestMemory, gpa: bigint, size: 4 | 8): bigint | undefined {
  if (!memory.contains(Number(gpa), size)) return undefined;
  return size === 8 ? memory.read64(Number(gpa)) : BigInt(memory.read32(Number(gpa)));
}

/** As many of `size` bytes at a linear address as are mapped, without a gap from the first. */
export function readLinear(
  memory: GuestMemory,
  system: PagingRegisters,
  linear: bigint,
  size: number,
): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size;) {
    const address = BigInt.asUintN(64, linear + BigInt(done));
    const part = Math.min(size - done, PAGE - Number(address % BigInt(PAGE)));
    const gpa = translate(memory, system, address);
    if (gpa === undefined || !memory.contains(gpa, part)) return bytes.subarray(0, done);
    bytes.set(memory.bytes(gpa, part), done);
    done += part;
  }
  return bytes;
}
