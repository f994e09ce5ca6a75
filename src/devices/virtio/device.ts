import type { Clock, Timer } from '../../vmm/clock.js';
import type { DeviceState } from '../../vmm/device.js';
import type { GuestMemory } from '../../vmm/memory/guest-memory.js';
import { GuestMemoryError, hex } from '../../errors.js';
import type { DeviceHost, DeviceType } from './device-type.js';
import type { VirtioObserver } from './observer.js';
import { Feature, has, LEGACY_ONLY_FEATURES, RING_FEATURES } from './features.js';
import type { Chain } from './queue/chain.js';
import { PackedQueue } from './queue/packed-queue.js';
import { SplitQueue } from './queue/split-queue.js';
import type { QueueAreas, QueueState, Virtqueue } from './queue/virtqueue.js';
import { Status } from './status.js';
import { legacyAreas } from './queue/legacy-layout.js';

/** A rule of the specification that the driver broke. */
export interface Violation {
  /** Of virtio 1.3. */
  readonly section: string;
  readonly rule: string;
  readonly queue?: number;
}

/** How a device tells its driver something: an interrupt of the transport's kind. */
export interface DriverInterrupts {
  /** There are used buffers in queue `index`. */
  queueInterrupt(index: number): void;
  /** The configuration space, or DEVICE_NEEDS_RESET, has changed. */
  configInterrupt(): void;
}

/** What the driver has set up of one queue. */
export interface QueueSetup {
  size: number;
  descriptors: number;
  driver: number;
  device: number;
  enabled: boolean;
}

export interface VirtioDeviceOptions {
  readonly type: DeviceType;
  readonly memory: GuestMemory;
  readonly clock: Clock;
  /** Feature bits that it is to go without. */
  readonly hidden?: bigint;
  /** Feature bits that it offers besides, and does nothing about. */
  readonly extra?: bigint;
  /** Feature bits without which it does not work: FEATURES_OK does not stay then (2.2.2). */
  readonly required?: bigint;
  /** Who watches the driver, in conformance runs. */
  readonly observer?: VirtioObserver | undefined;
}

interface QueueSlotState extends QueueSetup {
  readonly ring: QueueState | undefined;
}

type VirtioState = {
  readonly status: number;
  readonly legacy: boolean;
  readonly driverFeatures: string;
  readonly generation: number;
  readonly unfinished: readonly number[];
  readonly queues: readonly QueueSlotState[];
  readonly type: DeviceState;
};

/** Buffers that are served before the machine looks around. */
const BUFFERS_A_TURN = 256;
/** Violations that are remembered. */
const MAX_VIOLATIONS = 64;

/**
 * A virtio device without its transport: status, feature negotiation and queues (virtio 1.3, sections 2 and 3).
 *
 * What the driver does out of order has no effect but that: nothing works before the steps that it needs.
 */
export class VirtioDevice implements DeviceHost {
  /** Device status field (2.1). */
  status = 0;
  /** What the driver has written, offered or not (2.2). */
  driverFeatures = 0n;
  /** Counts changes of the configuration space (2.5.1). */
  generation = 0;
  readonly type: DeviceType;
  readonly memory: GuestMemory;
  private readonly hidden: bigint;
  private readonly extra: bigint;
  private readonly required: bigint;
  readonly queues: QueueSetup[];
  readonly violations: Violation[] = [];
  private readonly rings: (Virtqueue | undefined)[];
  /** The driver came by the legacy interface: no FEATURES_OK, and queues that work before DRIVER_OK. */
  legacy = false;

  /** Called with each queue that opens. */
  onQueue: ((index: number, queue: Virtqueue) => void) | undefined;

  private readonly observer: VirtioObserver | undefined;
  private readonly clock: Clock;
  private readonly turn: Timer;
  /** Queues that have had their turn and are not empty. */
  private readonly unfinished = new Set<number>();
  /** Whether the transport lets the device use memory. What the driver asks for meanwhile waits. */
  private allowed = true;

  constructor(
    { type, memory, clock, hidden = 0n, extra = 0n, required = 0n, observer }: VirtioDeviceOptions,
    private readonly interrupts: DriverInterrupts,
  ) {
    this.type = type;
    this.memory = memory;
    this.hidden = hidden;
    this.extra = extra;
    this.required = required;
    this.observer = observer;
    this.clock = clock;
    this.turn = clock.timer(() => this.finishTurns());
    this.queues = type.queueSizes.map(initialSetup);
    this.rings = type.queueSizes.map(() => undefined);
    type.connect(this);
  }

  /** What a driver of the legacy interface, or of the modern one, is offered. */
  offered(legacy: boolean): bigint {
    const all = ((this.type.features | RING_FEATURES) & ~this.hidden) | this.extra;
    return legacy ? all & ~Feature.VERSION_1 & 0xffff_ffffn : all & ~LEGACY_ONLY_FEATURES;
  }

  /** True when its queues are packed ones. */
  get packed(): boolean {
    return has(this.features, Feature.RING_PACKED);
  }

