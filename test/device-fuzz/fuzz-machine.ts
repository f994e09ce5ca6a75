import { Board, type BoardOptions } from '../../src/vmm/machine/board.js';
import { MachineClock } from '../../src/vmm/clock.js';
import type { AccessSize, Power } from '../../src/vmm/device.js';
import { GuestMemory } from '../../src/vmm/memory/guest-memory.js';
import { Chain } from '../../src/devices/virtio/queue/chain.js';
import type { VirtioDevice } from '../../src/devices/virtio/device.js';
import { packedQueueBytes } from '../../src/devices/virtio/queue/packed-queue.js';
import { splitQueueBytes } from '../../src/devices/virtio/queue/split-queue.js';
import type { Virtqueue } from '../../src/devices/virtio/queue/virtqueue.js';
import { DeviceFailure } from './failure.js';

export const RAM = 2 << 20;
const PAGE = 4096;
const MS = 1e6;
/** Rounds of the machine's loop for one passage of time: timers that arm themselves again have so many turns. */
const ROUNDS = 4;
/** Of so many resets one checks all of RAM: it takes longer than all the steps between them. */
const RESETS_A_CHECK = 16;
/** Plain data that a device may hold at the most, as characters of JSON. */
const MAX_STATE = 1 << 20;

/** Named by descriptors: the ranges that the queues of the machine under test were given to write. */
type Named = (gpa: number, length: number) => void;
let named: Named | undefined;
type Segment = Parameters<Chain['add']>;

/** The queue itself says what it hands out to a device: the check is that the device keeps to it. */
const add = Object.getOwnPropertyDescriptor(Chain.prototype, 'add')!.value as (
  this: Chain,
  ...named: Segment
) => void;
Chain.prototype.add = function (...segment: Segment): void {
  const [gpa, length, writable] = segment;
  if (writable) named?.(gpa, length);
  add.apply(this, segment);
};

/**
 * A whole board without a processor, driven by nothing but its buses, its interrupt acknowledgements, its RAM and the
 * passage of time; and what must hold whatever a guest does with them.
 */
export class FuzzMachine {
  readonly memory = GuestMemory.allocate(RAM);
  readonly board: Board;
  readonly clock: MachineClock;
  /** Ends of the machine that the guest asked for. */
  ends = 0;
  private ns = 0;
  /** What RAM holds but for what devices may have written. */
  private readonly shadow = Buffer.alloc(RAM);
  private readonly bytes: Buffer;
  /** 1 for bytes that a device may write. */
  private readonly writable = new Uint8Array(RAM);
  /** Devices whose queues are watched, and whether they have been used since their last reset. */
  private readonly virtio: { readonly device: VirtioDevice; used: boolean }[] = [];
  /** Queues whose areas have been named. */
  private resets = 0;
  private readonly seen = new WeakSet<Virtqueue>();

  constructor(parts: Partial<BoardOptions['parts']> = {}) {
    this.clock = new MachineClock({ elapsed: () => this.ns, epoch: 1_700_000_000_000 });
    const end = (): void => void this.ends++;
    const power: Power = { poweroff: end, reset: end, panic: end, exit: end };
    const sink = { write: () => undefined };
    this.board = new Board({
      memory: this.memory,
      clock: this.clock,
      power,
      serial: [sink, sink],
      debugConsole: sink,
      parts: {
        pci: true,
        hostBridge: 'hostbridge',
        pic: true,
        pit: true,
        rtc: true,
        keyboard: true,
        hpet: { width: 64, timers: 3, msi: true },
        mmioSlots: 1,
        ...parts,
      },
    });
    this.board.connect({
      signalMsi: (address, data) => {
        requireWord(address, 32, 'the address of a message');
        requireWord(data, 32, 'the data of a message');
      },
      setIntr: () => undefined,
      setIoapicRoutes: () => undefined,
    });
    const ram = this.memory.bytes(0, RAM);
    this.bytes = Buffer.from(ram.buffer, ram.byteOffset, RAM);
    named = (gpa, length) => this.writable.fill(1, gpa, gpa + length);
  }

  /** The board is complete: what firmware does before the kernel starts. */
  powerOn(): void {
    this.board.reset();
  }

  /** Its queues are watched: what they may write is what the driver named. */
  watch(device: VirtioDevice): void {
    this.virtio.push({ device, used: false });
  }

  /** The guest writes its own RAM. */
  poke(gpa: number, size: AccessSize, value: number): void {
    if (gpa < 0 || gpa + size > RAM) return;
    for (let i = 0; i < size; i++) this.shadow[gpa + i] = this.bytes[gpa + i] = value >>> (8 * i);
  }

  pokeBytes(gpa: number, data: Uint8Array): void {
    if (gpa < 0 || gpa + data.length > RAM) return;
    this.bytes.set(data, gpa);
    this.shadow.set(data, gpa);
  }

