import { once } from 'node:events';
import { Worker, type MessagePort } from 'node:worker_threads';
import type { AcceleratorName, WorkerSetup } from '../vmm/machine/protocol.js';
import { THREAD_OPTIONS } from './thread-options.js';

/** What the machine worker's thread begins with. */
export interface MachineThreadStart {
  readonly setup: WorkerSetup;
  readonly port: MessagePort;
}

let warm: Worker | undefined;

/** What a machine worker's thread is started for, as far as that is known. */
export interface MachineThreadPurpose {
  /** Its code is loaded ahead. */
  readonly accelerator?: AcceleratorName | undefined;
}

/**
 * Starts the thread of the next machine before there is one, so that it loads its code while the caller does something
 * else.
 */
export function warmUpMachineThread(purpose: MachineThreadPurpose): void {
  warm ??= startThread(purpose);
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
  const worker = warm ?? startThread({});
  warm = undefined;
  worker.postMessage(start, [start.port]);
  return worker;
}

function startThread(purpose: MachineThreadPurpose): Worker {
  const url = new URL('./machine-thread.js', import.meta.url);
  return new Worker(url, { workerData: purpose, ...THREAD_OPTIONS });
}
