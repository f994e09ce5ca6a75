import type { AccessSize, BusRange, BusTarget, Device, DeviceState, IrqLine } from '../device.js';
import type { RemoteAccess, RemoteDeviceSetup } from './protocol.js';

const STATE = 0;
const VALUE = 1;

/** STATE. RELEASED is final: nobody waits any longer. */
const ANSWERED = 0;
const WAITING = 1;
const RELEASED = 2;

const ALL_ONES = 0xffff_ffff;

/** The block in which the control thread answers the machine worker, which waits meanwhile. */
export class RemoteReply {
  private readonly words: Int32Array;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(8);
  }

  /** Machine worker: posts a question and sleeps until it is answered. All ones without a question once released. */
  ask(post: () => void): number {
    if (Atomics.compareExchange(this.words, STATE, ANSWERED, WAITING) === RELEASED) return ALL_ONES;
    post();
    while (Atomics.load(this.words, STATE) === WAITING) Atomics.wait(this.words, STATE, WAITING);
    return Atomics.load(this.words, STATE) === RELEASED ? ALL_ONES : this.words[VALUE] >>> 0;
  }

  /** Control thread: answers the question that waits. Too late once released. */
  answer(value: number): void {
    // From a caller's own code: whatever it returned is made a number.
    this.words[VALUE] = Number(value) | 0;
    Atomics.compareExchange(this.words, STATE, WAITING, ANSWERED);
    Atomics.notify(this.words, STATE);
  }

  /** Control thread: nothing is asked any longer, and what waits goes on with all ones. */
  release(): void {
    Atomics.store(this.words, STATE, RELEASED);
    Atomics.notify(this.words, STATE);
  }
}

/** Stands in the machine for a device whose handlers run on the control thread. */
export class RemoteDevice implements Device, BusTarget {
  readonly name: string;
  readonly ranges: readonly BusRange[];

  constructor(
    private readonly index: number,
    setup: RemoteDeviceSetup,
    private readonly reply: RemoteReply,
    private readonly post: (access: RemoteAccess) => void,
    /** Driven by messages from the control thread. */
    readonly irq: IrqLine | undefined,
  ) {
    this.name = setup.name;
    this.ranges = [{ space: setup.space, base: setup.base, size: setup.size, target: this }];
  }

  read(offset: number, size: AccessSize): number {
    const value = this.access('read', offset, size, 0);
    return size === 4 ? value : value & ((1 << (8 * size)) - 1);
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.access('write', offset, size, value);
  }

  /** The state is on the control thread, with the device itself. */
  reset(): void {
    this.irq?.set(false);
  }

  save(): DeviceState {
    return {};
  }

  load(): void {
    this.irq?.set(false);
  }

  private access(direction: 'read' | 'write', offset: number, size: AccessSize, value: number): number {
    const { index: device } = this;
    return this.reply.ask(() => this.post({ type: 'remote-access', device, direction, offset, size, value }));
  }
}
