import type { BusTarget, DeviceState } from '../../../vmm/device.js';
import { DeviceId, type DeviceHost, type DeviceType } from '../device-type.js';
import { has } from '../features.js';
import type { Chain } from '../queue/chain.js';
import type { Virtqueue } from '../queue/virtqueue.js';
import { CONFIG_SIZE, CONFIGURATION } from './config.js';
import { ConsoleFeature, ControlEvent, CONTROL_SIZE, type ConsoleSize } from './messages.js';
import { ConsolePort, type ConsolePortOptions, type ConsolePortState } from './port.js';

/** Queues (virtio 1.3, 5.3.2): two of port 0, two for control messages, then two of each further port. */
const CONTROL_RECEIVE = 2;
const CONTROL_TRANSMIT = 3;
const DATA_QUEUE_SIZE = 128;
const CONTROL_QUEUE_SIZE = 64;

/** Bytes that one port sends before the machine looks around. */
const BYTES_A_TURN = 256 << 10;

const NO_SIZE: ConsoleSize = { columns: 0, rows: 0 };

type ConsoleState = {
  /** The driver takes control messages. */
  readonly driverReady: boolean;
  readonly ports: readonly ConsolePortState[];
};

/** Console device (virtio 1.3, 5.3): one or more ports, each a stream of bytes both ways. */
export class VirtioConsole implements DeviceType {
  readonly id = DeviceId.CONSOLE;
  readonly pciClass = 0x07_80_00;
  readonly queueSizes: readonly number[];
  readonly config: BusTarget;
  readonly configSize = CONFIG_SIZE;
  /** Port numbers are below this. */
  readonly maxPorts: number;
  readonly ports: readonly ConsolePort[];
  private readonly byId: readonly (ConsolePort | undefined)[];
  private host!: DeviceHost;
  private driverReady = false;
  private readonly header = new DataView(new ArrayBuffer(CONTROL_SIZE));
  private readonly headerBytes = new Uint8Array(this.header.buffer);

  /**
   * @param ports in the order of their numbers. Number 0 is for a console, since a driver without multiport takes it
   * for one (as in QEMU): where the first port is none, they begin at 1.
   */
  constructor(ports: readonly ConsolePortOptions[]) {
    const first = ports[0]?.kind === 'console' ? 0 : 1;
    this.ports = ports.map((options, i) => new ConsolePort(first + i, options));
    this.maxPorts = first + ports.length;
    this.byId = Array.from({ length: this.maxPorts }, (_, id) => this.ports[id - first]);
    // The queues of port 0 always exist.
    this.queueSizes = Array.from({ length: 2 * (this.maxPorts + 1) }, (_, index) =>
      index === CONTROL_RECEIVE || index === CONTROL_TRANSMIT ? CONTROL_QUEUE_SIZE : DATA_QUEUE_SIZE,
    );
    this.config = CONFIGURATION.bind(this);
  }

  /** VIRTIO_CONSOLE_F_SIZE says that the size is valid: it is offered from when it is known on. */
  get features(): bigint {
    const { SIZE, MULTIPORT, EMERG_WRITE } = ConsoleFeature;
    return MULTIPORT | EMERG_WRITE | (this.byId[0]?.sizeIsKnown ? SIZE : 0n);
  }

  /** Of port 0 (5.3.6). */
  get size(): ConsoleSize {
    return this.byId[0]?.size ?? NO_SIZE;
  }

  /** 5.3.4: a character before anything is set up, or when nothing works any more. */
  emergencyWrite(byte: number): void {
    const port = this.byId[0];
    if (port?.present) port.line.put(byte);
  }

  /** The terminal at the far end of a port has another size. @param columns, rows 1 to 65535 */
  resize(port: ConsolePort, size: ConsoleSize): void {
    if (size.columns === port.size.columns && size.rows === port.size.rows) return;
    port.resize(size);
    if (port.id === 0 && has(this.host.features, ConsoleFeature.SIZE)) this.host.configChanged();
    this.sendControl();
  }

  /** Somebody has come to the far end of a port, or has left it. */
  setConnected(port: ConsolePort, connected: boolean): void {
    if (connected === port.connected) return;
    port.setConnected(connected);
    this.sendControl();
  }

  /** Plugs a port in, or takes it out. */
  setPresent(port: ConsolePort, present: boolean): void {
    if (present === port.present) return;
    if (present) {
      port.present = true;
      if (this.multiport && this.driverReady) port.announce();
      this.startSinglePort();
    } else {
      port.unplug();
    }
    this.sendControl();
  }

  /** Sends what waits in the port's transmit queue, as far as there is room at its far end. */
  transmit(port: ConsolePort): void {
    this.notify(transmitQueue(port.id));
  }

  /** Gives the guest what has come in at the port's far end, as far as it has buffers for it. */
  receive(port: ConsolePort): void {
    const { line } = port;
    if (!port.guestOpen || !line.hasInput) return;
    this.host.serve(receiveQueue(port.id), (chain, queue) => {
      if (!line.hasInput) return leave(chain, queue);
      let filled = 0;
      for (let i = chain.readable; i < chain.count && line.hasInput; i++) filled += line.read(chain.bytes(i));
      queue.push(chain, filled);
    });
  }

