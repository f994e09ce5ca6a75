import { TsvmmError } from '../../errors.js';
import { ByteRing } from '../byte-ring.js';
import { find, lookBack, Transcript } from './transcript.js';

/** The longest time that a host timer can wait, in ms. */
const MAX_TIMEOUT = 2 ** 31 - 1;
/** Characters of output that an error shows. */
const TAIL = 400;

/** Raised when the run ended, or time ran out, before the awaited output came. */
export class SerialWaitError extends TsvmmError {
  constructor(message: string, tail: string) {
    super('SERIAL_WAIT', message, { tail });
  }
}

interface Waiter {
  readonly pattern: string | RegExp;
  /** The place in the transcript up to which it found nothing. */
  searched: number;
  resolve(match: RegExpExecArray): void;
  reject(error: Error): void;
}

/** How the port reaches the machine. */
export interface SerialPortWiring {
  readonly output: SharedArrayBuffer;
  /** Absent for an output-only port. */
  readonly input?: SharedArrayBuffer;
  /** Tells the machine that there is input. */
  announce(): void;
  /** Tells it that there is room for output, where it waits for that. */
  announceRoom?(): void;
  /** Where the guest can be told of it: the terminal at the far end has another size, somebody has come there or left. */
  resize?(columns: number, rows: number): void;
  setConnected?(on: boolean): void;
}

/** A serial port of the guest, seen from the host. */
export class SerialPort {
  /** Everything that the guest sends from the first read on, for one consumer. While it does not read, the guest waits. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the guest receives. */
  readonly writable: WritableStream<Uint8Array | string>;

  private readonly output: ByteRing;
  private readonly input: ByteRing | undefined;
  private readonly decoder = new TextDecoder();
  private readonly listeners = new Set<(data: Uint8Array) => void>();
  private readonly waiters: Waiter[] = [];
  private readonly transcript = new Transcript();
  /** The place in the transcript where the next `waitFor` starts to look. */
  private cursor = 0;
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  private streaming = false;
  private receiving = false;
  /** The guest must not wait for the consumer of `readable` any longer. */
  private released = false;
  private ended = false;
  private pending: Uint8Array[] = [];
  private roomWaiters: (() => void)[] = [];

  constructor(
    readonly name: string,
    private readonly wiring: SerialPortWiring,
  ) {
    this.output = new ByteRing(wiring.output);
    this.input = wiring.input && new ByteRing(wiring.input);
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: controller => {
          this.controller = controller;
        },
        pull: () => {
          this.streaming = true;
          this.receive();
        },
        cancel: () => {
          this.streaming = false;
          this.controller = undefined;
          this.receive();
        },
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array | string>({
      write: data => this.write(data),
    });
  }

  /** The last mebibyte of output as text (UTF-8). */
  get text(): string {
    return this.transcript.text;
  }

