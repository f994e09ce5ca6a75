import { blob, nu64, u32 } from 'buffer-layout';
import { encode, structure } from '../layout.js';
import { BootLayout } from './boot-layout.js';
import { flat32 } from './cpu-modes.js';
import { basicMemory, memoryMap } from './e820.js';
import { refusalOf } from './image-reader.js';
import { moduleString, placeBehind } from './initrd.js';
import { LOADER_NAME } from './loader-name.js';
import { elfKernel, flatKernel, type MultibootKernel } from './multiboot-kernel.js';
import { readMultiboot1Header } from './multiboot1-header.js';
import type { BootModule, BootProtocol, BootRequest } from './protocol.js';

/** What EAX holds at the entry (Multiboot specification 0.6.96, 3.2). */
const BOOTLOADER_MAGIC = 0x2bad_b002n;

/** 3.3, up to the fields that describe a display. */
interface Information {
  readonly flags: number;
  readonly memoryLower: number;
  readonly memoryUpper: number;
  readonly bootDevice: number;
  readonly commandLine: number;
  readonly moduleCount: number;
  readonly modules: number;
  readonly mapLength: number;
  readonly map: number;
  readonly drivesLength: number;
  readonly drives: number;
  readonly configTable: number;
  readonly loaderName: number;
  readonly apmTable: number;
}

const INFORMATION = structure<Information>(
  [
    u32('flags'),
    u32('memoryLower'),
    u32('memoryUpper'),
    u32('bootDevice'),
    u32('commandLine'),
    u32('moduleCount'),
    u32('modules'),
    blob(16), // symbols
    u32('mapLength'),
    u32('map'),
    u32('drivesLength'),
    u32('drives'),
    u32('configTable'),
    u32('loaderName'),
    u32('apmTable'),
    blob(116 - 72), // VBE and framebuffer
  ],
  116,
);

/** Which fields of the information are valid. */
const HAS_MEMORY = 1 << 0;
const HAS_COMMAND_LINE = 1 << 2;
const HAS_MODULES = 1 << 3;
const HAS_MAP = 1 << 6;
const HAS_LOADER_NAME = 1 << 9;

interface ModuleEntry {
  readonly start: number;
  readonly end: number;
  readonly string: number;
  readonly reserved: number;
}

const MODULE_ENTRY = structure<ModuleEntry>([u32('start'), u32('end'), u32('string'), u32('reserved')], 16);

interface MapEntry {
  /** Of the rest of the entry. */
  readonly size: number;
  readonly base: number;
  readonly length: number;
  readonly type: number;
}

const MAP_ENTRY = structure<MapEntry>([u32('size'), nu64('base'), nu64('length'), u32('type')], 24);

/**
 * Multiboot 1: 32-bit protected mode, paging off, EAX = 0x2BADB002, EBX = address of the information. As with QEMU,
 * the command line starts with the kernel's name, and ELF64 files are entered in 32-bit mode too. The initrd is the first
 * module.
 */
export const multiboot1: BootProtocol = {
  name: 'multiboot1',
  title: 'Multiboot 1',

  refuse: image => refusalOf(() => parse(image)),

  load(request, memory) {
    const kernel = parse(request.image);
    const layout = new BootLayout(memory);
    kernel.load(layout);
    const information = putInformation(layout, request);
    return flat32(layout, kernel.entry, { rax: BOOTLOADER_MAGIC, rbx: BigInt(information) });
  },
};

function parse(image: Uint8Array): MultibootKernel {
  const { offset, addresses } = readMultiboot1Header(image);
  return addresses ? flatKernel(image, { headerOffset: offset, ...addresses }) : elfKernel(image);
}

function putInformation(layout: BootLayout, request: BootRequest): number {
  const { lowerKiB, upperKiB } = basicMemory(layout.memory);
  const { initrd, modules: others, name, commandLine } = request;
  const modules = initrd ? [initrd, ...others] : others;
  const map = memoryMap(layout.memory).map(({ start, end, type }) =>
    encode(MAP_ENTRY, { size: MAP_ENTRY.span - 4, base: start, length: end - start, type }),
  );
  const information = encode(INFORMATION, {
    flags: HAS_MEMORY | HAS_COMMAND_LINE | HAS_MODULES | HAS_MAP | HAS_LOADER_NAME,
    memoryLower: lowerKiB,
    memoryUpper: upperKiB,
    bootDevice: 0,
    commandLine: layout.putText('the command line', commandLine === '' ? name : `${name} ${commandLine}`),
    moduleCount: modules.length,
    modules: putModules(layout, modules),
    mapLength: map.length * MAP_ENTRY.span,
    map: layout.put('the memory map', Buffer.concat(map)),
    drivesLength: 0,
    drives: 0,
    configTable: 0,
    loaderName: layout.putText("the loader's name", LOADER_NAME),
    apmTable: 0,
  });
  return layout.put('the Multiboot information', information);
}

/** @returns the address of the list, 0 for an empty one */
function putModules(layout: BootLayout, modules: readonly BootModule[]): number {
  if (modules.length === 0) return 0;
  const entries = modules.map(module => {
    const { gpa, size } = placeBehind(layout, `the module ${module.name}`, module.data);
    const string = layout.putText("a module's string", moduleString(module));
    return encode(MODULE_ENTRY, { start: gpa, end: gpa + size, string, reserved: 0 });
  });
  return layout.put('the module list', Buffer.concat(entries));
}
