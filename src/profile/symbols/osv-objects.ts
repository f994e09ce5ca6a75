import type { GuestMemory } from '../../vmm/memory/guest-memory.js';
import { readLinear, type PagingRegisters } from '../../vmm/memory/translate.js';
import { Symbols, type CodeSymbol } from '../../vmm/boot/symbols.js';
import { symbolFile, type SymbolFile } from './symbol-file.js';

/** `static std::vector<elf::object*> elf::program::s_objs` (OSv, include/osv/elf.hh). */
export const OBJECT_LIST = '_ZN3elf7program6s_objsE';

const MAX_OBJECTS = 1024;
/** Bytes of an elf::object in which its path and base are looked for: they are among its first members. */
const LOOKED_AT = 512;
const WORD = 8;
const MAX_PATH = 4096;
const MAX_SYMBOLS = 200_000;
const MAX_STRINGS = 1 << 24;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PF_X = 1;
/** Offsets in an ELF64 header, a program header and a symbol (System V ABI, chapters 4 and 5). */
const E_PHOFF = 32;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const ELF_HEADER = 64;
const SYMBOL = 24;
const DT_HASH = 4;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_STRSZ = 10;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;

/** An object that the guest has loaded. */
export interface OsvObject {
  /** As the guest opened it. */
  readonly path: string;
  readonly base: bigint;
  /** First and first beyond its last address. */
  readonly range: readonly [from: bigint, to: bigint];
  /** The functions that its dynamic symbol table names, at the addresses in its file. */
  readonly file: SymbolFile;
}

/**
 * The shared objects and programs that an OSv kernel has loaded, from its own list in guest memory. The kernel's symbols tell where
 * the list is. In an object, `_base` is found as the pointer to an ELF header and `_pathname` as the string that is a path:
 * their offsets differ between versions and compilers. Symbols come from each object's dynamic section, which is in memory.
 */
export function osvObjects(kernel: SymbolFile, memory: GuestMemory, system: PagingRegisters): OsvObject[] {
  const list = kernel.addressOf(OBJECT_LIST);
  if (list === undefined) return [];
  const guest = new Guest(memory, system);
  return objectsIn(guest, list).flatMap(address => {
    const place = placeOf(guest, address);
    return (place && readImage(guest, place.path, place.base)) ?? [];
  });
}

/** Where an object is loaded. */
export interface OsvPlace {
  readonly path: string;
  /** Of its ELF header. */
  readonly base: bigint;
}

/** Follows the list of an OSv kernel that runs, for as little as possible each time. */
export class OsvObjectList {
  private begin = 0n;
  private end = 0n;

  /** @param list where the kernel has it */
  constructor(
    private readonly memory: GuestMemory,
    private readonly list: bigint,
  ) {}

  /** @returns all objects that are loaded, `undefined` when these are those of the last call */
  changed(system: PagingRegisters): OsvPlace[] | undefined {
    const guest = new Guest(this.memory, system);
    const [begin, end] = [guest.word(this.list), guest.word(this.list + 8n)];
    if (begin === undefined || end === undefined || (begin === this.begin && end === this.end))
      return undefined;
    this.begin = begin;
    this.end = end;
    return objectsIn(guest, this.list).flatMap(address => placeOf(guest, address) ?? []);
  }
}

/** The addresses of the objects that the list has. */
function objectsIn(guest: Guest, list: bigint): bigint[] {
  const [begin, end] = [guest.word(list), guest.word(list + 8n)];
  if (begin === undefined || end === undefined || end < begin) return [];
  const count = Math.min(Number((end - begin) / 8n), MAX_OBJECTS);
  return Array.from({ length: count }, (_, i) => guest.word(begin + BigInt(i * WORD)) ?? 0n).filter(
    address => address !== 0n,
  );
}

function placeOf(guest: Guest, address: bigint): OsvPlace | undefined {
  const bytes = guest.bytes(address, LOOKED_AT);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let path: string | undefined;
  let base: bigint | undefined;
  for (let at = 0; at + 2 * WORD <= bytes.length && (path === undefined || base === undefined); at += WORD) {
    const value = view.getBigUint64(at, true);
    path ??= pathAt(guest, value, view.getBigUint64(at + WORD, true));
    if (value !== 0n && value % 0x1000n === 0n && guest.isElf(value)) base ??= value;
  }
  // The kernel itself is in the list too, and has no path.
  return path === undefined || base === undefined ? undefined : { path, base };
}

/** The text of a std::string, given its first two members, when that is a path. */
function pathAt(guest: Guest, pointer: bigint, length: bigint): string | undefined {
  if (pointer === 0n || length < 2n || length > MAX_PATH) return undefined;
  const bytes = guest.bytes(pointer, Number(length) + 1);
  if (bytes.length <= Number(length) || bytes[0] !== 0x2f || bytes[Number(length)] !== 0) return undefined;
  const text = new TextDecoder().decode(bytes.subarray(0, Number(length)));
  return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}

