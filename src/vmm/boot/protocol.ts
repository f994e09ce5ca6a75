import type { GuestMemory } from '../memory/guest-memory.js';
import type { BootState } from '../vcpu-state.js';

/** The boot protocols by the names that `--boot` takes. */
export const BOOT_PROTOCOLS = [
  'linux64',
  'linux32',
  'linux-elf',
  'pvh',
  'multiboot2',
  'multiboot1',
  'elf',
] as const;

export type BootProtocolName = (typeof BOOT_PROTOCOLS)[number];

/** A file that the boot protocol hands over beside the kernel. */
export interface BootModule {
  /** For messages and as the first word of the module's string where the protocol has one. */
  readonly name: string;
  readonly data: Uint8Array;
  /** What follows the name in the module's string, `""` for nothing. */
  readonly arguments: string;
}

/** What is to be booted, on what machine. */
export interface BootRequest {
  /** The kernel file's name, for messages and where a protocol puts it in front of the command line. */
  readonly name: string;
  readonly image: Uint8Array;
  readonly commandLine: string;
  readonly initrd?: BootModule;
  readonly modules: readonly BootModule[];
  readonly cpus: number;
  /** Guest physical address of the ACPI root pointer, when the machine has ACPI tables. */
  readonly rsdp?: number;
}

/** One way of handing a machine to a kernel. */
export interface BootProtocol {
  readonly name: BootProtocolName;
  /** One line for `tsvmm inspect`: `Linux 64-bit boot protocol (bzImage)`, … */
  readonly title: string;
  /** Why this protocol cannot boot the image, or `undefined` when it can. Never throws. */
  refuse(image: Uint8Array): string | undefined;
  /**
   * Puts the kernel and its boot information into memory.
   * @returns the state in which vCPU 0 starts
   * @throws ImageError for a file that is broken or does not fit, ConfigError for what the protocol cannot do
   */
  load(request: BootRequest, memory: GuestMemory): BootState;
}
