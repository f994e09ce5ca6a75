import type { NetworkSetup } from '../../vmm/machine/host.js';
import type { SerializedError } from '../../vmm/machine/protocol.js';

/** To the I/O worker. */
export type ToIoWorker =
  | { readonly type: 'open'; readonly id: number; readonly setup: NetworkSetup }
  | { readonly type: 'close'; readonly id: number }
  /** Close everything, open the latch and end. */
  | { readonly type: 'end'; readonly done: SharedArrayBuffer };

/** From the I/O worker. */
export type FromIoWorker =
  | {
      readonly type: 'opened';
      readonly id: number;
      readonly mtu: number | undefined;
      readonly bell: SharedArrayBuffer;
    }
  | { readonly type: 'refused'; readonly id: number; readonly error: SerializedError }
  | { readonly type: 'closed'; readonly id: number };