  peek16(gpa: number): number {
    return gpa >= 0 && gpa + 2 <= RAM ? this.bytes.readUInt16LE(gpa) : 0;
  }

  portRead(port: number, size: AccessSize): number {
    const value = this.board.ports.read(port, size);
    requireWord(value, 8 * size, `port ${port} read by ${size}`);
    return value;
  }

  portWrite(port: number, size: AccessSize, value: number): void {
    this.board.ports.write(port, size, narrowed(value, size));
  }

  mmioRead(gpa: number, size: AccessSize): number {
    const value = this.board.mmio.read(gpa, size);
    requireWord(value, 8 * size, `address ${gpa.toString(16)} read by ${size}`);
    return value;
  }

  mmioWrite(gpa: number, size: AccessSize, value: number): void {
    this.board.mmio.write(gpa, size, narrowed(value, size));
  }

  configRead(slot: number, offset: number, size: AccessSize): number {
    this.portWrite(0xcf8, 4, 0x8000_0000 + slot * 0x800 + (offset & 0xfc));
    return this.portRead(0xcfc + (offset & 3), size);
  }

  configWrite(slot: number, offset: number, size: AccessSize, value: number): void {
    this.portWrite(0xcf8, 4, 0x8000_0000 + slot * 0x800 + (offset & 0xfc));
    this.portWrite(0xcfc + (offset & 3), size, value);
  }

  /** Time passes, and the machine looks at its timers some times. */
  elapse(ns: number): void {
    // Up to 104 days: what a clock in doubles counts exactly.
    this.ns = Math.min(this.ns + ns, 2 ** 53 - 1);
    for (let round = 0; round < ROUNDS; round++) {
      this.clock.tick();
      this.clock.runExpired();
    }
  }

  /** Time from 32 random bits: nothing, nanoseconds, milliseconds or days. */
  elapseRandomly(random: number): void {
    const amount = random >>> 2;
    this.elapse([0, amount & 0xffff, (amount & 0xff) * MS, amount * 16 * MS][random & 3]);
  }

  /** After each step: what is new in the queues. */
  afterStep(): void {
    this.noticeResets();
    for (const watched of this.virtio) {
      const { device } = watched;
      for (let index = 0; index < device.queues.length; index++) {
        const queue = device.queue(index);
        if (queue === undefined) continue;
        watched.used = true;
        const { inFlight } = queue.progress();
        if (inFlight > queue.size || inFlight < 0) {
          throw new DeviceFailure(
            `queue ${index} of ${queue.size} entries has ${inFlight} buffers under way`,
          );
        }
        if (this.seen.has(queue)) continue;
        this.seen.add(queue);
        this.nameAreas(device, index);
      }
    }
  }

  /**
   * A driver that has reset its device has taken everything back: from then on the device writes nothing until it is
   * given new buffers.
   */
  noticeResets(): void {
    for (const watched of this.virtio) {
      const { device, used } = watched;
      if (!used || device.status !== 0) continue;
      if (device.queues.some((_, index) => device.queue(index))) continue;
      watched.used = false;
      if (++this.resets % RESETS_A_CHECK !== 0) continue;
      this.checkMemory();
      this.writable.fill(0);
      this.bytes.copy(this.shadow);
    }
  }

  /** At the end of a case. */
  finish(): void {
    this.checkMemory();
    for (const device of this.board.allDevices()) {
      const state = JSON.stringify(device.save());
      if (state.length > MAX_STATE)
        throw new DeviceFailure(`${device.name} holds ${state.length} characters of state`);
    }
    named = undefined;
  }

  private nameAreas(device: VirtioDevice, index: number): void {
    const { size, descriptors, device: area } = device.queues[index];
    if (device.packed) {
      this.writable.fill(1, descriptors, descriptors + packedQueueBytes(size).descriptors);
      this.writable.fill(1, area, area + 4);
    } else {
      this.writable.fill(1, area, area + splitQueueBytes(size).device);
    }
  }

  /** No byte has changed that nobody named. */
  private checkMemory(): void {
    const { bytes, shadow, writable } = this;
    if (bytes.equals(shadow)) return;
    for (let page = 0; page < RAM; page += PAGE) {
      if (bytes.compare(shadow, page, page + PAGE, page, page + PAGE) === 0) continue;
      for (let at = page; at < page + PAGE; at++) {
        if (bytes[at] !== shadow[at] && writable[at] === 0) {
          throw new DeviceFailure(`a device has written to 0x${at.toString(16)}, which no descriptor named`);
        }
      }
    }
  }
}

function narrowed(value: number, size: AccessSize): number {
  return size === 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1);
}

/** @throws DeviceFailure for what is no unsigned number of so many bits */
function requireWord(value: number, bits: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new DeviceFailure(`${what}: ${value} is no number of ${bits} bits`);
  }
}
