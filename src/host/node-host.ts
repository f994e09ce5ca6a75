import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { MessageChannel } from 'node:worker_threads';
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
      exited: exited(worker),
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
    process.on('exit', action);
    return () => process.off('exit', action);
  },
};

function startWorker(file: string, workerData: unknown, transferList: readonly MessagePortLike[]): Worker {
  return new Worker(new URL(file, import.meta.url), { workerData, transferList: [...transferList] });
}

type MessagePortLike = InstanceType<typeof MessageChannel>['port2'];

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
