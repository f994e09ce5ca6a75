import { ConfigError } from '../../errors.js';
import type { BootState } from '../vcpu-state.js';
import { BootLayout } from './boot-layout.js';
import {
  CR0_MP,
  CR0_NE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  flat32,
  long64,
  putStack,
  type ExtraControl,
} from './cpu-modes.js';
import { ET_EXEC } from './elf-layout.js';
import { checkType, loadSegments, physicalEntry, physicalRange } from './elf-loader.js';
import { Elf } from './elf.js';
import { refusalOf } from './image-reader.js';
import type { BootProtocol, BootRequest } from './protocol.js';

/** SSE and the x87 may be used at once, as compilers do without being asked. */
const FLOATING_POINT: ExtraControl = { cr0: CR0_MP | CR0_NE, cr4: CR4_OSFXSR | CR4_OSXMMEXCPT };

/**
 * An ELF executable that is told nothing: for tests and first steps. The CPU's state at the entry point:
 *
 * - ELF64: 64-bit mode, the first 4 GiB mapped to themselves (2 MiB pages, writable, executable),
 *   CR0 = PE|MP|ET|NE|PG, CR4 = PAE|OSFXSR|OSXMMEXCPT, EFER = LME|LMA;
 *   ELF32: 32-bit protected mode, paging off, CR0 = PE|MP|ET|NE, CR4 = OSFXSR|OSXMMEXCPT, EFER = 0;
 * - all segments flat, CS = 0x10, the others 0x18, TR = 0x20 (base 0), no LDT; the GDT is in memory below 1 MiB;
 *   the IDT is empty: an exception before the kernel loads its own is a triple fault;
 * - interrupts and direction flag off (RFLAGS = 2);
 * - RSP at the end of a 4 KiB stack below 1 MiB, a multiple of 16; it holds no return address;
 * - all other general registers 0.
 */
export const plainElf: BootProtocol = {
  name: 'elf',
  title: 'plain ELF (no boot information)',

  refuse: image => refusalOf(() => parse(image)),

  load(request, memory): BootState {
    checkNothingToTell(request);
    const { elf, entry } = parse(request.image);
    const layout = new BootLayout(memory);
    loadSegments(elf, layout);
    if (elf.header.class === 64) return long64(layout, entry, {}, FLOATING_POINT);
    return flat32(layout, entry, { rsp: putStack(layout) }, FLOATING_POINT);
  },
};

function parse(image: Uint8Array): { readonly elf: Elf; readonly entry: number } {
  const elf = new Elf(image);
  checkType(elf, [ET_EXEC]);
  physicalRange(elf);
  return { elf, entry: physicalEntry(elf) };
}

function checkNothingToTell({ commandLine, initrd, modules }: BootRequest): void {
  const what =
    commandLine !== '' ? 'a command line' : initrd ? 'an initrd' : modules.length > 0 ? 'modules' : '';
  if (what === '') return;
  throw new ConfigError(
    `this kernel is a plain ELF file without a boot protocol, so it cannot be given ${what}; ` +
      'build it for PVH or Multiboot, or choose another protocol',
  );
}
