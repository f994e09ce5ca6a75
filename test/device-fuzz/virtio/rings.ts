import type { FuzzMachine } from '../fuzz-machine.js';
import { RAM } from '../fuzz-machine.js';
import { pick, valueOf } from '../operations.js';

/** Where queues, indirect tables and buffers of the driver under test lie. */
const QUEUES = 0x10_0000;
const QUEUE_BYTES = 0x4000;
const TABLES = 0x18_0000;
const TABLE_BYTES = 0x1000;
const BUFFERS = 0x19_0000;
const BUFFER_SLOTS = 64;
const BUFFER_BYTES = 0x1000;

const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;

/** A descriptor of a request, as it is to be. */
export interface Piece {
  /** What the device is to read; a number of bytes that it is to write. */
  readonly data: Uint8Array | number;
}

/** What is wrong with a chain. */
export const FLAWS = [
  'none',
  'none',
  'none',
  'none',
  'loop',
  'beyond',
  'wrap',
  'device-memory',
  'read-after-write',
  'huge',
  'empty',
  'bad-next',
  'bad-head',
  'indirect-in-indirect',
  'indirect-and-next',
  'indirect-odd',
  'many',
] as const;
export type Flaw = (typeof FLAWS)[number];

/** The driver's side of one queue: as much of it as a bad driver keeps in mind. */
export class DriverRing {
  readonly areas: readonly [descriptors: number, driver: number, device: number];
  private available = 0;
  private slot = 0;
  private wrap = 1;
  private nextDescriptor = 0;

  constructor(
    private readonly machine: FuzzMachine,
    readonly index: number,
    readonly size: number,
    readonly packed: boolean,
    legacy: boolean,
  ) {
    const base = QUEUES + (index % 32) * QUEUE_BYTES;
    const driver = base + 16 * size;
    const device = Math.ceil((driver + 6 + 2 * size) / 4096) * 4096;
    this.areas = legacy ? [base, driver, device] : [base, base + 0x1000, base + 0x2000];
    machine.pokeBytes(base, new Uint8Array(QUEUE_BYTES));
  }

  /** Puts a chain into the ring and makes it available. @returns words of memory written */
  add(pieces: readonly Piece[], indirect: boolean, flaw: Flaw, random: number): number {
    const buffers = this.place(pieces, flaw, random);
    if (flaw === 'read-after-write') buffers.reverse();
    if (flaw === 'many') while (buffers.length < 40) buffers.push(buffers[buffers.length - 1]);
    return this.packed
      ? this.addPacked(buffers, indirect, flaw, random)
      : this.addSplit(buffers, indirect, flaw, random);
  }

  /** Writes 16 bits somewhere into the ring. */
  disturb(where: number, value: number): void {
    const { machine, areas, size } = this;
    const [descriptors, driver, device] = areas;
    switch (where & 7) {
      case 0:
        machine.poke(driver + 2, 2, value);
        break;
      case 1:
        machine.poke(driver, 2, value);
        break;
      case 2:
        machine.poke(driver + 4 + 2 * ((where >>> 3) % (size + 1)), 2, value);
        break;
      case 3:
        machine.poke(device + 2 * ((where >>> 3) % (4 * size + 3)), 2, value);
        break;
      case 4:
        machine.poke(descriptors + 12 + 16 * ((where >>> 3) % size), 2, value);
        break;
      case 5:
        machine.poke(descriptors + 14 + 16 * ((where >>> 3) % size), 2, value);
        break;
      case 6:
        machine.poke(descriptors + 8 + 16 * ((where >>> 3) % size), 4, valueOf(value));
        break;
      default:
        machine.poke(descriptors + 4 * ((where >>> 3) % 2) + 16 * ((where >>> 4) % size), 4, valueOf(value));
    }
  }

  /** Moves the index of available buffers, or in a packed queue the driver's own place. */
  skip(by: number): void {
    if (this.packed) {
      this.slot = by % this.size;
      this.wrap ^= (by >>> 16) & 1;
      return;
    }
    this.available = (this.available + by) & 0xffff;
    this.machine.poke(this.areas[1] + 2, 2, this.available);
  }

