import { allOnes, type AccessSize, type BusRange, type Device, type DeviceState } from '../../vmm/device.js';
import type { PciRoot } from './root.js';

/** Where MCFG says that configuration space is, for bus 0: 1 MiB. */
export const ECAM_BASE = 0xe000_0000;
export const ECAM_SIZE = 1 << 20;

const ADDRESS_PORT = 0xcf8;
const DATA_PORT = 0xcfc;
const ENABLE = 2 ** 31;

/** Configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2): an address register and a window of four bytes. */
export class PciConfigPorts implements Device {
  readonly name = 'pci-config';
  readonly ranges: readonly BusRange[];
  private address = 0;

  constructor(private readonly root: PciRoot) {
    this.ranges = [
      // Only accesses of four bytes are the address register's; 0xCF9 is the reset control register.
      {
        space: 'port',
        base: ADDRESS_PORT,
        size: 1,
        target: {
          read: (_offset, size) => (size === 4 ? this.address : allOnes(size)),
          write: (_offset, size, value) => {
            if (size === 4) this.address = value;
          },
          registerName: () => 'CONFIG_ADDRESS',
        },
      },
      {
        space: 'port',
        base: DATA_PORT,
        size: 4,
        target: {
          read: (offset, size) => this.read(offset, size),
          write: (offset, size, value) => this.write(offset, size, value),
          registerName: offset => this.root.nameAt(this.routing, this.register + offset),
        },
      },
    ];
  }

  reset(): void {
    this.address = 0;
  }

  save(): DeviceState {
    return { address: this.address };
  }

  load(state: DeviceState): void {
    this.address = state.address as number;
  }

  private get routing(): number {
    return (this.address >>> 8) & 0xffff;
  }

  private get register(): number {
    return this.address & 0xfc;
  }

  private read(offset: number, size: AccessSize): number {
    if (this.address < ENABLE) return allOnes(size);
    return this.root.read(this.routing, this.register + offset, size);
  }

  private write(offset: number, size: AccessSize, value: number): void {
    if (this.address >= ENABLE) this.root.write(this.routing, this.register + offset, size, value);
  }
}

/** Enhanced configuration access (PCI Express Base 5.0, 7.2.2): 4 KiB of memory a function. */
export class PciEcam implements Device {
  readonly name = 'pci-ecam';
  readonly ranges: readonly BusRange[];

  constructor(root: PciRoot) {
    this.ranges = [
      {
        space: 'mmio',
        base: ECAM_BASE,
        size: ECAM_SIZE,
        target: {
          read: (offset, size) => root.read(offset >>> 12, offset & 0xfff, size),
          write: (offset, size, value) => root.write(offset >>> 12, offset & 0xfff, size, value),
          registerName: offset => root.nameAt(offset >>> 12, offset & 0xfff),
        },
      },
    ];
  }

  reset(): void {}

  save(): DeviceState {
    return {};
  }

  load(): void {}
}
