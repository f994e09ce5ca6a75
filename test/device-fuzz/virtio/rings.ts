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

/** A chain has at most so many buffers. */
const MAX_BUFFERS = 64;
/** Buffers of a chain that has many. */
const MANY = 40;
const NO_BYTES = new Uint8Array(0x4000);

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

const DEVICE_MEMORY = [0xfee0_0000, 0xfec0_0000, 0xe001_0000, 0xfeb0_0000, 0xc000_0000] as const;
const HUGE = [0xffff_ffff, 0x8000_0000, RAM] as const;

/** The buffers of the chain that is being made. */
class Buffers {
  count = 0;
  readonly gpas = new Float64Array(MAX_BUFFERS);
  readonly lengths = new Float64Array(MAX_BUFFERS);
  readonly flags = new Uint8Array(MAX_BUFFERS);

  add(gpa: number, length: number, flags: number): void {
    this.gpas[this.count] = gpa;
    this.lengths[this.count] = length;
    this.flags[this.count++] = flags;
  }

  reverse(): void {
    for (const list of [this.gpas, this.lengths, this.flags]) list.subarray(0, this.count).reverse();
  }

  repeatLast(count: number): void {
    const last = this.count - 1;
    while (this.count < count) this.add(this.gpas[last], this.lengths[last], this.flags[last]);
  }
}

const buffers = new Buffers();

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
    machine.pokeBytes(base, NO_BYTES.subarray(0, 16 * size));
    machine.pokeBytes(this.areas[1], NO_BYTES.subarray(0, 6 + 2 * size));
    machine.pokeBytes(this.areas[2], NO_BYTES.subarray(0, 6 + 8 * size));
  }

  /** Puts a chain into the ring and makes it available. @returns words of memory written */
  add(pieces: readonly Piece[], indirect: boolean, flaw: Flaw, random: number): number {
    buffers.count = 0;
    const flawed = (random >>> 9) % pieces.length;
    for (let i = 0; i < pieces.length; i++)
      this.place(pieces[i].data, i, i === flawed ? flaw : 'none', random);
    if (flaw === 'read-after-write') buffers.reverse();
    if (flaw === 'many') buffers.repeatLast(MANY);
    return this.packed ? this.addPacked(indirect, flaw, random) : this.addSplit(indirect, flaw, random);
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

  private place(data: Uint8Array | number, i: number, flaw: Flaw, random: number): void {
    const slot = BUFFERS + (((random >>> 3) + 7 * i) % BUFFER_SLOTS) * BUFFER_BYTES;
    const writable = typeof data === 'number';
    let length = writable ? data : data.length;
    let gpa = slot + (random & 7);
    if (!writable)
      this.machine.pokeBytes(gpa, length > BUFFER_BYTES - 8 ? data.subarray(0, BUFFER_BYTES - 8) : data);
    if (flaw === 'beyond') gpa = RAM - (random & 0xff);
    else if (flaw === 'wrap') gpa = 2 ** 64 - 4096;
    else if (flaw === 'device-memory') gpa = pick(DEVICE_MEMORY, random);
    else if (flaw === 'huge') length = random % 4 === 3 ? RAM - gpa : pick(HUGE, random);
    else if (flaw === 'empty') length = 0;
    buffers.add(gpa, length, writable ? WRITE : 0);
  }

  private descriptor(at: number, gpa: number, length: number, word12: number, word14: number): void {
    const { machine } = this;
    machine.poke(at, 4, gpa % 2 ** 32);
    machine.poke(at + 4, 4, Math.floor(gpa / 2 ** 32));
    machine.poke(at + 8, 4, length);
    machine.poke(at + 12, 2, word12);
    machine.poke(at + 14, 2, word14);
  }

  private addSplit(indirect: boolean, flaw: Flaw, random: number): number {
    const { machine, size, areas } = this;
    const table = TABLES + (random % 16) * TABLE_BYTES;
    const { count } = buffers;
    const first = this.nextDescriptor % size;
    const base = indirect ? table : areas[0];
    for (let i = 0; i < count; i++) {
      const last = i === count - 1;
      let next = last ? 0 : indirect ? i + 1 : (first + i + 1) % size;
      let more = last ? 0 : NEXT;
      if (last && flaw === 'loop') {
        next = indirect ? 0 : first;
        more = NEXT;
      } else if (last && flaw === 'bad-next') {
        next = indirect ? count : size + (random & 0xff);
        more = NEXT;
      } else if (last && flaw === 'indirect-in-indirect' && indirect) more |= INDIRECT;
      const at = base + 16 * (indirect ? i : (first + i) % size);
      this.descriptor(at, buffers.gpas[i], buffers.lengths[i], buffers.flags[i] | more, next);
    }
    let head = first;
    if (indirect) {
      const flags = INDIRECT | (flaw === 'indirect-and-next' ? NEXT : 0) | (random & 0x400 ? WRITE : 0);
      const length = 16 * count + (flaw === 'indirect-odd' ? 1 : 0);
      this.descriptor(areas[0] + 16 * head, table, length, flags, head);
    }
    this.nextDescriptor += indirect ? 1 : count;
    if (flaw === 'bad-head') head = size + (random & 0xffff);
    machine.poke(areas[1] + 4 + 2 * (this.available % size), 2, head);
    this.available = (this.available + 1) & 0xffff;
    machine.poke(areas[1] + 2, 2, this.available);
    return count + 3;
  }

  private addPacked(indirect: boolean, flaw: Flaw, random: number): number {
    const { areas } = this;
    const { count, gpas, lengths, flags } = buffers;
    const id = flaw === 'bad-head' ? random & 0xffff : this.slot;
    if (indirect) {
      const table = TABLES + (random % 16) * TABLE_BYTES;
      const nested = flaw === 'indirect-in-indirect' ? INDIRECT : 0;
      for (let i = 0; i < count; i++)
        this.descriptor(table + 16 * i, gpas[i], lengths[i], 0, flags[i] | nested);
      const length = 16 * count + (flaw === 'indirect-odd' ? 1 : 0);
      const more = flaw === 'indirect-and-next' ? NEXT : 0;
      this.descriptor(areas[0] + 16 * this.slot, table, length, id, INDIRECT | more | this.turn);
      this.advance();
      return count + 1;
    }
    for (let i = 0; i < count; i++) {
      const more = i < count - 1 || flaw === 'loop' ? NEXT : 0;
      this.descriptor(areas[0] + 16 * this.slot, gpas[i], lengths[i], id, flags[i] | more | this.turn);
      this.advance();
    }
    return count;
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
