import { hex } from '../../errors.js';
import type { VirtioDevice, Violation } from '../../devices/virtio/device.js';
import type { RegisterArea, VirtioObserver } from '../../devices/virtio/observer.js';
import { MAX_SEGMENTS } from '../../devices/virtio/queue/chain.js';
import type { QueueOptions, Virtqueue } from '../../devices/virtio/queue/virtqueue.js';
import { Status } from '../../devices/virtio/status.js';
import { VirtioMmio } from '../../devices/virtio/transport/mmio.js';
import { VirtioPci, type VirtioPciOptions } from '../../devices/virtio/transport/pci.js';
import { allOnes, type AccessSize, type BusTarget } from '../../vmm/device.js';
import type { Clock, Timer } from '../../vmm/clock.js';
import type { MemoryBytes } from '../report/report.js';
import type { DriverEvents, QueueStop } from './driver-events.js';
import type { ExposedChain } from './exposed-chain.js';
import { History } from './history.js';
import type { Judge } from './judge.js';
import { deviceRules, transportRules } from './rules/index.js';
import type { RegisterFilter, Variant, VariantDevice } from './variants/variant.js';
import { VirtioBlk } from '../../devices/virtio/blk/blk.js';
import type { DeviceType } from '../../devices/virtio/device-type.js';
import type { TransportRules } from './transport-rules.js';
import { WatchedQueue, type QueueListener } from './watched-queue.js';

/** How often a working device is looked at, in ns of virtual time, for what does not happen. */
const SAMPLE_NS = 100_000_000;
/** A look that comes later than this does not count. */
const LATE_NS = 20_000_000;
/** Descriptors of a disk's request besides its data. */
const EXTRA_SEGMENTS = 2;

/** How the driver reached the device: what of the specification applies. */
export type Interface = 'modern' | 'legacy';

/** One device of the machine under the eyes of the rules. */
export class WatchedDevice implements VirtioObserver, QueueListener {
  readonly history: History;
  readonly queues: (WatchedQueue | undefined)[] = [];
  /** The driver is in an access: the guest's RIP means something. */
  accessing = false;
  transport!: VirtioPci | VirtioMmio;
  /** Of a transitional device, the interface of the last access. */
  private cameBy: Interface = 'modern';
  /** A driver has got as far as to DRIVER_OK. */
  driven = false;
  private rules: readonly DriverEvents[] = [];
  private transportRules!: TransportRules;
  private readonly now: () => number;
  private readonly sampler: Timer;
  private sampleDue = 0;
  private filter: RegisterFilter = {};
  /** It has behaved in the way of a variant that takes an occasion. */
  acted = false;
  /** It was taken away. */
  private gone = false;

  constructor(
    readonly name: string,
    private readonly judge: Judge,
    private readonly clock: Clock,
    private readonly variant: Variant,
  ) {
    this.now = () => clock.now();
    this.history = new History(this.now);
    this.sampler = clock.timer(() => this.sample());
  }

  /** What the variant makes of a device that is to be built. @param hidden feature bits that it goes without anyway */
  shape(type: DeviceType, hidden: bigint): Partial<VirtioPciOptions> {
    const { variant } = this;
    const { queueSize, vectors, extra, required } = variant;
    if (queueSize) resizeQueues(type, queueSize);
    return {
      hidden: hidden | (variant.hidden?.(type) ?? 0n),
      ...(extra && { extra: extra(type) }),
      ...(required !== undefined && { required }),
      ...(variant.interface && { interface: variant.interface }),
      ...(vectors !== undefined && { vectors: Math.min(vectors, type.queueSizes.length + 1) }),
    };
  }

  /** The device is built. */
  attach(transport: VirtioPci | VirtioMmio): void {
    this.transport = transport;
    const ofTransport = transportRules(this, transport);
    this.transportRules = ofTransport;
    this.rules = [...deviceRules(this), ofTransport];
    this.variant.prepare?.(this.variantDevice);
    this.filter = this.variant.registers?.(this.variantDevice) ?? {};
  }

  get device(): VirtioDevice {
    return this.transport.device;
  }

