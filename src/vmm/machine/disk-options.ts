import { ConfigError } from '../../errors.js';
import { checkInterface, type VirtioInterface } from './virtio-interface.js';

/** A disk of the guest: a virtio block device. */
export interface DiskOption {
  /** A raw image, or a block device of the host. */
  readonly file: string;
  readonly readOnly?: boolean;
  /** What the guest writes stays in memory and is gone with the machine: the file is left as it is. */
  readonly snapshot?: boolean;
  /** Up to 20 characters that the guest can read. */
  readonly serial?: string;
  /** `transitional` by default, `mmio` on a machine without a PCI bus. */
  readonly interface?: VirtioInterface;
  /** Request queues, 1 to 64; one for each vCPU by default. */
  readonly queues?: number;
}

/** The same with every default filled in. */
export type CheckedDisk = Required<DiskOption>;

const MAX_QUEUES = 64;
const MAX_SERIAL = 20;

/** @throws ConfigError that says what makes no sense */
export function checkDisk(disk: DiskOption, cpus: number, bus: { readonly pci: boolean }): CheckedDisk {
  const { file, readOnly = false, snapshot = false, serial = '' } = disk;
  const { queues = Math.min(cpus, MAX_QUEUES) } = disk;
  if (typeof file !== 'string' || file === '') throw new ConfigError('a disk needs the path of a file');
  if (serial.length > MAX_SERIAL || !/^[\x20-\x7e]*$/.test(serial)) {
    throw new ConfigError(`a disk's serial number has up to ${MAX_SERIAL} ASCII characters`, { serial });
  }
  if (!Number.isInteger(queues) || queues < 1 || queues > MAX_QUEUES) {
    throw new ConfigError(`a disk has 1 to ${MAX_QUEUES} queues, not ${queues}`, { queues });
  }
  const kind = checkInterface('a disk', disk.interface, bus);
  return { file, readOnly, snapshot, serial, interface: kind, queues };
}
