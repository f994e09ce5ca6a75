import { Worker, type MessagePort } from 'node:worker_threads';
import type { WorkerSetup } from '../vmm/machine/protocol.js';

/** What the machine worker's thread begins with. */
export interface MachineThreadStart {
  readonly setup: WorkerSetup;
  readonly port: MessagePort;
}

let warm: Worker | undefined;

/**
 * Starts the thread of the next machine before there is one, so that it loads its code while the caller does something
 * else. It keeps no process alive until it gets its machine.
 */
export function warmUpMachineThread(): void {
  if (warm) return;
  warm = startThread();
  warm.unref();
}

/** A machine worker's thread; the one that was warmed up if there is one. */
export function startMachineThread(start: MachineThreadStart): Worker {
  const worker = warm ?? startThread();
  warm = undefined;
  worker.ref();
  worker.postMessage(start, [start.port]);
  return worker;
}

function startThread(): Worker {
  return new Worker(new URL('./machine-thread.js', import.meta.url));
}