  get isPci(): boolean {
    return this.transport instanceof VirtioPci;
  }

  get via(): Interface {
    if (this.transport instanceof VirtioMmio) return this.transport.legacy ? 'legacy' : 'modern';
    return this.cameBy;
  }

  /** What the driver is offered. */
  get offered(): bigint {
    return this.device.offered(this.via === 'legacy');
  }

  /**
   * Judges one statement of the specification.
   * @param id of the clause without `virtio/`
   * @param what what the driver did, if it was not kept
   */
  check(
    id: string,
    ok: boolean,
    what: () => string,
    queue?: number,
    bytes?: () => readonly MemoryBytes[],
  ): void {
    const clause = `virtio/${id}`;
    if (ok) {
      this.judge.kept(clause);
      return;
    }
    const watched = queue === undefined ? undefined : this.queues[queue];
    const shown = bytes?.() ?? watched?.show();
    const text = what();
    const history = watched?.history ?? this.history;
    history.add(`broken: ${id}, ${text}`);
    this.judge.broken(clause, this.name, text, {
      ...(queue !== undefined && { queue }),
      ...(shown && { bytes: shown }),
      history: history.list(),
    });
  }

  /** The driver writes the status, and not 0; called before the device hears of it. */
  statusWritten(value: number): void {
    if (value & Status.DRIVER_OK) this.driven = true;
    this.tell('statusWritten', value, this.device.status);
  }

  /** Tells every rule of what has happened. */
  tell<K extends keyof DriverEvents>(event: K, ...args: Parameters<NonNullable<DriverEvents[K]>>): void {
    for (const rule of this.rules) {
      (rule[event] as ((...all: typeof args) => void) | undefined)?.call(rule, ...args);
    }
  }

  registers(area: RegisterArea, target: BusTarget): BusTarget {
    const name = (offset: number, direction: 'read' | 'write'): string =>
      target.registerName?.(offset, direction) ?? hex(offset);
    return {
      read: (given, size) => {
        if (this.gone) return allOnes(size);
        this.enter(area);
        const offset = this.original(area, given);
        const own = target.read(offset, size);
        const value = this.filter.read?.(area, offset, size, own) ?? own;
        if (area !== 'msix') {
          this.history.add(`${name(offset, 'read')} reads ${hex(value)}`);
          this.transportRules.read(area, offset, size, value);
        }
        this.accessing = false;
        return value;
      },
      write: (given, size, value) => {
        if (this.gone) return;
        this.enter(area);
        const offset = this.original(area, given);
        if (area !== 'msix') {
          this.history.add(`${name(offset, 'write')} = ${hex(value)}`);
          this.transportRules.beforeWrite(area, offset, size, value);
        }
        target.write(offset, size, value);
        if (area !== 'msix') this.transportRules.written(area, offset, size, value);
        this.filter.written?.(area, offset, size, value);
        this.accessing = false;
      },
      registerName: (offset, direction) => name(offset, direction),
    };
  }

  configuration(direction: 'read' | 'write', offset: number, size: AccessSize, value: number): void {
    this.accessing = true;
    this.transportRules.configuration(direction, offset, size, value);
    this.accessing = false;
  }

  queue(index: number, queue: Virtqueue, options: QueueOptions): void {
    this.variant.ring?.(queue, index, this.variantDevice);
    const watched = new WatchedQueue(index, queue, options, this, this.now);
    this.queues[index] = watched;
    this.tell('queueOpened', watched);
    this.variant.queue?.(queue, index, this.variantDevice);
    this.armSampler();
  }

  configChanged(): void {
    this.history.add('the configuration changes');
    if (this.device.status & Status.DRIVER_OK) this.tell('configChanged');
  }

  violated({ section, rule, queue }: Violation): void {
    const history = queue === undefined ? this.history : (this.queues[queue]?.history ?? this.history);
    history.add(`device gives up: ${rule} (${section})`);
  }

  exposed(queue: WatchedQueue, chain: ExposedChain): void {
    this.tell('exposed', queue, chain);
  }

