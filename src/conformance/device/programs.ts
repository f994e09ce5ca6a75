/** The machine that a guest program of `guests/conformance` wants. */
export type DeviceBus = 'pci' | 'mmio';

/** One guest program: what it looks at, and on which machine. */
export interface ConformanceProgram {
  readonly name: string;
  /** Of its file, without `.elf`; its name by default. */
  readonly file?: string;
  readonly bus: DeviceBus;
  /** Its devices are of version 1 alone, and not transitional ones. */
  readonly modernOnly?: true;
  readonly about: string;
}

/** In the order in which they are run. */
export const PROGRAMS: readonly ConformanceProgram[] = [
  { name: 'basic', bus: 'pci', about: 'status, features, configuration space, queue reset' },
  { name: 'split-ring', bus: 'pci', about: 'split virtqueues' },
  { name: 'packed-ring', bus: 'pci', about: 'packed virtqueues' },
  { name: 'pci', bus: 'pci', about: 'virtio over PCI' },
  {
    name: 'pci-modern',
    file: 'pci',
    bus: 'pci',
    modernOnly: true,
    about: 'the same without legacy interface',
  },
  { name: 'mmio', bus: 'mmio', about: 'virtio at fixed addresses' },
  { name: 'legacy', bus: 'pci', about: 'the legacy interface' },
  { name: 'net', bus: 'pci', about: 'network devices' },
  { name: 'blk', bus: 'pci', about: 'block devices' },
  { name: 'console', bus: 'pci', about: 'console devices' },
  { name: 'entropy', bus: 'pci', about: 'entropy devices' },
  { name: 'chips', bus: 'pci', about: '16550, HPET, I/O APIC, local APIC, ACPI' },
];

/** What a guest asks of those who run the machine, as a line of its own. */
export type GuestRequest =
  /** The first disk becomes larger. */
  | 'resize'
  /** The cable of the first network card is pulled out, and put in again. */
  | 'link-down'
  | 'link-up';
export const GUEST_REQUEST = /^ask (resize|link-down|link-up)\n/m;
/** What the disk grows by each time, in bytes. */
export const RESIZE_STEP = 1 << 20;

/** Bytes of the disk that is written to, and of the read-only one. */
export const DISK_BYTES = 2 << 20;
