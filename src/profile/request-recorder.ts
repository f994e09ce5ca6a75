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

/** Records what `device` does for its driver: each buffer from when the device takes it until it gives it back. */
export function recordRequests(recorder: ExitRecorder, name: string, device: VirtioDevice): void {
  device.onQueue = (index, queue) =>
    observeQueue(queue, new RequestRecorder(recorder, name, device.type, index));
}

class RequestRecorder implements QueueObserver {
  /** A queue uses its chains again and again: there are as many as ever were in the device's hands at once. */
  private readonly requests = new Map<Chain, Request>();

  constructor(
    private readonly recorder: ExitRecorder,
    private readonly device: string,
    private readonly type: DeviceType,
    private readonly index: number,
  ) {}

  taken(chain: Chain): void {
    const { recorder, type, index } = this;
    const what = type.requestName?.(index, chain) ?? `queue ${index}`;
    const began = recorder.now();
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
