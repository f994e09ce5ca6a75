import { ConsoleFeature, ControlEvent, CONTROL_SIZE } from '../../../devices/virtio/console/messages.js';
import { has } from '../../../devices/virtio/features.js';
import type { DriverEvents } from '../driver-events.js';
import type { ExposedChain } from '../exposed-chain.js';
import type { WatchedDevice } from '../watched-device.js';
import type { WatchedQueue } from '../watched-queue.js';

/** Queues (virtio 1.4, 5.3.2): even ones are for receiving. */
const CONTROL_RECEIVE = 2;
const CONTROL_TRANSMIT = 3;
/** Looks in a row at which something is still to be done, before it counts as forgotten. */
const PATIENCE = 10;

/** Console devices (virtio 1.4, 5.3). */
export class ConsoleRules implements DriverEvents {
  private ready = false;
  private waitedForReady = 0;
  /** Console ports that the driver has been told of and has not opened, and for how many looks. */
  private readonly unopened = new Map<number, number>();

  constructor(private readonly watched: WatchedDevice) {}

  reset(): void {
    this.ready = false;
    this.waitedForReady = 0;
    this.unopened.clear();
  }

  exposed(queue: WatchedQueue, chain: ExposedChain): void {
    const { watched } = this;
    const bytes = (): ReturnType<ExposedChain['show']> => chain.show();
    if (queue.index % 2 === 0) {
      const { readableBytes } = chain;
      const what = (): string => `a receive buffer with ${readableBytes} readable bytes`;
      watched.check('5.3.6.1/receive-writable', readableBytes === 0, what, queue.index, bytes);
    } else {
      const { writableBytes } = chain;
      const what = (): string => `a transmit buffer with ${writableBytes} writable bytes`;
      watched.check('5.3.6.1/transmit-readable', writableBytes === 0, what, queue.index, bytes);
    }
    if (queue.index === CONTROL_TRANSMIT && this.multiport) this.sent(chain.copy(0, CONTROL_SIZE));
  }

  used(queue: WatchedQueue, chain: ExposedChain, written: number): void {
    if (queue.index !== CONTROL_RECEIVE || !this.multiport || written < CONTROL_SIZE) return;
    const view = viewOf(chain.copy(0, CONTROL_SIZE, true));
    if (view.getUint16(4, true) === ControlEvent.CONSOLE_PORT) this.unopened.set(view.getUint32(0, true), 0);
  }

  sampled(): void {
    const { watched } = this;
    if (this.multiport && !this.ready && watched.queues[CONTROL_TRANSMIT]) {
      this.waitedForReady++;
      if (this.waitedForReady === PATIENCE) {
        watched.check('5.3.6.2.2/ready', false, () => 'it does not send DEVICE_READY');
      }
    }
    for (const [port, waited] of this.unopened) {
      this.unopened.set(port, waited + 1);
      if (waited + 1 !== PATIENCE) continue;
      watched.check(
        '5.3.6.2.2/console-port',
        false,
        () => `it does not open port ${port}, a console`,
        CONTROL_RECEIVE,
      );
    }
  }

  private get multiport(): boolean {
    return has(this.watched.device.features, ConsoleFeature.MULTIPORT);
  }

  private sent(message: Uint8Array): void {
    if (message.length < CONTROL_SIZE) return;
    const view = viewOf(message);
    const event = view.getUint16(4, true);
    const value = view.getUint16(6, true);
    if (event === ControlEvent.DEVICE_READY) this.ready = true;
    this.watched.check(
      '5.3.6.2.2/ready',
      this.ready,
      () => `it sends the control message ${event} before DEVICE_READY`,
      CONTROL_TRANSMIT,
    );
    if (event === ControlEvent.PORT_OPEN && value === 1 && this.unopened.delete(view.getUint32(0, true))) {
      this.watched.check('5.3.6.2.2/console-port', true, () => '', CONTROL_TRANSMIT);
    }
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
