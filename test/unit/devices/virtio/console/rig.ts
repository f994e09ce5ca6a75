import { expect } from 'vitest';
import { VirtioConsole } from '../../../../../src/devices/virtio/console/console.js';
import type {
  ConsoleLine,
  ConsolePort,
  ConsolePortOptions,
} from '../../../../../src/devices/virtio/console/port.js';
import { Feature } from '../../../../../src/devices/virtio/features.js';
import { areasAt, SplitDriver } from '../queue/driver-ring.js';
import { legacyAreasAt, ModernPci, type Transport } from '../transport/drivers.js';

/** Bits and messages of virtio 1.3, 5.3.3 and 5.3.6.2. */
export const F_SIZE = 1n;
export const F_MULTIPORT = 2n;
export const F_EMERG_WRITE = 4n;

export const DEVICE_READY = 0;
export const DEVICE_ADD = 1;
export const DEVICE_REMOVE = 2;
export const PORT_READY = 3;
export const CONSOLE_PORT = 4;
export const RESIZE = 5;
export const PORT_OPEN = 6;
export const PORT_NAME = 7;

export const CONTROL_RECEIVE = 2;
export const CONTROL_TRANSMIT = 3;

const QUEUES = 0x10_0000;
const QUEUE_SPACE = 0x1_0000;
const BUFFERS = 0x28_0000;

/** A far end with as much room as a test gives it. */
export class TestLine implements ConsoleLine {
  room = Infinity;
  input: number[] = [];
  readonly output: number[] = [];
  readonly opens: boolean[] = [];

  write(data: Uint8Array): number {
    const count = Math.min(this.room, data.length);
    this.room -= count;
    this.output.push(...data.subarray(0, count));
    return count;
  }

  put(byte: number): void {
    this.output.push(byte);
  }

  get hasInput(): boolean {
    return this.input.length > 0;
  }

  read(target: Uint8Array): number {
    const taken = this.input.splice(0, target.length);
    target.set(taken);
    return taken.length;
  }

  guestOpened(open: boolean): void {
    this.opens.push(open);
  }

  get text(): string {
    return String.fromCharCode(...this.output);
  }

  type(text: string): void {
    this.input.push(...Buffer.from(text));
  }
}

export interface Message {
  readonly id: number;
  readonly event: number;
  readonly value: number;
  readonly rest: readonly number[];
}

interface Posted {
  readonly gpa: number;
  readonly length: number;
}

/** A console device and its driver. */
export class Rig {
  readonly lines: readonly TestLine[];
  readonly device: VirtioConsole;
  readonly transport: Transport;
  readonly drivers: SplitDriver[] = [];
  private readonly posted = new Map<number, Map<number, Posted>>();
  private nextBuffer = BUFFERS;

  constructor(
    ports: readonly Omit<ConsolePortOptions, 'line'>[] = [{ kind: 'console', name: '' }],
    Way: new (type: VirtioConsole) => Transport = ModernPci,
  ) {
    this.lines = ports.map(() => new TestLine());
    this.device = new VirtioConsole(ports.map((port, i) => ({ ...port, line: this.lines[i] })));
    this.transport = new Way(this.device);
  }

  get line(): TestLine {
    return this.lines[0];
  }

  port(index: number): ConsolePort {
    return this.device.ports[index];
  }

  /** Initialises device and queues as section 3.1.1 says. */
  start(features: bigint): this {
    const { transport } = this;
    transport.status = 0;
    transport.status = 3;
    transport.writeFeatures(features | (transport.legacy ? 0n : Feature.VERSION_1));
    if (!transport.legacy) {
      transport.status = 11;
      expect(transport.status).toBe(11);
    }
    this.drivers.length = 0;
    this.posted.clear();
    const queues = features & F_MULTIPORT ? this.device.queueSizes.length : 2;
    for (let i = 0; i < queues; i++) this.setUpQueue(i);
    transport.status = transport.legacy ? 7 : 15;
    return this;
  }

  private setUpQueue(index: number): void {
    const { transport } = this;
    const base = QUEUES + index * QUEUE_SPACE;
    transport.memory.bytes(base, QUEUE_SPACE).fill(0);
    const size = transport.queueSize(index);
    const areas = transport.legacy ? legacyAreasAt(base, size) : areasAt(base);
    transport.setUpQueue(index, size, areas);
    this.drivers[index] = new SplitDriver(transport.memory, size, areas);
  }

  /** The same with multiport, up to where every port is set up and open; control messages so far are dropped. */
  startOpen(): this {
    this.start(F_MULTIPORT);
    this.offer(CONTROL_RECEIVE, 64, 32);
    this.tell(0, DEVICE_READY, 1);
    for (const { id } of this.device.ports) {
      this.tell(id, PORT_READY, 1);
      this.tell(id, PORT_OPEN, 1);
    }
    this.messages();
    return this;
  }

  receiveQueue(index: number): number {
    const { id } = this.port(index);
    return id === 0 ? 0 : 2 * id + 2;
  }

  transmitQueue(index: number): number {
    return this.receiveQueue(index) + 1;
  }

  /** Makes `count` buffers of `length` bytes available to the device, for it to write. */
  offer(queue: number, length: number, count = 1): void {
    for (let i = 0; i < count; i++) {
      const gpa = this.allocate(length);
      const id = this.drivers[queue].add({ gpa, length, writable: true });
      const posted = this.posted.get(queue) ?? new Map<number, Posted>();
      this.posted.set(queue, posted.set(id, { gpa, length }));
    }
    this.transport.notify(queue);
  }

  /** What the device has written into buffers of `queue`, one piece a buffer. */
  received(queue: number): number[][] {
    return this.drivers[queue].collect().map(({ id, length }) => {
      const { gpa } = this.posted.get(queue)!.get(id)!;
      return Array.from(this.transport.memory.bytes(gpa, length));
    });
  }

  receivedText(queue: number): string {
    return Buffer.from(this.received(queue).flat()).toString();
  }

  /** Gives the device a buffer to read. */
  send(queue: number, data: Uint8Array | string): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const gpa = this.allocate(bytes.length);
    this.transport.memory.bytes(gpa, bytes.length).set(bytes);
    this.drivers[queue].add({ gpa, length: bytes.length });
    this.transport.notify(queue);
  }

  tell(id: number, event: number, value: number): void {
    const message = new Uint8Array(8);
    const view = new DataView(message.buffer);
    view.setUint32(0, id, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    this.send(CONTROL_TRANSMIT, message);
    this.drivers[CONTROL_TRANSMIT].collect();
  }

  /** Control messages of the device since the last call. */
  messages(): Message[] {
    return this.received(CONTROL_RECEIVE).map(bytes => {
      const view = new DataView(Uint8Array.from(bytes).buffer);
      return {
        id: view.getUint32(0, true),
        event: view.getUint16(4, true),
        value: view.getUint16(6, true),
        rest: bytes.slice(8),
      };
    });
  }

  /** A place of its own for each buffer. */
  allocate(length: number): number {
    const gpa = this.nextBuffer;
    this.nextBuffer += Math.ceil(length / 16) * 16;
    if (this.nextBuffer > this.transport.memory.size) throw new RangeError('the test uses too many buffers');
    return gpa;
  }
}
