/** Bytes of one access. Accelerators split 8-byte accesses into two of 4, low half first, at one instant. */
export type AccessSize = 1 | 2 | 4;

/** What a read of `size` bytes gives where nobody answers. */
export function allOnes(size: AccessSize): number {
  return size === 4 ? 0xffff_ffff : (1 << (8 * size)) - 1;
}

/** The two buses of a PC on which a device can be reached. */
export type AddressSpace = 'port' | 'mmio';

/** What answers accesses to a claimed range. `offset` counts from the range's base. */
export interface BusTarget {
  /** The value read, 0 to 2^(8·size)−1. */
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
  /** The register at `offset` as its specification calls it, for profiles and traces. */
  registerName?(offset: number, direction: 'read' | 'write'): string;
}

/** A claim of `size` bytes from `base` in one address space. */
export interface BusRange {
  readonly space: AddressSpace;
  readonly base: number;
  readonly size: number;
  readonly target: BusTarget;
}

/** What `save()` returns and `load()` takes: plain data that survives `structuredClone` and JSON. */
export type DeviceState = Readonly<Record<string, unknown>>;

/**
 * An emulated device. It sees offsets, sizes and values, interrupt lines, guest memory and the clock, and knows
 * neither accelerator nor threads.
 */
export interface Device {
  /** Unique in its machine: `com1`, `ioapic`, … */
  readonly name: string;
  /** What the device claims when it is added to a machine. */
  readonly ranges: readonly BusRange[];
  /** Back to the state after power-on. */
  reset(): void;
  /** The complete guest-visible state. */
  save(): DeviceState;
  /** Restores what `save()` of the same device returned. */
  load(state: DeviceState): void;
}

/** An interrupt line into the machine, as one device drives it. */
export interface IrqLine {
  /** Drives the line. Level-triggered inputs follow it; edge-triggered inputs see a rising edge. */
  set(level: boolean): void;
}

/** How a device ends the run. The first request wins; the machine leaves its loop after the current exit. */
export interface Power {
  poweroff(): void;
  reset(): void;
  /** The guest says that it has panicked. */
  panic(): void;
  /** The guest asks for an exit status. @param value 0 to 2^32−1, as the guest wrote it */
  exit(value: number): void;
}

/** A byte sink: where a serial port's output goes. */
export interface ByteSink {
  write(byte: number): void;
}