  connect(host: DeviceHost): void {
    this.host = host;
  }

  start(): void {
    this.startSinglePort();
    this.queueSizes.forEach((_, index) => this.notify(index));
  }

  requestName(index: number): string {
    if (index === CONTROL_RECEIVE || index === CONTROL_TRANSMIT) return 'control';
    return index % 2 === 0 ? 'receive' : 'send';
  }

  notify(index: number): void {
    if (index === CONTROL_RECEIVE) this.sendControl();
    else if (index === CONTROL_TRANSMIT) this.takeControl();
    else {
      const id = index < 2 ? 0 : (index >> 1) - 1;
      const port = this.byId[id];
      if (index & 1) this.send(index, port);
      else if (port) this.receive(port);
    }
  }

  resetQueue(index: number): void {
    const id = index < 2 ? 0 : (index >> 1) - 1;
    const port = this.byId[id];
    if (port && index === transmitQueue(id)) port.transmitted = 0;
  }

  reset(): void {
    this.driverReady = false;
    for (const port of this.ports) port.reset();
  }

  save(): DeviceState {
    return {
      driverReady: this.driverReady,
      ports: this.ports.map(port => port.save()),
    } satisfies ConsoleState;
  }

  load(state: DeviceState): void {
    const { driverReady, ports } = state as ConsoleState;
    this.driverReady = driverReady;
    ports.forEach((saved, i) => this.ports[i].load(saved));
    // What came in, or was made room for, since that state was saved.
    this.queueSizes.forEach((_, index) => this.notify(index));
  }

  private get multiport(): boolean {
    return has(this.host.features, ConsoleFeature.MULTIPORT);
  }

  /** A driver without multiport has port 0 alone, and says nothing of opening it. */
  private startSinglePort(): void {
    const port = this.byId[0];
    if (this.host.queue(receiveQueue(0)) && !this.multiport && port?.present) port.setGuestOpen(true);
  }

  /** Output of a port, which may not exist: then it goes nowhere. */
  private send(index: number, port: ConsolePort | undefined): void {
    let left = BYTES_A_TURN;
    this.host.serve(index, (chain, queue) => {
      if (port?.present) {
        const sent = sendFrom(chain, port, left);
        left -= sent;
        if (port.transmitted < chain.readableBytes) {
          if (left === 0) this.host.serveLater(index);
          return leave(chain, queue);
        }
        port.transmitted = 0;
      }
      // Nothing is written into it, whatever it has for that (5.3.6.1).
      queue.push(chain, 0);
    });
  }

  /** Messages to the driver. */
  private sendControl(): void {
    if (!this.multiport || !this.host.queue(CONTROL_RECEIVE)) return;
    this.host.serve(CONTROL_RECEIVE, (chain, queue) => {
      const message = this.nextMessage();
      if (!message) return leave(chain, queue);
      queue.push(chain, chain.write(0, message));
    });
  }

  private nextMessage(): Uint8Array | undefined {
    for (const port of this.ports) {
      const message = port.takeMessage();
      if (message) return message;
    }
    return undefined;
  }

  /** Messages from the driver. */
  private takeControl(): void {
    if (!this.multiport) return;
    this.host.serve(CONTROL_TRANSMIT, (chain, queue) => {
      if (chain.read(0, this.headerBytes) === CONTROL_SIZE) this.obey();
      queue.push(chain, 0);
    });
    this.sendControl();
  }

  /** What is in the header. Messages that mean nothing are ignored. */
  private obey(): void {
    const id = this.header.getUint32(0, true);
    const event = this.header.getUint16(4, true);
    const value = this.header.getUint16(6, true);
    const port = id < this.maxPorts ? this.byId[id] : undefined;
    if (event === ControlEvent.DEVICE_READY) {
      this.driverReady = value !== 0;
      if (this.driverReady) for (const each of this.ports) each.announce();
    } else if (event === ControlEvent.PORT_READY) {
      // 0: the driver could not set it up (5.3.6.2).
      if (value !== 0) port?.becomeReady();
    } else if (event === ControlEvent.PORT_OPEN && port?.announced) {
      port.setGuestOpen(value !== 0);
      this.receive(port);
    }
  }
}

/** The buffer, and all behind it, stay in the queue until the device looks again. */
function leave(chain: Chain, queue: Virtqueue): false {
  queue.unpop(chain);
  return false;
}

function receiveQueue(id: number): number {
  return id === 0 ? 0 : 2 * id + 2;
}

function transmitQueue(id: number): number {
  return receiveQueue(id) + 1;
}

/** Sends at most `limit` bytes of a buffer from where it was left on. @returns how many */
function sendFrom(chain: Chain, port: ConsolePort, limit: number): number {
  let skip = port.transmitted;
  let sent = 0;
  for (let i = 0; i < chain.readable && sent < limit; i++) {
    const length = chain.length(i);
    if (skip >= length) {
      skip -= length;
      continue;
    }
    const piece = Math.min(length - skip, limit - sent);
    const count = port.line.write(chain.bytes(i, skip, piece));
    sent += count;
    if (count < piece) break;
    skip = 0;
  }
  port.transmitted += sent;
  return sent;
}
