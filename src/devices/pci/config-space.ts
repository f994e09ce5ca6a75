import type { AccessSize } from '../../vmm/device.js';

/** One register of a configuration space, as the specification's table has it. */
export interface ConfigRegister {
  readonly name: string;
  readonly offset: number;
  /** Width in bytes. */
  readonly width: AccessSize;
  /** What it holds after reset; 0 by default. */
  readonly value?: number;
  /** Bits that software can write. */
  readonly writable?: number;
  /** Bits that software clears by writing ones. */
  readonly clearable?: number;
  /** Called after software has written any of its bytes. */
  readonly onWrite?: () => void;
}

/** Conventional configuration space, and that of PCI Express (PCI Express Base 5.0, 7.2). */
export const CONVENTIONAL_SIZE = 0x100;
export const EXTENDED_SIZE = 0x1000;

const CAPABILITIES_POINTER = 0x34;
const FIRST_CAPABILITY = 0x40;
const STATUS = 0x06;
const STATUS_CAPABILITIES_LIST = 1 << 4;

/**
 * A function's configuration space: bytes, and for each bit whether software can write it. Accesses of any width
 * at any offset work byte by byte, as byte enables do.
 */
export class ConfigSpace {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly writable: Uint8Array;
  private readonly clearable: Uint8Array;
  /** Bytes after reset. */
  private readonly initial: Uint8Array;
  private readonly registers: (ConfigRegister | undefined)[];
  private lastCapability = 0;
  private freeCapability = FIRST_CAPABILITY;

  constructor(readonly size: number = CONVENTIONAL_SIZE) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
    this.writable = new Uint8Array(size);
    this.clearable = new Uint8Array(size);
    this.initial = new Uint8Array(size);
    this.registers = Array.from({ length: size });
  }

  /** Adds registers, at their offsets from `base`. */
  define(registers: readonly ConfigRegister[], base = 0): void {
    for (const register of registers) {
      const { width, value = 0, writable = 0, clearable = 0 } = register;
      const offset = base + register.offset;
      const absolute = { ...register, offset };
      for (let i = 0; i < width; i++) {
        const taken = this.registers[offset + i];
        if (taken) throw new RangeError(`registers ${taken.name} and ${register.name} overlap`);
        this.registers[offset + i] = absolute;
        this.bytes[offset + i] = this.initial[offset + i] = value >>> (8 * i);
        this.writable[offset + i] = writable >>> (8 * i);
        this.clearable[offset + i] = clearable >>> (8 * i);
      }
    }
  }

  /**
   * Appends a capability (PCI Local Bus 3.0, 6.7) and returns its offset.
   * @param length bytes, id and link included
   * @param registers what comes behind id and link, at offsets from the capability's start
   */
  addCapability(
    name: string,
    id: number,
    length: number,
    registers: (base: number) => readonly ConfigRegister[],
  ): number {
    const base = this.freeCapability;
    this.freeCapability += Math.ceil(length / 4) * 4;
    if (this.freeCapability > CONVENTIONAL_SIZE) throw new RangeError(`no room for the capability ${name}`);
    this.define(
      [
        { name: `${name}_ID`, offset: 0, width: 1, value: id },
        { name: `${name}_NEXT`, offset: 1, width: 1 },
      ],
      base,
    );
    this.define(registers(base), base);
    this.preset(this.lastCapability === 0 ? CAPABILITIES_POINTER : this.lastCapability + 1, 1, base);
    this.preset(STATUS, 1, this.initial[STATUS] | STATUS_CAPABILITIES_LIST);
    this.lastCapability = base;
    return base;
  }

  /** What software reads, little-endian. */
  read(offset: number, size: AccessSize): number {
    if (offset + size > this.size) return this.readBeyond(offset, size);
    return this.get(offset, size);
  }

  /** Software writes: only bits that are writable change. */
  write(offset: number, size: AccessSize, value: number): void {
    const end = Math.min(offset + size, this.size);
    for (let at = offset; at < end; at++) {
      const byte = (value >>> (8 * (at - offset))) & 0xff;
      const kept = this.bytes[at] & ~this.writable[at] & ~(byte & this.clearable[at]);
      this.bytes[at] = kept | (byte & this.writable[at]);
    }
    let last: ConfigRegister | undefined;
    for (let at = offset; at < end; at++) {
      const register = this.registers[at];
      if (register === last) continue;
      last = register;
      register?.onWrite?.();
    }
  }

  /** The device's own view of a register. */
  get(offset: number, size: AccessSize): number {
    if (size === 1) return this.bytes[offset];
    return size === 2 ? this.view.getUint16(offset, true) : this.view.getUint32(offset, true);
  }

  /** The device changes a register, writable or not. */
  set(offset: number, size: AccessSize, value: number): void {
    if (size === 1) this.view.setUint8(offset, value);
    else if (size === 2) this.view.setUint16(offset, value, true);
    else this.view.setUint32(offset, value, true);
  }

  /** Sets what a register holds, now and after each reset. */
  preset(offset: number, size: AccessSize, value: number): void {
    this.set(offset, size, value);
    this.initial.set(this.bytes.subarray(offset, offset + size), offset);
  }

  nameAt(offset: number): string {
    return this.registers[offset]?.name ?? `+0x${offset.toString(16)}`;
  }

  reset(): void {
    this.bytes.set(this.initial);
  }

  save(): readonly number[] {
    return Array.from(this.bytes);
  }

  load(bytes: readonly number[]): void {
    this.bytes.set(bytes);
  }

  private readBeyond(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) {
      const byte = offset + i < this.size ? this.bytes[offset + i] : 0xff;
      value += byte * 2 ** (8 * i);
    }
    return value;
  }
}
