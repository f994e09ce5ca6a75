import { COMMON_FIELD_WIDTHS } from '../../../src/conformance/driver/rules/pci-common-fields.js';
import type { AccessSize } from '../../../src/vmm/device.js';
import type { FuzzMachine } from '../fuzz-machine.js';

/** How a driver reaches the device under test. */
export const WAYS = ['modern', 'transitional', 'legacy', 'mmio', 'mmio-legacy'] as const;
export type Way = (typeof WAYS)[number];

/** A register that a driver knows, at an offset from where the device is. */
export interface KnownRegister {
  readonly offset: number;
  readonly size: AccessSize;
}

/** The slot behind both bridges. */
export const SLOT = 2;
const MMIO_BASE = 0xfeb0_0000;

/** The driver's way to the registers of one device (virtio 1.3, section 4), as set-up sequences need it. */
export interface Registers {
  readonly legacy: boolean;
  /** Whole window of registers, and those that drivers know. */
  readonly size: number;
  readonly known: readonly KnownRegister[];
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
  status(value: number): void;
  offered(): bigint;
  accept(features: bigint): void;
  queueSize(index: number): number;
  setUp(index: number, size: number, areas: readonly [number, number, number], vector: number): void;
  notify(index: number, value: number): void;
  resetQueue(index: number): void;
  config(offset: number, size: AccessSize, value: number | undefined): void;
  acknowledge(): void;
}

export function registersOf(machine: FuzzMachine, way: Way): Registers {
  switch (way) {
    case 'mmio':
    case 'mmio-legacy':
      return new MmioRegisters(machine, way === 'mmio-legacy');
    case 'legacy':
      return new LegacyPciRegisters(machine);
    default:
      return new ModernPciRegisters(machine);
  }
}

/** Where a base address register leads, looked up again only after something has been written to configuration space. */
class Window {
  private known = 0;
  private writes = -1;

  constructor(
    private readonly machine: FuzzMachine,
    private readonly register: number,
    private readonly mask: number,
  ) {}

  get base(): number {
    const { machine } = this;
    if (this.writes !== machine.configWrites) {
      this.known = (machine.configRead(SLOT, this.register, 4) & this.mask) >>> 0;
      this.writes = machine.configWrites;
    }
    return this.known;
  }
}

class ModernPciRegisters implements Registers {
  readonly legacy = false;
  readonly size = 0x4000;
  readonly known: readonly KnownRegister[];
  private readonly window: Window;

  constructor(private readonly machine: FuzzMachine) {
    this.window = new Window(machine, 0x20, ~15);
    this.known = [
      ...Array.from(COMMON_FIELD_WIDTHS, ([offset, size]) => ({ offset, size })),
      { offset: 0x1000, size: 1 },
      ...Array.from({ length: 6 }, (_, i) => ({ offset: 0x3000 + 4 * i, size: 2 as const })),
    ];
  }

  read(offset: number, size: AccessSize): number {
    return this.machine.mmioRead(this.base + offset, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.machine.mmioWrite(this.base + offset, size, value);
  }

  status(value: number): void {
    this.write(0x14, 1, value);
  }

  offered(): bigint {
    this.write(0, 4, 1);
    const high = this.read(4, 4);
    this.write(0, 4, 0);
    return (BigInt(high) << 32n) | BigInt(this.read(4, 4));
  }

  accept(features: bigint): void {
    for (const word of [0, 1]) {
      this.write(8, 4, word);
      this.write(12, 4, Number((features >> BigInt(32 * word)) & 0xffff_ffffn));
    }
  }

  queueSize(index: number): number {
    this.write(0x16, 2, index);
    return this.read(0x18, 2);
  }

  setUp(index: number, size: number, areas: readonly number[], vector: number): void {
    this.write(0x16, 2, index);
    this.write(0x18, 2, size);
    areas.forEach((gpa, i) => {
      this.write(0x20 + 8 * i, 4, gpa % 2 ** 32);
      this.write(0x24 + 8 * i, 4, Math.floor(gpa / 2 ** 32));
    });
    this.write(0x1a, 2, vector);
    this.write(0x1c, 2, 1);
  }

  notify(index: number, value: number): void {
    this.write(0x3000 + 4 * index, 2, value);
  }

  resetQueue(index: number): void {
    this.write(0x16, 2, index);
    this.write(0x3a, 2, 1);
  }

  config(offset: number, size: AccessSize, value: number | undefined): void {
    if (value === undefined) this.read(0x2000 + offset, size);
    else this.write(0x2000 + offset, size, value);
  }

  acknowledge(): void {
    this.read(0x1000, 1);
  }

  private get base(): number {
    return this.window.base;
  }
}

class LegacyPciRegisters implements Registers {
  readonly legacy = true;
  readonly size = 0x80;
  readonly known: readonly KnownRegister[] = [
    { offset: 0x00, size: 4 },
    { offset: 0x04, size: 4 },
    { offset: 0x08, size: 4 },
    { offset: 0x0c, size: 2 },
    { offset: 0x0e, size: 2 },
    { offset: 0x10, size: 2 },
    { offset: 0x12, size: 1 },
    { offset: 0x13, size: 1 },
    { offset: 0x14, size: 2 },
    { offset: 0x16, size: 2 },
  ];