  get features(): bigint {
    return this.driverFeatures & this.offered(this.legacy);
  }

  /** The driver writes the device status field; 0 is a reset. */
  writeStatus(value: number, legacy = false): void {
    if (value === 0) {
      this.reset();
      return;
    }
    this.legacy = legacy;
    // A driver must not clear bits (2.1.1); one that does has not cleared them.
    const set = value & ~this.status & ~Status.DEVICE_NEEDS_RESET;
    this.status |= set & ~(Status.FEATURES_OK | Status.DRIVER_OK);
    if (set & Status.FEATURES_OK && this.acceptsFeatures()) this.status |= Status.FEATURES_OK;
    if (set & Status.DRIVER_OK && (legacy || this.status & Status.FEATURES_OK)) this.start();
  }

  /**
   * The driver writes 32 of its feature bits. Without effect once they are agreed on (3.1.1).
   * @param word 0: bits 0 to 31, 1: bits 32 to 63; all others are not there
   */
  writeDriverFeatures(word: number, value: number): void {
    if (word > 1 || this.status & (Status.FEATURES_OK | Status.DRIVER_OK)) return;
    const shift = BigInt(word * 32);
    this.driverFeatures = (this.driverFeatures & ~(0xffff_ffffn << shift)) | (BigInt(value) << shift);
  }

  /** 32 of the offered feature bits. */
  readDeviceFeatures(word: number, legacy = false): number {
    return word > 1 ? 0 : Number((this.offered(legacy) >> BigInt(word * 32)) & 0xffff_ffffn);
  }

  readDriverFeatures(word: number): number {
    return word > 1 ? 0 : Number((this.driverFeatures >> BigInt(word * 32)) & 0xffff_ffffn);
  }

  /** The driver changes queue `index`'s setup: only before it is enabled (4.1.4.3.2, 4.2.2.2). */
  setUpQueue(index: number, change: (setup: QueueSetup) => void): void {
    const setup = this.queues[index];
    if (setup !== undefined && !setup.enabled) change(setup);
  }

  /** The driver writes 32 bits of where a part of queue `index` lies. */
  writeQueueAddress(index: number, part: keyof QueueAreas, half: 'low' | 'high', value: number): void {
    this.setUpQueue(index, setup => {
      const low = setup[part] % 2 ** 32;
      setup[part] = half === 'low' ? setup[part] - low + value : low + value * 2 ** 32;
    });
  }

  /** The driver has filled in a queue's setup and enables it. Without effect when it makes no sense. */
  enableQueue(index: number): void {
    const setup = this.queues[index];
    if (setup === undefined || setup.enabled) return;
    setup.enabled = true;
    if (this.status & Status.DRIVER_OK) this.openRing(index);
  }

  /**
   * The legacy interface: one address sets up and enables a queue, 0 takes it back (2.7.2, 4.1.5.1.3.1).
   * @param alignment of the used ring
   */
  setLegacyQueue(index: number, base: number, alignment: number): void {
    const setup = this.queues[index];
    if (setup === undefined) return;
    this.resetQueue(index);
    if (base === 0) return;
    this.legacy = true;
    Object.assign(setup, legacyAreas(base, setup.size, alignment));
    this.enableQueue(index);
  }

  /** The driver takes a queue back (2.6.1). */
  resetQueue(index: number): void {
    const setup = this.queues[index];
    if (setup === undefined || !setup.enabled) return;
    this.rings[index] = undefined;
    this.type.resetQueue(index);
    Object.assign(setup, initialSetup(this.type.queueSizes[index]));
  }

  /** The driver notifies of new buffers. Of a queue that does not work it means nothing. */
  notify(index: number): void {
    if (index >= this.queues.length) return;
    // Legacy drivers exist that use queues before DRIVER_OK, and legacy devices let them (3.1.2).
    if (this.legacy && !(this.status & Status.DRIVER_OK) && this.queues[index].enabled) this.openRing(index);
    if (this.rings[index] === undefined) return;
    if (!this.allowed) {
      this.unfinished.add(index);
      return;
    }
    this.type.newTurn?.();
    this.type.notify(index);
  }

  queue(index: number): Virtqueue | undefined {
    return this.rings[index];
  }

  serve(index: number, handle: (chain: Chain, queue: Virtqueue) => void | false): void {
    const queue = this.rings[index];
    if (!queue) return;
    if (!this.allowed) {
      this.unfinished.add(index);
      return;
    }
    let left = BUFFERS_A_TURN;
    let stopped = false;
    do {
      queue.disableNotifications();
      for (; left > 0 && !stopped; left--) {
        const chain = queue.pop();
        if (!chain) break;
        stopped = handle(chain, queue) === false;
      }
    } while (left > 0 && !stopped && queue.enableNotifications());
    this.signal(index);
    if (left === 0 && !stopped) this.serveLater(index);
  }

  serveLater(index: number): void {
    this.unfinished.add(index);
    if (this.allowed) this.turn.arm(this.clock.now());
  }

