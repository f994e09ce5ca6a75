import { ImageError } from '../../errors.js';
import { Elf, isElf, type ElfSegment } from '../../vmm/boot/elf.js';
import { ByteCursor } from '../symbols/byte-cursor.js';
import { frameEntries, type FrameEntry, type FrameSection } from './frame-entries.js';
import { indexFrames } from './frame-index.js';
import type { OrcTables } from './orc.js';
import type { UnwindData } from './unwind-rules.js';

const SHT_NOBITS = 8;
const SHF_COMPRESSED = 0x800n;
const PT_GNU_EH_FRAME = 0x6474_e550;
/** .eh_frame_hdr: version, encodings of the pointer, of the count, of the table; then the pointer (LSB 5, 10.6.2). */
const HEADER_VERSION = 1;
const PC_RELATIVE_SIGNED_32 = 0x1b;
const POINTER_AT = 4;

/**
 * How the functions of an ELF file are left: by its .eh_frame, or by .debug_frame where it has only that, and by the ORC tables of
 * Linux' vmlinux. Sections are copied out of the file.
 * @param known of other files: a section that is the same there, as in a kernel and its debug file, is not read again
 * @returns nothing for a file that is not ELF, or has none of these
 */
export function readUnwindData(image: Uint8Array, known: readonly UnwindData[] = []): UnwindData[] {
  if (!isElf(image)) return [];
  try {
    const elf = new Elf(image);
    const data: UnwindData[] = [];
    for (const section of frameSections(elf)) {
      if (known.some(other => other.kind === 'frames' && isSame(other.section, section))) break;
      const index = indexFrames({ ...section, bytes: section.bytes.slice() });
      if (!index) continue;
      data.push(index);
      break;
    }
    const orc = orcTables(elf);
    if (orc) data.push(orc);
    return data;
  } catch (error) {
    // Headers that lie may well be those of a kernel that boots: only its stacks are not known then.
    if (error instanceof ImageError || error instanceof RangeError) return [];
    throw error;
  }
}

function isSame(one: FrameSection, other: FrameSection): boolean {
  return one.kind === other.kind && one.address === other.address && one.bytes.length === other.bytes.length;
}

function orcTables(elf: Elf): OrcTables | undefined {
  const sections = elf.sections();
  const [addresses, entries] = ['.orc_unwind_ip', '.orc_unwind'].map(name =>
    sections.find(section => section.name === name && section.type !== SHT_NOBITS),
  );
  if (!addresses || !entries) return undefined;
  return {
    kind: 'orc',
    addresses: elf.sectionContents(addresses).slice(),
    at: addresses.address,
    entries: elf.sectionContents(entries).slice(),
    // It came with the change of the entries' format, or soon after: Linux 6.5, 6.4.
    signalBit: sections.some(({ name }) => name === '.orc_header'),
  };
}

/** All entries of a file, for tests against others' readers. */
export function* elfFrameEntries(image: Uint8Array): Generator<FrameEntry> {
  const [section] = frameSections(new Elf(image));
  if (section) yield* frameEntries(section);
}

function frameSections(elf: Elf): FrameSection[] {
  const found: FrameSection[] = [];
  for (const kind of ['.eh_frame', '.debug_frame'] as const) {
    const section = elf.sections().find(({ name }) => name === kind);
    if (!section || section.type === SHT_NOBITS || (section.flags & SHF_COMPRESSED) !== 0n) continue;
    const { address } = section;
    found.push({ kind, address, bytes: elf.sectionContents(section), class: elf.header.class });
  }
  if (!found.some(({ kind }) => kind === '.eh_frame')) {
    const section = sectionByHeader(elf);
    if (section) found.unshift(section);
  }
  return found;
}

/** Of a file without section headers: the program header tells where .eh_frame_hdr is, which tells where .eh_frame is. */
function sectionByHeader(elf: Elf): FrameSection | undefined {
  const header = elf.segments.find(({ type }) => type === PT_GNU_EH_FRAME);
  if (!header) return undefined;
  const cursor = new ByteCursor(elf.contents(header));
  if (cursor.u8() !== HEADER_VERSION || cursor.u8() !== PC_RELATIVE_SIGNED_32) return undefined;
  cursor.at = POINTER_AT;
  const address = header.vaddr + BigInt(POINTER_AT) + BigInt(cursor.u32() | 0);
  const segment = elf.loadable.find(candidate => contains(candidate, address));
  if (!segment) return undefined;
  // It ends with its terminator, somewhere in the segment.
  const bytes = elf.contents(segment).subarray(Number(address - segment.vaddr));
  return { kind: '.eh_frame', address, bytes: upToTerminator(bytes), class: elf.header.class };
}

function contains({ vaddr, fileSize }: ElfSegment, address: bigint): boolean {
  return address >= vaddr && address - vaddr < BigInt(fileSize);
}

function upToTerminator(bytes: Uint8Array): Uint8Array {
  const cursor = new ByteCursor(bytes);
  while (cursor.rest >= 4) {
    const length = cursor.u32();
    if (length === 0) break;
    if (length > cursor.rest) break;
    cursor.at += length;
  }
  return bytes.subarray(0, cursor.at);
}