  used(queue: WatchedQueue, chain: ExposedChain, written: number): void {
    this.tell('used', queue, chain, written);
  }

  altered(queue: WatchedQueue, chain: ExposedChain, held: boolean): void {
    this.tell('altered', queue, chain, held);
  }

  wentBack(queue: WatchedQueue, before: number, now: number): void {
    this.tell('wentBack', queue, before, now);
  }

  overfull(queue: WatchedQueue, chain: ExposedChain): void {
    this.tell('overfull', queue, chain);
  }

  /** The driver resets the device; called before the device forgets. */
  resetting(): void {
    for (const queue of this.queues) queue?.look();
    for (const queue of this.queues) queue?.compare();
    this.tell('reset');
    this.queues.length = 0;
    this.sampler.disarm();
  }

  /** The driver notifies; called before the device looks. */
  notifying(index: number): void {
    const queue = this.queues[index];
    if (queue) {
      queue.history.add('driver notifies');
      queue.look();
    }
    this.tell('notified', index);
    if (queue) queue.notifications++;
  }

  /** The driver takes a queue back; called before the device forgets it. */
  stopping(index: number, how: QueueStop): void {
    const queue = this.queues[index];
    queue?.look();
    queue?.compare();
    const working = (this.device.status & Status.DRIVER_OK) !== 0;
    this.tell('queueStopped', index, how, working && queue !== undefined && queue.outstanding > 0);
    this.queues[index] = undefined;
  }

  /** Descriptors of one buffer that the device allows. */
  get listLimit(): number {
    const { type } = this.device;
    return type instanceof VirtioBlk ? type.maxSegments + EXTRA_SEGMENTS : MAX_SEGMENTS;
  }

  /** The run is over. */
  finish(): void {
    for (const queue of this.queues) queue?.compare();
  }

  private get variantDevice(): VariantDevice {
    const { transport, clock } = this;
    const acted = (): void => void (this.acted = true);
    return { transport, type: this.device.type, clock, unplug: () => this.unplug(), acted };
  }

  /** What the driver has exposed stays exposed: nobody gives it back, and nobody looks at it. */
  private unplug(): void {
    const { transport } = this;
    if (this.gone) return;
    this.history.add('the device is taken away');
    transport.reset();
    this.queues.length = 0;
    this.sampler.disarm();
    this.gone = true;
    if (!(transport instanceof VirtioPci)) return;
    transport.readConfig = (_offset, size) => allOnes(size);
    transport.writeConfig = () => undefined;
  }

  /** Where an access to a structure's second instance leads; drivers are to use the first. */
  private original(area: RegisterArea, offset: number): number {
    const { alias } = this.variant;
    if (!alias || area !== 'pci-modern') return offset;
    const { from, to, size } = alias;
    const second = offset >= from && offset < from + size;
    if (second || (offset >= to && offset < to + size)) {
      this.check('4.1.4.1/first-instance', !second, () => `it uses the second structure, at ${hex(from)}`);
    }
    return second ? offset - from + to : offset;
  }

  private armSampler(): void {
    this.sampleDue = this.clock.now() + SAMPLE_NS;
    this.sampler.arm(this.sampleDue);
  }

  private enter(area: RegisterArea): void {
    this.accessing = true;
    if (area === 'pci-legacy') this.cameBy = 'legacy';
    else if (area === 'pci-modern') this.cameBy = 'modern';
  }

  private sample(): void {
    const late = this.clock.now() - this.sampleDue > LATE_NS;
    this.armSampler();
    // A host that has other things to do has kept the guest from its own.
    if (late) return;
    for (const queue of this.queues) {
      queue?.look();
      queue?.compare();
    }
    this.tell('sampled');
  }
}

/** Before the device is built: what follows from the size of its queues follows. */
function resizeQueues(type: DeviceType, queueSize: (size: number) => number): void {
  const queueSizes = type.queueSizes.map(queueSize);
  const segments = type instanceof VirtioBlk ? { maxSegments: queueSizes[0] - EXTRA_SEGMENTS } : {};
  Object.assign(type, { queueSizes, ...segments });
}