function readImage(guest: Guest, path: string, base: bigint): OsvObject | undefined {
  const header = guest.bytes(base, ELF_HEADER);
  if (header.length < ELF_HEADER) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const [offset, size, count] = [
    view.getBigUint64(E_PHOFF, true),
    view.getUint16(E_PHENTSIZE, true),
    view.getUint16(E_PHNUM, true),
  ];
  const table = guest.bytes(base + offset, size * count);
  if (size < 56 || table.length < size * count) return undefined;
  const programs = new DataView(table.buffer, table.byteOffset, table.byteLength);
  let end = 0n;
  let dynamic: bigint | undefined;
  const code: (readonly [bigint, bigint])[] = [];
  for (let at = 0; at < table.length; at += size) {
    const type = programs.getUint32(at, true);
    const address = programs.getBigUint64(at + 16, true);
    const memorySize = programs.getBigUint64(at + 40, true);
    if (type === PT_DYNAMIC) dynamic = address;
    if (type !== PT_LOAD) continue;
    if (address + memorySize > end) end = address + memorySize;
    if (programs.getUint32(at + 4, true) & PF_X) code.push([address, address + memorySize]);
  }
  // A program that is linked to a fixed address is loaded there: its addresses are not relative.
  const fixed = code.length > 0 && code.every(([from]) => from >= base && base !== 0n);
  const bias = fixed ? 0n : base;
  const symbols = dynamic === undefined ? [] : dynamicSymbols(guest, bias, dynamic);
  return {
    path,
    base: bias,
    range: [base, fixed ? end : base + end],
    file: symbolFile(path, Symbols.of(symbols)),
  };
}

function dynamicSymbols(guest: Guest, bias: bigint, dynamic: bigint): CodeSymbol[] {
  const entries = new Map<number, bigint>();
  for (let i = 0; i < 256; i++) {
    const tag = guest.word(bias + dynamic + BigInt(i * 16));
    const value = guest.word(bias + dynamic + BigInt(i * 16 + 8));
    if (tag === undefined || value === undefined || tag === 0n) break;
    if (tag < 0x1000n) entries.set(Number(tag), value);
  }
  // The loader may have made addresses of what the file has as offsets.
  const absolute = (value: bigint): bigint => (value < bias ? value + bias : value);
  const [strtab, symtab, size] = [entries.get(DT_STRTAB), entries.get(DT_SYMTAB), entries.get(DT_STRSZ)];
  if (strtab === undefined || symtab === undefined || size === undefined || size > MAX_STRINGS) return [];
  const strings = guest.bytes(absolute(strtab), Number(size));
  const hash = entries.get(DT_HASH);
  const chains = hash === undefined ? undefined : guest.bytes(absolute(hash) + 4n, 4);
  // DT_HASH counts the symbols; without it they are taken to end where their names begin, as linkers lay them out.
  const count =
    chains && chains.length === 4
      ? new DataView(chains.buffer, chains.byteOffset).getUint32(0, true)
      : Number((absolute(strtab) - absolute(symtab)) / BigInt(SYMBOL));
  if (!(count > 0 && count <= MAX_SYMBOLS)) return [];
  const table = guest.bytes(absolute(symtab), count * SYMBOL);
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const symbols: CodeSymbol[] = [];
  for (let at = 0; at + SYMBOL <= table.length; at += SYMBOL) {
    const type = view.getUint8(at + 4) & 0xf;
    const defined = view.getUint16(at + 6, true) !== 0;
    if (!defined || (type !== STT_FUNC && type !== STT_GNU_IFUNC)) continue;
    const name = textAt(strings, view.getUint32(at, true));
    if (name === '') continue;
    symbols.push({ name, address: view.getBigUint64(at + 8, true), size: view.getBigUint64(at + 16, true) });
  }
  return symbols;
}

function textAt(strings: Uint8Array, at: number): string {
  const end = strings.indexOf(0, at);
  return end < 0 ? '' : new TextDecoder().decode(strings.slice(at, end));
}

/** Memory as the guest's own addresses see it. */
class Guest {
  constructor(
    private readonly memory: GuestMemory,
    private readonly system: PagingRegisters,
  ) {}

  bytes(address: bigint, size: number): Uint8Array {
    return readLinear(this.memory, this.system, address, size);
  }

  word(address: bigint): bigint | undefined {
    const bytes = this.bytes(address, WORD);
    return bytes.length < WORD
      ? undefined
      : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  isElf(address: bigint): boolean {
    const [a, b, c, d] = this.bytes(address, 4);
    return a === 0x7f && b === 0x45 && c === 0x4c && d === 0x46;
  }
}