  /** Calls `listener` with each piece of output from now on. Returns how to stop that. */
  onData(listener: (data: Uint8Array) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Waits until the output contains `pattern`, looking from the end of the last match on. A match that is completed by
   * new output begins at most 16,384 characters before it.
   * @param options.timeoutMs how long to wait, without end by default
   * @returns the match; with a string its only element is the string
   * @throws SerialWaitError when the run ends or the time is up before that
   */
  waitFor(pattern: string | RegExp, options: { readonly timeoutMs?: number } = {}): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const { timeoutMs } = options;
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => this.giveUp(waiter, `within ${timeoutMs} ms`), Math.min(timeoutMs, MAX_TIMEOUT));
      const waiter: Waiter = {
        pattern,
        searched: 0,
        resolve: match => {
          clearTimeout(timer);
          resolve(match);
        },
        reject: error => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.waiters.push(waiter);
      this.match();
      if (this.ended) this.giveUp(waiter, 'before the run ended');
    });
  }

  /** Calls `found` once when output from now on contains `pattern`; takes nothing from `waitFor`. */
  watch(pattern: string | RegExp, found: (match: RegExpExecArray) => void): void {
    let before = '';
    const decoder = new TextDecoder();
    const stop = this.onData(data => {
      const text = before + decoder.decode(data, { stream: true });
      const match = find(pattern, text, 0);
      before = text.slice(Math.max(0, text.length - lookBack(pattern)));
      if (!match) return;
      stop();
      found(match);
    });
  }

  /** Sends bytes, or text as UTF-8, to the guest. Resolves once the machine has taken all of them, or the run ended. */
  async write(data: Uint8Array | string): Promise<void> {
    if (!this.input) throw new TsvmmError('SERIAL', `${this.name} takes no input`);
    if (this.ended) return;
    this.pending.push(typeof data === 'string' ? new TextEncoder().encode(data) : data);
    this.send();
    while (this.pending.length > 0 && !this.ended) {
      await new Promise<void>(resolve => this.roomWaiters.push(resolve));
    }
  }

  /** The terminal at the far end has this size. Guests do not hear of it by a UART. */
  resize(columns: number, rows: number): void {
    this.wiring.resize?.(columns, rows);
  }

  /** Somebody has come to the far end, or has left it: somebody is there at first. Guests do not hear of it by a UART. */
  setConnected(on: boolean): void {
    this.wiring.setConnected?.(on);
  }

  /** @internal The machine says that there is output. */
  receive(): void {
    // A listener may end the run, which comes back here: the piece that it hears goes out first.
    if (this.receiving) return;
    this.receiving = true;
    try {
      while (this.output.length > 0 && this.mayRead()) {
        const data = this.output.read();
        if (this.output.takeWaiting()) this.wiring.announceRoom?.();
        this.deliver(data);
      }
    } finally {
      this.receiving = false;
    }
  }

  /** @internal What was written and finds no room in the ring: the machine takes all of it at once. */
  takePending(): Uint8Array {
    const pending = this.pending.splice(0);
    this.wakeWriters();
    const whole = new Uint8Array(pending.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pending) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** @internal The machine says that there is room for input. */
  send(): void {
    const { input } = this;
    if (!input) return;
    let sent = false;
    while (this.pending.length > 0) {
      const [first] = this.pending;
      const count = input.write(first);
      sent ||= count > 0;
      if (count === first.length) this.pending.shift();
      else {
        this.pending[0] = first.subarray(count);
        // Room that came up between the two is used at once.
        if (input.awaitSpace()) break;
      }
    }
    if (sent) this.wiring.announce();
    if (this.pending.length === 0) this.wakeWriters();
  }

  /** @internal The run is to end: output is taken from the guest even if the consumer of `readable` stands still. */
  release(): void {
    this.released = true;
    this.receive();
  }

  /** @internal The run is over: what is left is delivered, and nobody waits any longer. */
  end(): void {
    this.ended = true;
    while (this.output.length > 0) this.deliver(this.output.read());
    for (const waiter of [...this.waiters]) this.giveUp(waiter, 'before the run ended');
    this.controller?.close();
    this.controller = undefined;
    this.pending = [];
    this.wakeWriters();
  }

  /** Output stays in the ring, and at last with the guest, while a stream's consumer does not keep up. */
  private mayRead(): boolean {
    if (this.released || !this.streaming || this.controller === undefined) return true;
    return (this.controller.desiredSize ?? 1) >= 0;
  }

  private deliver(data: Uint8Array): void {
    for (const listener of this.listeners) listener(data);
    if (this.streaming) this.controller?.enqueue(data);
    this.transcript.append(this.decoder.decode(data, { stream: true }));
    this.match();
  }

  private match(): void {
    while (this.waiters.length > 0) {
      const [waiter] = this.waiters;
      const from = Math.max(this.cursor, waiter.searched - lookBack(waiter.pattern));
      const found = this.transcript.find(waiter.pattern, from);
      waiter.searched = this.transcript.end;
      if (!found) return;
      this.cursor = found.end;
      this.waiters.shift();
      waiter.resolve(found.match);
    }
  }

  private giveUp(waiter: Waiter, when: string): void {
    const index = this.waiters.indexOf(waiter);
    if (index < 0) return;
    this.waiters.splice(index, 1);
    const tail = this.text.slice(-TAIL);
    waiter.reject(
      new SerialWaitError(
        `${this.name} did not print ${String(waiter.pattern)} ${when}; its output ends in ${JSON.stringify(tail)}`,
        tail,
      ),
    );
    // The next one looks at the same output now.
    this.match();
  }

  private wakeWriters(): void {
    const waiting = this.roomWaiters;
    this.roomWaiters = [];
    for (const resolve of waiting) resolve();
  }
}
