/** The machine that a guest program of `guests/conformance` wants. */
export type DeviceBus = 'pci' | 'mmio';

/** One guest program: what it looks at, and on which machine. */
export interface ConformanceProgram {
  /** Of its file, without `.elf`. */
  readonly name: string;
  readonly bus: DeviceBus;
  readonly about: string;
}

/** In the order in which they are run. */
export const PROGRAMS: readonly ConformanceProgram[] = [
  { name: 'basic', bus: 'pci', about: 'status, features, configuration space, queue reset' },
  { name: 'split-ring', bus: 'pci', about: 'split virtqueues' },
  { name: 'packed-ring', bus: 'pci', about: 'packed virtqueues' },
  { name: 'pci', bus: 'pci', about: 'virtio over PCI' },
  { name: 'mmio', bus: 'mmio', about: 'virtio at fixed addresses' },
  { name: 'legacy', bus: 'pci', about: 'the legacy interface' },
  { name: 'net', bus: 'pci', about: 'network devices' },
  { name: 'blk', bus: 'pci', about: 'block devices' },
  { name: 'console', bus: 'pci', about: 'console devices' },
  { name: 'entropy', bus: 'pci', about: 'entropy devices' },
  { name: 'chips', bus: 'pci', about: '16550, HPET, I/O APIC, local APIC, ACPI' },
];

/** Bytes of the disk that is written to, and of the read-only one. */
export const DISK_BYTES = 2 << 20;
