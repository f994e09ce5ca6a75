import { Worker } from 'node:worker_threads';
import { TsvmmError } from '../../errors.js';
import { Latch } from '../../vmm/latch.js';
import type { NetworkConnection, NetworkSetup } from '../../vmm/machine/host.js';
import { reviveError } from '../../vmm/machine/serialize-error.js';
import { THREAD_OPTIONS } from '../thread-options.js';
import type { FromIoWorker, ToIoWorker } from './io-protocol.js';

/** How long a process that ends waits for the sockets to be closed, in ms. */
const LAST_WAIT_MS = 5000;

type OnExit = (action: () => void) => () => void;

interface Pending {
  readonly resolve: (message: FromIoWorker) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The I/O worker as the rest of the process sees it. There is one while there are networks: the first starts it, and it
 * ends with the last.
 */
class IoWorker {
  private static current: IoWorker | undefined;
  private static nextId = 1;
  private readonly worker = new Worker(new URL('./io-thread.js', import.meta.url), THREAD_OPTIONS);
  private readonly pending = new Map<number, Pending>();
  private readonly done = new Latch(Latch.allocate());
  private readonly forgetExit: () => void;
  private users = 0;

  private constructor(onExit: OnExit) {
    // Machines keep the process alive, not their networks.
    this.worker.unref();
    this.worker.on('message', (message: FromIoWorker) => {
      this.pending.get(message.id)?.resolve(message);
      this.pending.delete(message.id);
    });
    this.worker.on('error', error => this.fail(error));
    this.forgetExit = onExit(() => {
      this.end();
      this.done.wait(LAST_WAIT_MS);
    });
  }

  /** The one that is there, or a new one. */
  static get(onExit: OnExit): IoWorker {
    return (IoWorker.current ??= new IoWorker(onExit));
  }

  async open(setup: NetworkSetup): Promise<NetworkConnection> {
    const id = IoWorker.nextId++;
    this.users++;
    try {
      const message = await this.ask({ type: 'open', id, setup });
      if (message.type === 'refused') throw reviveError(message.error);
      if (message.type !== 'opened') throw new TsvmmError('WORKER', 'the I/O worker is out of step');
      const { mtu, bell } = message;
      return { mtu, bell, close: () => this.close(id) };
    } catch (error) {
      await this.leave();
      throw error;
    }
  }

  private async close(id: number): Promise<void> {
    await this.ask({ type: 'close', id });
    await this.leave();
  }

  private async leave(): Promise<void> {
    if (--this.users > 0) return;
    if (IoWorker.current === this) IoWorker.current = undefined;
    this.forgetExit();
    const ended = new Promise<void>(resolve => void this.worker.once('exit', () => resolve()));
    this.worker.ref();
    this.end();
    await ended;
  }

  private end(): void {
    this.post({ type: 'end', done: this.done.buffer });
  }

  private ask(message: Extract<ToIoWorker, { id: number }>): Promise<FromIoWorker> {
    const answer = new Promise<FromIoWorker>((resolve, reject) => {
      this.pending.set(message.id, { resolve, reject });
    });
    // Somebody waits for the answer: the process must not end meanwhile.
    this.worker.ref();
    this.post(message);
    return answer.finally(() => {
      if (this.pending.size === 0) this.worker.unref();
    });
  }

  private post(message: ToIoWorker): void {
    this.worker.postMessage(message);
  }

  private fail(error: Error): void {
    if (IoWorker.current === this) IoWorker.current = undefined;
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }
}

/** Connects a cable on the I/O worker. */
export function connectOnIoWorker(setup: NetworkSetup, onExit: OnExit): Promise<NetworkConnection> {
  return IoWorker.get(onExit).open(setup);
}
