import { once } from 'node:events';
import { Worker, type MessagePort } from 'node:worker_threads';
import type { WorkerSetup } from '../vmm/machine/protocol.js';
import { THREAD_OPTIONS } from './thread-options.js';

/** What the machine worker's thread begins with. */
export interface MachineThreadStart {
  readonly setup: WorkerSetup;
  readonly port: MessagePort;
}

let warm: Worker | undefined;

/**
 * Starts the thread of the next machine before there is one, so that it loads its code while the caller does something
 * else.
 */
export function warmUpMachineThread(): void {
  warm ??= startThread();
}

/**
 * Ends a thread that was warmed up and got no machine. A process must not end before that: Node aborts when it has to
 * stop a thread in the middle of loading native code.
 */
export async function dismissMachineThread(): Promise<void> {
  if (!warm) return;
  const ended = once(warm, 'exit');
  warm.postMessage(undefined);
  warm = undefined;
  await ended;
}

/** A machine worker's thread; the one that was warmed up if there is one. */
export function startMachineThread(start: MachineThreadStart): Worker {
  const worker = warm ?? startThread();
  warm = undefined;
  worker.postMessage(start, [start.port]);
  return worker;
}

function startThread(): Worker {
  return new Worker(new URL('./machine-thread.js', import.meta.url), THREAD_OPTIONS);
}