  private place(
    pieces: readonly Piece[],
    flaw: Flaw,
    random: number,
  ): { gpa: number; length: number; flags: number }[] {
    return pieces.map(({ data }, i) => {
      const slot = BUFFERS + (((random >>> 3) + 7 * i) % BUFFER_SLOTS) * BUFFER_BYTES;
      const writable = typeof data === 'number';
      let length = writable ? data : data.length;
      let gpa = slot + (random & 7);
      if (!writable) this.machine.pokeBytes(gpa, data.subarray(0, BUFFER_BYTES - 8));
      if (i === (random >>> 9) % pieces.length) {
        if (flaw === 'beyond') gpa = RAM - (random & 0xff);
        else if (flaw === 'wrap') gpa = 2 ** 64 - 4096;
        else if (flaw === 'device-memory')
          gpa = pick([0xfee0_0000, 0xfec0_0000, 0xe001_0000, 0xfeb0_0000, 0xc000_0000], random);
        else if (flaw === 'huge') length = pick([0xffff_ffff, 0x8000_0000, RAM, RAM - gpa], random);
        else if (flaw === 'empty') length = 0;
      }
      return { gpa, length, flags: writable ? WRITE : 0 };
    });
  }

  private descriptor(at: number, gpa: number, length: number, word12: number, word14: number): void {
    const { machine } = this;
    machine.poke(at, 4, gpa % 2 ** 32);
    machine.poke(at + 4, 4, Math.floor(gpa / 2 ** 32));
    machine.poke(at + 8, 4, length);
    machine.poke(at + 12, 2, word12);
    machine.poke(at + 14, 2, word14);
  }

  private addSplit(
    buffers: readonly { gpa: number; length: number; flags: number }[],
    indirect: boolean,
    flaw: Flaw,
    random: number,
  ): number {
    const { machine, size, areas } = this;
    const table = TABLES + (random % 16) * TABLE_BYTES;
    const count = buffers.length;
    const first = this.nextDescriptor % size;
    const at = (i: number): number => (indirect ? i : (first + i) % size);
    const base = indirect ? table : areas[0];
    buffers.forEach(({ gpa, length, flags }, i) => {
      const last = i === count - 1;
      let next = last ? 0 : at(i + 1);
      let more = last ? 0 : NEXT;
      if (last && flaw === 'loop') [next, more] = [at(0), NEXT];
      if (last && flaw === 'bad-next') [next, more] = [indirect ? count : size + (random & 0xff), NEXT];
      if (flaw === 'indirect-in-indirect' && last && indirect) more |= INDIRECT;
      this.descriptor(base + 16 * at(i), gpa, length, flags | more, next);
    });
    let head = first;
    if (indirect) {
      const flags = INDIRECT | (flaw === 'indirect-and-next' ? NEXT : 0) | (random & 0x400 ? WRITE : 0);
      this.descriptor(
        areas[0] + 16 * head,
        table,
        16 * count + (flaw === 'indirect-odd' ? 1 : 0),
        flags,
        head,
      );
    }
    this.nextDescriptor += indirect ? 1 : count;
    if (flaw === 'bad-head') head = size + (random & 0xffff);
    machine.poke(areas[1] + 4 + 2 * (this.available % size), 2, head);
    this.available = (this.available + 1) & 0xffff;
    machine.poke(areas[1] + 2, 2, this.available);
    return count + 3;
  }

  private addPacked(
    buffers: readonly { gpa: number; length: number; flags: number }[],
    indirect: boolean,
    flaw: Flaw,
    random: number,
  ): number {
    const { areas } = this;
    const id = flaw === 'bad-head' ? random & 0xffff : this.slot;
    if (indirect) {
      const table = TABLES + (random % 16) * TABLE_BYTES;
      buffers.forEach(({ gpa, length, flags }, i) => {
        const more = flaw === 'indirect-in-indirect' ? INDIRECT : 0;
        this.descriptor(table + 16 * i, gpa, length, 0, flags | more);
      });
      const length = 16 * buffers.length + (flaw === 'indirect-odd' ? 1 : 0);
      const more = flaw === 'indirect-and-next' ? NEXT : 0;
      this.descriptor(areas[0] + 16 * this.slot, table, length, id, INDIRECT | more | this.turn);
      this.advance();
      return buffers.length + 1;
    }
    const endless = flaw === 'loop' ? NEXT : 0;
    buffers.forEach(({ gpa, length, flags }, i) => {
      const more = i < buffers.length - 1 ? NEXT : endless;
      this.descriptor(areas[0] + 16 * this.slot, gpa, length, id, flags | more | this.turn);
      this.advance();
    });
    return buffers.length;
  }

  private get turn(): number {
    return this.wrap === 1 ? 1 << 7 : 1 << 15;
  }

  private advance(): void {
    if (++this.slot < this.size) return;
    this.slot = 0;
    this.wrap ^= 1;
  }
}
