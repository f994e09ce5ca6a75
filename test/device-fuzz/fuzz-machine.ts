import { Board, type BoardOptions } from '../../src/vmm/machine/board.js';
import { MachineClock } from '../../src/vmm/clock.js';
import type { AccessSize, Power } from '../../src/vmm/device.js';
import { GuestMemory } from '../../src/vmm/memory/guest-memory.js';
import { Chain } from '../../src/devices/virtio/queue/chain.js';
import type { VirtioDevice } from '../../src/devices/virtio/device.js';
import { packedQueueBytes } from '../../src/devices/virtio/queue/packed-queue.js';
import { splitQueueBytes } from '../../src/devices/virtio/queue/split-queue.js';
import { ECAM_BASE, ECAM_SIZE } from '../../src/devices/pci/config-access.js';
import { DeviceFailure } from './failure.js';

export const RAM = 2 << 20;
const PAGE = 4096;
const MS = 1e6;
const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
/** Rounds of the machine's loop for one passage of time: timers that arm themselves again have so many turns. */
const ROUNDS = 4;
/** Of so many resets one checks all of RAM: it takes longer than all the steps between them. */
const RESETS_A_CHECK = 64;
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

/** RAM, what it holds but for what devices may have written, and 1 for each byte that they may: of the one machine. */
const memory = GuestMemory.allocate(RAM);
const bytes = bytesOf(memory);
const shadow = Buffer.alloc(RAM);
const writable = new Uint8Array(RAM);
const words = new DataView(bytes.buffer, bytes.byteOffset, RAM);
const shadowWords = new DataView(shadow.buffer, shadow.byteOffset, RAM);

function bytesOf(whole: GuestMemory): Buffer {
  const ram = whole.bytes(0, RAM);
  return Buffer.from(ram.buffer, ram.byteOffset, RAM);
}

/**
 * A whole board without a processor, driven by nothing but its buses, its interrupt acknowledgements, its RAM and the
 * passage of time; and what must hold whatever a guest does with them. There is one at a time: a new one takes the
 * RAM of the one before.
 */
