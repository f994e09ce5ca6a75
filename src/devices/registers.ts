import type { AccessSize, BusTarget } from '../vmm/device.js';

/** One register of a block, as its specification's table has it. */
export interface Register<D> {
  readonly name: string;
  readonly offset: number;
  /** Width in bytes. */
  readonly width: AccessSize;
  /** Absent: write-only, reads give the block's `unused` value. */
  readonly read?: (device: D) => number;
  /** Absent: read-only, writes are ignored. `value` is below 2^(8·width). */
  readonly write?: (device: D, value: number) => void;
}

/**
 * A register block: the list of registers of one kind of device, shared by all its instances. A read-only and a
 * write-only register may share an offset.
 *
 * An access of a register's own width goes to it. A wider one is split into the registers that it covers, lowest
 * offset first. A narrower read takes its bytes out of the whole register; a narrower write counts only at the
 * register's own offset, where it is zero-extended. Where no register is, reads give `unused` in each byte and
 * writes are ignored.
 */
export class RegisterBlock<D> {
  private readonly readable: readonly (Register<D> | undefined)[];
  private readonly writable: readonly (Register<D> | undefined)[];

  constructor(
    registers: readonly Register<D>[],
    private readonly unused: 0x00 | 0xff = 0xff,
  ) {
    this.readable = byOffset(registers.filter(register => register.read));
    this.writable = byOffset(registers.filter(register => register.write));
  }

  /** The bus target through which a guest reaches `device`. */
  bind(device: D): BusTarget {
    return {
      read: (offset, size) => this.read(device, offset, size),
      write: (offset, size, value) => this.write(device, offset, size, value),
      registerName: (offset, direction) => this.nameAt(offset, direction),
    };
  }

  read(device: D, offset: number, size: AccessSize): number {
    const register = this.readable[offset];
    if (register !== undefined && register.width === size && register.offset === offset) {
      return register.read!(device);
    }
    return this.readParts(device, offset, size);
  }

  write(device: D, offset: number, size: AccessSize, value: number): void {
    const register = this.writable[offset];
    if (register !== undefined && offset + size <= register.offset + register.width) {
      if (register.offset === offset) register.write!(device, value);
      return;
    }
    for (let at = offset; at < offset + size;) {
      const part = this.writable[at];
      const whole = part !== undefined && part.offset === at && at + part.width <= offset + size;
      if (whole) part.write!(device, bytesOf(value, at - offset, part.width));
      at += whole ? part.width : 1;
    }
  }

  private nameAt(offset: number, direction: 'read' | 'write'): string {
    const [own, other] =
      direction === 'read' ? [this.readable, this.writable] : [this.writable, this.readable];
    return (own[offset] ?? other[offset])?.name ?? `+0x${offset.toString(16)}`;
  }

  private readParts(device: D, offset: number, size: AccessSize): number {
    let value = 0;
    for (let at = offset; at < offset + size;) {
      const part = this.readable[at];
      const skip = part ? at - part.offset : 0;
      const width = Math.min((part?.width ?? 1) - skip, offset + size - at);
      const source = part ? part.read!(device) : this.unused * 0x01010101;
      value += bytesOf(source, skip, width) * 2 ** (8 * (at - offset));
      at += width;
    }
    return value;
  }
}

function byOffset<D>(registers: readonly Register<D>[]): (Register<D> | undefined)[] {
  const table: (Register<D> | undefined)[] = [];
  for (const register of registers) {
    for (let at = register.offset; at < register.offset + register.width; at++) {
      const taken = table[at];
      if (taken) throw new RangeError(`registers ${taken.name} and ${register.name} overlap`);
      table[at] = register;
    }
  }
  return Array.from(table);
}

/** `width` bytes of the 32-bit `value` from byte `from` up. */
function bytesOf(value: number, from: number, width: number): number {
  const shifted = value >>> (8 * from);
  return width >= 4 ? shifted : (shifted & ((1 << (8 * width)) - 1)) >>> 0;
}
