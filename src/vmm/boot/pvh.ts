import { nu64, u32 } from 'buffer-layout';
import { ImageError } from '../../errors.js';
import { encode, structure } from '../layout.js';
import type { GuestMemory } from '../memory/guest-memory.js';
import { BootLayout } from './boot-layout.js';
import { flat32 } from './cpu-modes.js';
import { memoryMap } from './e820.js';
import { ET_DYN, ET_EXEC } from './elf-layout.js';
import { checkEntry, checkType, loadSegments, physicalRange } from './elf-loader.js';
import { Elf, type ElfNote } from './elf.js';
import { refusalOf } from './image-reader.js';
import { moduleString, placeInitrd, placeModuleHigh, type PlacedFile } from './initrd.js';
import type { BootModule, BootProtocol, BootRequest } from './protocol.js';

/** XEN_ELFNOTE_PHYS32_ENTRY (Xen: xen/include/public/elfnote.h). */
const PHYS32_ENTRY = 18;

/** The structures of xen/include/public/arch-x86/hvm/start_info.h. */
interface StartInfo {
  readonly magic: number;
  readonly version: number;
  readonly flags: number;
  readonly moduleCount: number;
  readonly modules: number;
  readonly commandLine: number;
  readonly rsdp: number;
  readonly memoryMap: number;
  readonly memoryMapCount: number;
  readonly reserved: number;
}

const START_INFO = structure<StartInfo>(
  [
    u32('magic'),
    u32('version'),
    u32('flags'),
    u32('moduleCount'),
    nu64('modules'),
    nu64('commandLine'),
    nu64('rsdp'),
    nu64('memoryMap'),
    u32('memoryMapCount'),
    u32('reserved'),
  ],
  56,
);
const START_MAGIC = 0x336e_c578;

interface ModuleEntry {
  readonly address: number;
  readonly size: number;
  readonly commandLine: number;
  readonly reserved: number;
}

const MODULE_ENTRY = structure<ModuleEntry>(
  [nu64('address'), nu64('size'), nu64('commandLine'), nu64('reserved')],
  32,
);

interface MapEntry {
  readonly address: number;
  readonly size: number;
  readonly type: number;
  readonly reserved: number;
}

const MAP_ENTRY = structure<MapEntry>([nu64('address'), nu64('size'), u32('type'), u32('reserved')], 24);

/**
 * Xen's PVH entry (Xen: docs/misc/pvh.pandoc): 32-bit protected mode, paging off, flat segments, EBX = address of
 * hvm_start_info. The initrd is the first module.
 */
export const pvh: BootProtocol = {
  name: 'pvh',
  title: 'PVH (ELF with a Xen note)',

  refuse: image => refusalOf(() => parse(image)),

  load(request, memory) {
    const { elf, entry } = parse(request.image);
    const layout = new BootLayout(memory);
    loadSegments(elf, layout);
    return flat32(layout, entry, { rbx: BigInt(putStartInfo(layout, request, memory)) });
  },
};

/** True when an x86 ELF file has the note, well-formed or not. Never throws. */
export function hasPvhNote(image: Uint8Array): boolean {
  return refusalOf(() => pvhNote(new Elf(image))) === undefined;
}

function pvhNote(elf: Elf): ElfNote {
  const note = elf.note('Xen', PHYS32_ENTRY);
  if (!note) throw new ImageError('the ELF file has no PVH note (owner Xen, type 18)');
  return note;
}

function parse(image: Uint8Array): { readonly elf: Elf; readonly entry: number } {
  const elf = new Elf(image);
  const note = pvhNote(elf);
  checkType(elf, [ET_EXEC, ET_DYN]);
  physicalRange(elf);
  return { elf, entry: checkEntry(elf, entryIn(note.descriptor)) };
}

/** The descriptor is as wide as an address of whoever made it, whatever the file's class. */
function entryIn(descriptor: Uint8Array): number {
  const view = new DataView(descriptor.buffer, descriptor.byteOffset, descriptor.byteLength);
  if (view.byteLength === 4) return view.getUint32(0, true);
  if (view.byteLength === 8) return Number(view.getBigUint64(0, true));
  throw new ImageError(`the PVH note has ${view.byteLength} bytes, not 4 or 8`);
}

function putStartInfo(layout: BootLayout, request: BootRequest, memory: GuestMemory): number {
  const { count, modules } = putModules(layout, request);
  const map = memoryMap(memory).map(({ start, end, type }) =>
    encode(MAP_ENTRY, { address: start, size: end - start, type, reserved: 0 }),
  );
  const info = encode(START_INFO, {
    magic: START_MAGIC,
    version: 1,
    flags: 0,
    moduleCount: count,
    modules,
    commandLine: layout.putText('the command line', request.commandLine),
    rsdp: request.rsdp ?? 0,
    memoryMap: layout.put('the memory map', Buffer.concat(map)),
    memoryMapCount: map.length,
    reserved: 0,
  });
  return layout.put('start_info', info);
}

function putModules(layout: BootLayout, { initrd, modules }: BootRequest) {
  const entryOf = (file: BootModule, { gpa, size }: PlacedFile) => {
    const commandLine = layout.putText("a module's command line", moduleString(file));
    return encode(MODULE_ENTRY, { address: gpa, size, commandLine, reserved: 0 });
  };
  const entries = modules.map(file => entryOf(file, placeModuleHigh(layout, file)));
  if (initrd) entries.unshift(entryOf(initrd, placeInitrd(layout, initrd)));
  if (entries.length === 0) return { count: 0, modules: 0 };
  return { count: entries.length, modules: layout.put('the module list', Buffer.concat(entries)) };
}