export class FuzzMachine {
  readonly memory = memory;
  readonly board: Board;
  readonly clock: MachineClock;
  /** Ends of the machine that the guest asked for. */
  ends = 0;
  /** Writes to PCI configuration space, each of which may have moved a base address. */
  configWrites = 0;
  private ns = 0;
  /** Devices whose queues are watched, and whether they have been used since their last reset. */
  private readonly virtio: { readonly device: VirtioDevice; used: boolean }[] = [];
  private resets = 0;

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
        if (!isWord(address, 4)) throw notAWord(address, 'the address of a message', 32);
        if (!isWord(data, 4)) throw notAWord(data, 'the data of a message', 32);
      },
      setIntr: () => undefined,
      setIoapicRoutes: () => undefined,
    });
    bytes.fill(0);
    shadow.fill(0);
    writable.fill(0);
    named = (gpa, length) => writable.fill(1, gpa, gpa + length);
  }

  /** The board is complete: what firmware does before the kernel starts. */
  powerOn(): void {
    this.board.reset();
  }

  /** Its queues are watched: what they may write is what the driver named. */
  watch(device: VirtioDevice): void {
    const watched = { device, used: false };
    this.virtio.push(watched);
    device.onQueue = index => {
      watched.used = true;
      nameAreas(device, index);
    };
  }

  /** The guest writes its own RAM. */
  poke(gpa: number, size: AccessSize, value: number): void {
    if (gpa < 0 || gpa + size > RAM) return;
    for (const view of [words, shadowWords]) {
      if (size === 1) view.setUint8(gpa, value);
      else if (size === 2) view.setUint16(gpa, value, true);
      else view.setUint32(gpa, value, true);
    }
  }

  pokeBytes(gpa: number, data: Uint8Array): void {
    if (gpa < 0 || gpa + data.length > RAM) return;
    bytes.set(data, gpa);
    shadow.set(data, gpa);
  }

  peek16(gpa: number): number {
    return gpa >= 0 && gpa + 2 <= RAM ? words.getUint16(gpa, true) : 0;
  }

  portRead(port: number, size: AccessSize): number {
    const value = this.board.ports.read(port, size);
    if (!isWord(value, size)) throw notAWord(value, `port ${port}`, 8 * size);
    return value;
  }

  portWrite(port: number, size: AccessSize, value: number): void {
    if ((port & 0xfffc) === CONFIG_DATA) this.configWrites++;
    this.board.ports.write(port, size, narrowed(value, size));
  }

  mmioRead(gpa: number, size: AccessSize): number {
    const value = this.board.mmio.read(gpa, size);
    if (!isWord(value, size)) throw notAWord(value, `address ${gpa.toString(16)}`, 8 * size);
    return value;
  }

  mmioWrite(gpa: number, size: AccessSize, value: number): void {
    if (gpa >= ECAM_BASE && gpa < ECAM_BASE + ECAM_SIZE) this.configWrites++;
    this.board.mmio.write(gpa, size, narrowed(value, size));
  }

  configRead(slot: number, offset: number, size: AccessSize): number {
    this.portWrite(CONFIG_ADDRESS, 4, 0x8000_0000 + slot * 0x800 + (offset & 0xfc));
    return this.portRead(CONFIG_DATA + (offset & 3), size);
  }

  configWrite(slot: number, offset: number, size: AccessSize, value: number): void {
    this.portWrite(CONFIG_ADDRESS, 4, 0x8000_0000 + slot * 0x800 + (offset & 0xfc));
    this.portWrite(CONFIG_DATA + (offset & 3), size, value);
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
    switch (random & 3) {
      case 0:
        return this.elapse(0);
      case 1:
        return this.elapse(amount & 0xffff);
      case 2:
        return this.elapse((amount & 0xff) * MS);
      default:
        return this.elapse(amount * 16 * MS);
    }
  }

  /** After each step: what is under way in the queues. */
  afterStep(): void {
    this.noticeResets();
    for (const { device, used } of this.virtio) {
      if (!used) continue;
      for (let index = 0; index < device.queues.length; index++) {
        const queue = device.queue(index);
        if (queue === undefined) continue;
        const { inFlight } = queue.progress();
        if (inFlight > queue.size || inFlight < 0) {
          throw new DeviceFailure(
            `queue ${index} of ${queue.size} entries has ${inFlight} buffers under way`,
          );
        }
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
      checkMemory();
      writable.fill(0);
      bytes.copy(shadow);
    }
  }

  /** At the end of a case. */
  finish(): void {
    checkMemory();
    for (const device of this.board.allDevices()) {
      const state = JSON.stringify(device.save());
      if (state.length > MAX_STATE)
        throw new DeviceFailure(`${device.name} holds ${state.length} characters of state`);
    }
    named = undefined;
  }
}

/** A queue that works has areas of its own to write: the used ring, or the descriptors and the event structure. */
function nameAreas(device: VirtioDevice, index: number): void {
  const { size, descriptors, device: area } = device.queues[index];
  if (device.packed) {
    writable.fill(1, descriptors, descriptors + packedQueueBytes(size).descriptors);
    writable.fill(1, area, area + 4);
  } else {
    writable.fill(1, area, area + splitQueueBytes(size).device);
  }
}

/** No byte has changed that nobody named. */
function checkMemory(): void {
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

function narrowed(value: number, size: AccessSize): number {
  return size === 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1);
}

/** True for an unsigned number of so many bytes. */
function isWord(value: number, size: AccessSize): boolean {
  return size === 4 ? value >>> 0 === value : (value & ((1 << (8 * size)) - 1)) === value;
}

function notAWord(value: number, what: string, bits: number): DeviceFailure {
  return new DeviceFailure(`${what}: ${value} is no number of ${bits} bits`);
}
