import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import type { AcceleratorChoice, Host, VcpuThread, WorkerLink } from '../vmm/machine/host.js';
import { KVM_DEVICE } from '../vmm/machine/kvm-device.js';
import type { FromWorker, ToWorker, VcpuThreadSetup, WorkerSetup } from '../vmm/machine/protocol.js';
import type { KvmReport } from './inspect-host.js';
import { startMachineThread } from './machine-worker-thread.js';
import { readWholeFile } from './read-file.js';
import { THREAD_OPTIONS } from './thread-options.js';

/** Node as the system that machines run on. */
export const nodeHost: Host = {
  readFile: readWholeFile,

  startMachine(setup: WorkerSetup): WorkerLink {
    const { port1, port2 } = new MessageChannel();
    const worker = startMachineThread({ setup, port: port2 });
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
    const worker = new Worker(new URL('./vcpu-thread.js', import.meta.url), {
      workerData: setup,
      ...THREAD_OPTIONS,
    });
    return { onError: listener => worker.on('error', listener), exited: exited(worker) };
  },

  /** Native code is loaded for KVM alone. */
  async interrupter(accelerator) {
    return accelerator === 'kvm' ? (await import('./kick-signal.js')).interruptThread : undefined;
  },

  async chooseAccelerator(machine): Promise<AcceleratorChoice> {
    const [{ inspectKvm }, { chooseAccelerator }] = await Promise.all([
      import('./inspect-host.js'),
      import('./choose-accelerator.js'),
    ]);
    // What it measured once stays true as long as the process lives; what was missing may have come.
    if (!kvm?.usable) kvm = inspectKvm(KVM_DEVICE);
    return chooseAccelerator(kvm, machine);
  },

  async connectNetwork(setup) {
    if (setup.backend.type !== 'custom') {
      const { connectOnIoWorker } = await import('./network/io-worker.js');
      return connectOnIoWorker(setup, action => nodeHost.onExit(action));
    }
    // The caller's own back end is where its caller is.
    const { bell, FarEnd } = await import('./network/far-end.js');
    const end = await FarEnd.open(setup);
    return { mtu: end.mtu, bell, close: () => Promise.resolve(end.close()) };
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

/** What this process knows of the host's KVM. */
let kvm: KvmReport | undefined;

/** Behind one listener: Node warns of more than ten on one event. */
const exitActions = new Set<() => void>();

function runExitActions(): void {
  for (const action of exitActions) action();
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