  get mastering(): boolean {
    return this.allowed;
  }

  /** The transport lets the device use memory from now on, or does not any more. */
  setMastering(on: boolean): void {
    if (on === this.allowed) return;
    this.allowed = on;
    if (on && this.unfinished.size > 0) this.turn.arm(this.clock.now());
    else if (!on) this.turn.disarm();
  }

  signal(index: number): void {
    if (this.rings[index]?.signal()) this.interrupts.queueInterrupt(index);
  }

  configChanged(): void {
    this.generation = (this.generation + 1) >>> 0;
    this.observer?.configChanged();
    if (this.status & Status.DRIVER_OK) this.interrupts.configInterrupt();
  }

  reset(): void {
    this.status = 0;
    this.driverFeatures = 0n;
    this.legacy = false;
    this.rings.fill(undefined);
    this.unfinished.clear();
    this.turn.disarm();
    this.queues.forEach((setup, i) => Object.assign(setup, initialSetup(this.type.queueSizes[i])));
    this.type.reset();
  }

  save(): DeviceState {
    return {
      status: this.status,
      legacy: this.legacy,
      driverFeatures: this.driverFeatures.toString(16),
      generation: this.generation,
      unfinished: [...this.unfinished],
      queues: this.queues.map((setup, i) => ({ ...setup, ring: this.rings[i]?.save() })),
      type: this.type.save(),
    } satisfies VirtioState;
  }

  load(state: DeviceState): void {
    const { status, legacy, driverFeatures, generation, unfinished, queues, type } = state as VirtioState;
    this.reset();
    this.status = status;
    this.legacy = legacy;
    this.driverFeatures = BigInt(`0x${driverFeatures}`);
    this.generation = generation;
    queues.forEach(({ ring, ...setup }, i) => {
      Object.assign(this.queues[i], setup);
      if (ring === undefined) return;
      this.openRing(i);
      this.rings[i]?.load(ring);
    });
    this.type.load(type);
    for (const index of unfinished) this.serveLater(index);
  }

  private finishTurns(): void {
    const indices = [...this.unfinished];
    this.unfinished.clear();
    this.type.newTurn?.();
    for (const index of indices) if (this.rings[index] !== undefined) this.type.notify(index);
  }

  private acceptsFeatures(): boolean {
    const { driverFeatures, required } = this;
    return (driverFeatures & ~this.offered(this.legacy)) === 0n && (required & ~driverFeatures) === 0n;
  }

  private start(): void {
    this.status |= Status.DRIVER_OK;
    this.queues.forEach(({ enabled }, i) => {
      if (enabled) this.openRing(i);
    });
    this.type.newTurn?.();
    this.type.start();
  }

  private openRing(index: number): void {
    if (this.rings[index] !== undefined) return;
    const { size, descriptors, driver, device } = this.queues[index];
    const { packed } = this;
    const areas: QueueAreas = { descriptors, driver, device };
    const rule = refuseSetup(size, this.type.queueSizes[index], areas, packed);
    if (rule !== undefined) {
      this.violated(packed ? '2.8' : '2.7', rule, index);
      return;
    }
    const options = {
      memory: this.memory,
      size,
      areas,
      features: this.features,
      onViolation: (section: string, broken: string) => this.violated(section, broken, index),
    };
    try {
      const ring = packed ? new PackedQueue(options) : new SplitQueue(options);
      this.rings[index] = ring;
      this.observer?.queue(index, ring, options);
      this.onQueue?.(index, ring);
    } catch (error) {
      if (!(error instanceof GuestMemoryError)) throw error;
      this.violated('2.6', `a part of the queue at ${hex(error.gpa)} is not RAM`, index);
    }
  }

  /** The device cannot go on until the driver resets it (2.1.2). */
  private violated(section: string, rule: string, queue: number): void {
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push({ section, rule, queue });
    this.observer?.violated({ section, rule, queue });
    if (this.status & Status.DEVICE_NEEDS_RESET) return;
    this.status |= Status.DEVICE_NEEDS_RESET;
    if (this.status & Status.DRIVER_OK) this.interrupts.configInterrupt();
  }
}

function initialSetup(size: number): QueueSetup {
  return { size, descriptors: 0, driver: 0, device: 0, enabled: false };
}

/** Why no queue can be like that: sizes and alignments of 2.7 and 2.8. */
function refuseSetup(size: number, largest: number, areas: QueueAreas, packed: boolean): string | undefined {
  if (size < 1 || size > largest) return `a queue of ${size} entries, of at most ${largest}`;
  if (!packed && (size & (size - 1)) !== 0) return `${size} entries, which is not a power of two`;
  const { descriptors, driver, device } = areas;
  if (descriptors % 16 !== 0) return 'descriptors that are not aligned to 16 bytes';
  if (driver % (packed ? 4 : 2) !== 0) return 'a driver area that is not aligned';
  return device % 4 !== 0 ? 'a device area that is not aligned' : undefined;
}
