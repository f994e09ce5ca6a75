import { readFile } from 'node:fs/promises';
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { ConfigError } from '../errors.js';
import type { Host, VcpuThread, WorkerLink } from '../vmm/machine/host.js';
import type {
  AcceleratorName,
  FromWorker,
  ToWorker,
  VcpuThreadSetup,
  WorkerSetup,
} from '../vmm/machine/protocol.js';
import { interruptThread } from './kick-signal.js';

/** Files that a guest gets are read whole; V8 cannot hold larger ones. */
const MAX_FILE = 2 ** 32 - 1;

/** Node as the system that machines run on. */
export const nodeHost: Host = {
  async readFile(path: string, what: string): Promise<Uint8Array> {
    try {
      return await readFile(path);
    } catch (cause) {
      throw new ConfigError(
        `cannot read ${what} ${path}: ${whyUnreadable(cause)}`,
        { path, what },
        { cause },
      );
    }
  },

  startMachine(setup: WorkerSetup): WorkerLink {
    const { port1, port2 } = new MessageChannel();
    const worker = startWorker('./machine-thread.js', { setup, port: port2 }, [port2]);
    return {
      post: (message: ToWorker) => port1.postMessage(message),
      onMessage: listener => {
        port1.on('message', (message: FromWorker) => listener(message));
        // The worker keeps the process alive, not the port.
        port1.unref();
      },
      onError: listener => worker.on('error', listener),
      exited: exited(worker).then(() => drain(port1)),
    };
  },

  startVcpu(setup: VcpuThreadSetup): VcpuThread {
    const worker = startWorker('./vcpu-thread.js', setup, []);
    return { onError: listener => worker.on('error', listener), exited: exited(worker) };
  },

  interrupt: interruptThread,

  chooseAccelerator(): Promise<AcceleratorName> {
    return Promise.resolve('kvm');
  },

  onExit(action: () => void): () => void {
    if (exitActions.size === 0) process.on('exit', runExitActions);
    exitActions.add(action);
    return () => {
      exitActions.delete(action);
      if (exitActions.size === 0) process.off('exit', runExitActions);
    };
  },
};

/** Behind one listener: Node warns of more than ten on one event. */
const exitActions = new Set<() => void>();

function runExitActions(): void {
  for (const action of exitActions) action();
}

function startWorker(file: string, workerData: unknown, transferList: readonly MessagePort[]): Worker {
  return new Worker(new URL(file, import.meta.url), { workerData, transferList: [...transferList] });
}

/** Hands over what a thread sent before it ended; its end may be known first. */
function drain(port: MessagePort): void {
  for (let last = receiveMessageOnPort(port); last; last = receiveMessageOnPort(port)) {
    port.emit('message', last.message);
  }
  port.close();
}

function exited(worker: Worker): Promise<void> {
  return new Promise(resolve => worker.once('exit', () => resolve()));
}

function whyUnreadable(cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
      return 'no permission';
    case 'EISDIR':
      return 'it is a directory';
    case 'ERR_FS_FILE_TOO_LARGE':
      return `it is larger than ${MAX_FILE} bytes`;
    default:
      return code ?? String(cause);
  }
}
