import { ImageError, hex } from '../../errors.js';
import { elfTypeName, machineName, noteName, segmentTypeName } from './elf-names.js';
import { Elf, isElf, type ElfClass } from './elf.js';
import { compressionOf, identify } from './image-format.js';
import { refusalOf } from './image-reader.js';
import { PROTOCOLS, choose } from './index.js';
import { formatVersion, isLinuxImage, readBzImage } from './linux-setup.js';
import { findMultiboot1Header } from './multiboot1-header.js';
import { readMultiboot2Header } from './multiboot2-header.js';
import type { BootProtocolName } from './protocol.js';

/** One program header of an ELF file. */
export interface SegmentDescription {
  readonly type: string;
  /** `RWE`, with a `-` for what is not permitted. */
  readonly permissions: string;
  readonly offset: number;
  readonly virtualAddress: bigint;
  readonly physicalAddress: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

/** One note of an ELF file. */
export interface NoteDescription {
  readonly owner: string;
  readonly type: number;
  /** What the type means to the owner, where known. */
  readonly name?: string;
  /** Size of its content in bytes. */
  readonly size: number;
}

export interface ElfDescription {
  readonly class: ElfClass;
  readonly machine: string;
  readonly type: string;
  readonly entry: bigint;
  readonly segments: readonly SegmentDescription[];
  readonly notes: readonly NoteDescription[];
  readonly sections: number;
}

/** What a bzImage's setup header says. */
export interface BzImageDescription {
  /** Of the boot protocol: `2.15`. */
  readonly protocol: string;
  /** As `uname -r` prints it, with what the kernel adds about its build; `""` when the image does not say. */
  readonly kernelVersion: string;
  readonly loadFlags: number;
  readonly extendedLoadFlags: number;
  readonly loadAddress: number;
  readonly relocatable: boolean;
  readonly initSize: number;
  readonly commandLineSize: number;
  /** Where in the file the kernel proper is, and what it is compressed with, when the image says. */
  readonly payload?: { readonly offset: number; readonly size: number; readonly compression: string };
}

export interface MultibootDescription {
  /** Where in the file the header is. */
  readonly offset: number;
  /** Version 1: the flags. */
  readonly flags?: number;
  /** Version 2: the types of the header's tags. */
  readonly tags?: readonly number[];
}

export interface ProtocolVerdict {
  readonly name: BootProtocolName;
  readonly title: string;
  /** Why it cannot boot the image; absent when it can. */
  readonly refusal?: string;
}

/** What a file is and how it would be booted: plain data. */
export interface ImageDescription {
  /** `ELF`, `bzImage`, `gzip`, … */
  readonly format: string;
  readonly size: number;
  readonly elf?: ElfDescription;
  readonly bzImage?: BzImageDescription;
  readonly multiboot1?: MultibootDescription;
  readonly multiboot2?: MultibootDescription;
  /** What is damaged, where something is. */
  readonly problems: readonly string[];
  readonly protocols: readonly ProtocolVerdict[];
  /** By which protocol it would be booted unless told otherwise. */
  readonly chosen?: BootProtocolName;
  /** Why it cannot be booted. */
  readonly refusal?: string;
}

/** Describes any file; what is damaged is left out and listed in `problems`. Never throws. */
export function inspectImage(image: Uint8Array): ImageDescription {
  const problems: string[] = [];
  const attempt = <T>(describe: () => T): T | undefined => {
    try {
      return describe();
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      if (!problems.includes(error.message)) problems.push(error.message);
      return undefined;
    }
  };

  const elf = isElf(image) ? attempt(() => new Elf(image)) : undefined;
  const bzImage = isLinuxImage(image) ? attempt(() => describeBzImage(image)) : undefined;
  const multiboot1 = findMultiboot1Header(image);
  const multiboot2 = describeMultiboot2(image);
  const chosen = attempt(() => choose(image));
  const refusal = chosen ? undefined : refusalOf(() => choose(image));
  return {
    format: identify(image).name,
    size: image.length,
    ...(elf && { elf: describeElf(elf, attempt) }),
    ...(bzImage && { bzImage }),
    ...(multiboot1 && { multiboot1: { offset: multiboot1.offset, flags: multiboot1.flags } }),
    ...(multiboot2 && { multiboot2 }),
    problems: problems.filter(problem => problem !== refusal),
    protocols: PROTOCOLS.map(protocol => {
      const { name, title } = protocol;
      const reason = protocol.refuse(image);
      return { name, title, ...(reason !== undefined && { refusal: reason }) };
    }),
    ...(chosen && { chosen: chosen.name }),
    ...(refusal !== undefined && { refusal }),
  };
}

function describeElf(elf: Elf, attempt: <T>(describe: () => T) => T | undefined): ElfDescription {
  const { class: elfClass, machine, type, entry } = elf.header;
  return {
    class: elfClass,
    machine: machineName(machine),
    type: elfTypeName(type),
    entry,
    segments: elf.segments.map(segment => ({
      type: segmentTypeName(segment.type),
      permissions: permissions(segment.flags),
      offset: segment.offset,
      virtualAddress: segment.vaddr,
      physicalAddress: segment.paddr,
      fileSize: segment.fileSize,
      memorySize: segment.memorySize,
    })),
    notes: attempt(() => describeNotes(elf)) ?? [],
    sections: attempt(() => elf.sections().length) ?? 0,
  };
}

function describeNotes(elf: Elf): NoteDescription[] {
  return Array.from(elf.notes(), ({ owner, type, descriptor }) => {
    const name = noteName(owner, type);
    return { owner: printable(owner), type, ...(name !== undefined && { name }), size: descriptor.length };
  });
}

function permissions(flags: number): string {
  return ['R', 'W', 'E'].map((letter, i) => (flags & (4 >> i) ? letter : '-')).join('');
}

function describeBzImage(image: Uint8Array): BzImageDescription {
  const bzImage = readBzImage(image);
  const { header, codeOffset, code } = bzImage;
  const { payloadOffset, payloadLength } = header;
  const payload = code.subarray(payloadOffset, payloadOffset + payloadLength);
  return {
    protocol: formatVersion(header.version),
    kernelVersion: printable(bzImage.kernelVersion),
    loadFlags: header.loadFlags,
    extendedLoadFlags: header.extendedLoadFlags,
    loadAddress: bzImage.loadAddress,
    relocatable: bzImage.alignment !== 0,
    initSize: bzImage.initSize,
    commandLineSize: bzImage.commandLineSize,
    ...(payloadLength > 0 && {
      payload: {
        offset: codeOffset + payloadOffset,
        size: payloadLength,
        compression: compressionOf(payload) ?? (isElf(payload) ? 'none (ELF)' : 'unknown'),
      },
    }),
  };
}

/** A text from the file without what would confuse a terminal. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}

/** A header that cannot be read, or asks for what cannot be had, shows up in the protocol's refusal. */
function describeMultiboot2(image: Uint8Array): MultibootDescription | undefined {
  let description: MultibootDescription | undefined;
  refusalOf(() => {
    const { offset, tags } = readMultiboot2Header(image);
    description = { offset, tags };
  });
  return description;
}

/** The description as text for people, several lines, ending in a newline. */
export function formatDescription(description: ImageDescription): string {
  const { elf, bzImage, multiboot1, multiboot2, problems, protocols, chosen, refusal } = description;
  const lines = [
    `${description.format}, ${description.size} bytes`,
    ...(elf ? elfLines(elf) : []),
    ...(bzImage ? bzImageLines(bzImage) : []),
    ...(multiboot1
      ? [`Multiboot 1 header at ${hex(multiboot1.offset)}, flags ${hex(multiboot1.flags ?? 0)}`]
      : []),
    ...(multiboot2
      ? [`Multiboot 2 header at ${hex(multiboot2.offset)}, tags ${multiboot2.tags?.join(' ') || 'none'}`]
      : []),
    ...problems.map(problem => `problem: ${problem}`),
    '',
    'Boot protocols (* is taken, + can be asked for):',
    ...protocols.map(({ name, title, refusal: reason }) =>
      protocolLine(name, title, reason, name === chosen),
    ),
    ...(refusal === undefined ? [] : ['', `It cannot be booted: ${refusal}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function protocolLine(name: string, title: string, refusal: string | undefined, isChosen: boolean): string {
  const mark = isChosen ? '*' : refusal === undefined ? '+' : ' ';
  return ` ${mark} ${name.padEnd(10)} ${refusal ?? title}`;
}

function elfLines({
  class: elfClass,
  machine,
  type,
  entry,
  segments,
  notes,
  sections,
}: ElfDescription): string[] {
  const rows = segments.map(segment =>
    [
      segment.type.padEnd(13),
      segment.permissions,
      `physical ${hex(segment.physicalAddress)}`,
      `virtual ${hex(segment.virtualAddress)}`,
      `file ${hex(segment.fileSize)} at ${hex(segment.offset)}`,
      `memory ${hex(segment.memorySize)}`,
    ].join('  '),
  );
  return [
    `ELF${elfClass} ${type} for ${machine}, entry ${hex(entry)}, ${sections} sections`,
    ...(rows.length > 0 ? ['Segments:', ...rows.map(row => `  ${row}`)] : []),
    ...(notes.length > 0 ? ['Notes:', ...notes.map(noteLine)] : []),
  ];
}

function noteLine({ owner, type, name, size }: NoteDescription): string {
  return `  ${owner}  type ${hex(type)}${name === undefined ? '' : ` (${name})`}, ${size} bytes`;
}

function bzImageLines(bzImage: BzImageDescription): string[] {
  const { payload } = bzImage;
  return [
    ...(bzImage.kernelVersion === '' ? [] : [`Linux ${bzImage.kernelVersion}`]),
    `boot protocol ${bzImage.protocol}, loadflags ${hex(bzImage.loadFlags)}, xloadflags ${hex(bzImage.extendedLoadFlags)}`,
    `loads at ${hex(bzImage.loadAddress)}${bzImage.relocatable ? ' or above' : ''}, needs ${hex(bzImage.initSize)} bytes there, command line up to ${bzImage.commandLineSize} bytes`,
    ...(payload
      ? [`kernel inside: ${payload.size} bytes at ${hex(payload.offset)}, compression ${payload.compression}`]
      : []),
  ];
}