  private readonly window: Window;

  constructor(private readonly machine: FuzzMachine) {
    this.window = new Window(machine, 0x10, 0xfffc);
  }

  read(offset: number, size: AccessSize): number {
    return this.machine.portRead(this.base + offset, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.machine.portWrite(this.base + offset, size, value);
  }

  status(value: number): void {
    this.write(0x12, 1, value);
  }

  offered(): bigint {
    return BigInt(this.read(0, 4));
  }

  accept(features: bigint): void {
    this.write(4, 4, Number(features & 0xffff_ffffn));
  }

  queueSize(index: number): number {
    this.write(0x0e, 2, index);
    return this.read(0x0c, 2);
  }

  setUp(index: number, _size: number, areas: readonly number[], vector: number): void {
    this.write(0x0e, 2, index);
    this.write(0x08, 4, Math.floor(areas[0] / 4096));
    this.write(0x16, 2, vector);
  }

  notify(index: number): void {
    this.write(0x10, 2, index);
  }

  resetQueue(index: number): void {
    this.write(0x0e, 2, index);
    this.write(0x08, 4, 0);
  }

  config(offset: number, size: AccessSize, value: number | undefined): void {
    if (value === undefined) this.read(0x14 + offset, size);
    else this.write(0x14 + offset, size, value);
  }

  acknowledge(): void {
    this.read(0x13, 1);
  }

  private get base(): number {
    return this.window.base;
  }
}

class MmioRegisters implements Registers {
  readonly size = 0x200;
  readonly known: readonly KnownRegister[];

  constructor(
    private readonly machine: FuzzMachine,
    readonly legacy: boolean,
  ) {
    this.known = Array.from({ length: 64 }, (_, i) => ({ offset: 4 * i, size: 4 }));
  }

  read(offset: number, size: AccessSize): number {
    return this.machine.mmioRead(MMIO_BASE + offset, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.machine.mmioWrite(MMIO_BASE + offset, size, value);
  }

  status(value: number): void {
    this.write(0x70, 4, value);
  }

  offered(): bigint {
    this.write(0x14, 4, 1);
    const high = this.read(0x10, 4);
    this.write(0x14, 4, 0);
    return (BigInt(high) << 32n) | BigInt(this.read(0x10, 4));
  }

  accept(features: bigint): void {
    for (const word of [0, 1]) {
      this.write(0x24, 4, word);
      this.write(0x20, 4, Number((features >> BigInt(32 * word)) & 0xffff_ffffn));
    }
    if (this.legacy) this.write(0x28, 4, 4096);
  }

  queueSize(index: number): number {
    this.write(0x30, 4, index);
    return this.read(0x34, 4);
  }

  setUp(index: number, size: number, areas: readonly number[]): void {
    this.write(0x30, 4, index);
    this.write(0x38, 4, size);
    if (this.legacy) {
      this.write(0x3c, 4, 4096);
      this.write(0x40, 4, Math.floor(areas[0] / 4096));
      return;
    }
    areas.forEach((gpa, i) => {
      this.write(0x80 + 16 * i, 4, gpa % 2 ** 32);
      this.write(0x84 + 16 * i, 4, Math.floor(gpa / 2 ** 32));
    });
    this.write(0x44, 4, 1);
  }

  notify(index: number): void {
    this.write(0x50, 4, index);
  }

  resetQueue(index: number): void {
    this.write(0x30, 4, index);
    if (this.legacy) this.write(0x40, 4, 0);
    else this.write(0xc0, 4, 1);
  }

  config(offset: number, size: AccessSize, value: number | undefined): void {
    if (value === undefined) this.read(0x100 + offset, size);
    else this.write(0x100 + offset, size, value);
  }

  acknowledge(): void {
    this.write(0x64, 4, this.read(0x60, 4));
  }
}
