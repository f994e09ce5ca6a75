import { ConfigError } from '../../../../src/errors.js';
import { Bell } from '../../../../src/net/bell.js';
import type {
  AcceleratorChoice,
  Host,
  NetworkConnection,
  NetworkSetup,
  VcpuThread,
  WorkerLink,
} from '../../../../src/vmm/machine/host.js';
import type {
  FromWorker,
  ToWorker,
  VcpuThreadSetup,
  WorkerSetup,
} from '../../../../src/vmm/machine/protocol.js';
import { VcpuLink } from '../../../../src/vmm/machine/vcpu-link.js';
import { Doorbell } from '../../../../src/vmm/doorbell.js';
import { Latch } from '../../../../src/vmm/latch.js';

/** A thread that lives and dies as a test says. */
class FakeThread implements VcpuThread {
  private readonly errorListeners: ((error: Error) => void)[] = [];
  private resolveExited!: () => void;
  readonly exited = new Promise<void>(resolve => (this.resolveExited = resolve));

  onError(listener: (error: Error) => void): void {
    this.errorListeners.push(listener);
  }

  /** It ends, because of `error` if there is one. */
  end(error?: Error): void {
    if (error) for (const listener of this.errorListeners) listener(error);
    this.resolveExited();
  }
}

/** The machine worker's side of the conversation, spoken by a test. */
export class FakeWorker extends FakeThread implements WorkerLink {
  readonly received: ToWorker[] = [];
  /** What it does with each message; by default it is a worker that obeys at once. */
  obey: (message: ToWorker) => void = message => this.answer(message);
  private readonly listeners: ((message: FromWorker) => void)[] = [];

  constructor(readonly setup: WorkerSetup) {
    super();
  }

  post(message: ToWorker): void {
    // As between threads: what cannot be cloned cannot be sent.
    this.received.push(structuredClone(message));
    queueMicrotask(() => this.obey(message));
  }

  onMessage(listener: (message: FromWorker) => void): void {
    this.listeners.push(listener);
  }

  say(message: FromWorker): void {
    for (const listener of this.listeners) listener(message);
  }

  sayEnded(reason: 'stopped' | 'poweroff' = 'stopped'): void {
    this.say({ type: 'ended', end: { reason }, exits: 3, elapsedMs: 1.5, unclaimed: [] });
  }

  types(): string[] {
    return this.received.map(({ type }) => type);
  }

  private answer(message: ToWorker): void {
    if (message.type === 'end') {
      this.say({ type: 'ended', end: message.end, exits: 3, elapsedMs: 1.5, unclaimed: [] });
    } else if (message.type === 'close') this.end();
  }
}

/** A system without threads, files and processes. */
export class FakeHost implements Host {
  worker!: FakeWorker;
  readonly vcpus: (FakeThread & { readonly setup: VcpuThreadSetup })[] = [];
  readonly exitActions = new Set<() => void>();
  /** What the worker says once it is started. */
  greet: (worker: FakeWorker) => void = worker => worker.say({ type: 'ready', vcpus: [] });

  readFile(): Promise<Uint8Array> {
    return Promise.reject(new Error('there are no files'));
  }

  startMachine(setup: WorkerSetup): WorkerLink {
    this.worker = new FakeWorker(setup);
    queueMicrotask(() => this.greet(this.worker));
    return this.worker;
  }

  startVcpu(setup: VcpuThreadSetup): VcpuThread {
    const thread = Object.assign(new FakeThread(), { setup });
    this.vcpus.push(thread);
    return thread;
  }

  interrupter(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  chooseAccelerator(): Promise<AcceleratorChoice> {
    return Promise.resolve({ name: 'kvm', why: 'it is a fake' });
  }

  /** What has been connected, and is not closed yet. */
  readonly networks = new Set<NetworkSetup>();

  connectNetwork(setup: NetworkSetup): Promise<NetworkConnection> {
    if (setup.backend.type === 'tap') return Promise.reject(new ConfigError('there is no tap device'));
    this.networks.add(setup);
    const close = (): Promise<void> => {
      this.networks.delete(setup);
      return Promise.resolve();
    };
    return Promise.resolve({ mtu: 1400, bell: Bell.allocate(), close });
  }

  onExit(action: () => void): () => void {
    this.exitActions.add(action);
    return () => this.exitActions.delete(action);
  }
}

/** What the machine worker hands over for further vCPU `index`. */
export function vcpuSetup(index: number): VcpuThreadSetup {
  return {
    index,
    fd: -1,
    runSize: 4096,
    xcrs: true,
    doorbell: Doorbell.allocate(),
    machineDoorbell: Doorbell.allocate(),
    link: VcpuLink.allocate(),
    done: Latch.allocate(),
    recorded: false,
  };
}
