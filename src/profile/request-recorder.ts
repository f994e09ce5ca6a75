import type { DeviceType } from '../devices/virtio/device-type.js';
import type { VirtioDevice } from '../devices/virtio/device.js';
import type { Chain } from '../devices/virtio/queue/chain.js';
import { observeQueue, type QueueObserver } from '../devices/virtio/queue/observe-queue.js';
import type { ExitRecorder } from './exit-recorder.js';

/** A buffer that the device has. */
interface Request {
  what: string;
  began: number;
  active: boolean;
}

/**
 * Records what `device` does for its driver: each buffer until the device gives it back, from when the driver notified of it. Of
 * what a device takes without a notification, for a packet that has come or in its own time, the beginning is when it takes it.
 */
export function recordRequests(recorder: ExitRecorder, name: string, device: VirtioDevice): void {
  const notifications = new Notifications(recorder);
  const notify = device.notify.bind(device);
  device.notify = index => {
    notifications.begin();
    notify(index);
    notifications.end();
  };
  device.onQueue = (index, queue) =>
    observeQueue(queue, new RequestRecorder(recorder, notifications, name, device.type, index));
}

/** Whether the device is answering a notification, and since when the driver waits for that. */
class Notifications {
  private depth = 0;
  private began = 0;

  constructor(private readonly recorder: ExitRecorder) {}

  begin(): void {
    if (this.depth++ === 0) this.began = this.recorder.exitTime;
  }

  end(): void {
    this.depth--;
  }

  /** When a buffer that is taken now began to be a request. */
  get time(): number {
    return this.depth > 0 ? this.began : this.recorder.now();
  }
}

class RequestRecorder implements QueueObserver {
  /** A queue uses its chains again and again: there are as many as ever were in the device's hands at once. */
  private readonly requests = new Map<Chain, Request>();

  constructor(
    private readonly recorder: ExitRecorder,
    private readonly notifications: Notifications,
    private readonly device: string,
    private readonly type: DeviceType,
    private readonly index: number,
  ) {}

  taken(chain: Chain): void {
    const { notifications, type, index } = this;
    const began = notifications.time;
    const what = type.requestName?.(index, chain) ?? `queue ${index}`;
    const request = this.requests.get(chain);
    if (!request) this.requests.set(chain, { what, began, active: true });
    else {
      request.what = what;
      request.began = began;
      request.active = true;
    }
  }

  given(chain: Chain, written: number): void {
    const request = this.requests.get(chain);
    // A buffer from before the machine was loaded was taken before anybody looked.
    if (!request?.active) return;
    request.active = false;
    this.recorder.request(this.device, request.what, request.began, chain.readableBytes + written);
  }

  returned(chain: Chain): void {
    const request = this.requests.get(chain);
    if (request) request.active = false;
  }
}
