import { TsvmmError } from '../../errors.js';
import { ByteRing } from '../byte-ring.js';

/** Characters of output that are kept for `text` and `waitFor`. */
const TRANSCRIPT = 1 << 20;
/** Characters by which the transcript outgrows that before it is cut: cutting costs a copy of all of it. */
const TRANSCRIPT_SLACK = 1 << 18;
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
  private transcript = '';
  /** Where in the transcript the next `waitFor` starts to look. */
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
    return this.transcript.slice(-TRANSCRIPT);
  }

  /** Calls `listener` with each piece of output from now on. Returns how to stop that. */
  onData(listener: (data: Uint8Array) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Waits until the output contains `pattern`, looking from the end of the last match on.
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
    let seen = '';
    const decoder = new TextDecoder();
    const stop = this.onData(data => {
      seen = (seen + decoder.decode(data, { stream: true })).slice(-TRANSCRIPT);
      const match = find(pattern, seen, 0);
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

  /** @internal The machine says that there is output. */
  receive(): void {
    // A listener may end the run, which comes back here: the piece that it hears goes out first.
    if (this.receiving) return;
    this.receiving = true;
    try {
      while (this.output.length > 0 && this.mayRead()) this.deliver(this.output.read());
    } finally {
      this.receiving = false;
    }
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
    this.transcript += this.decoder.decode(data, { stream: true });
    const excess = this.transcript.length - TRANSCRIPT;
    if (excess > TRANSCRIPT_SLACK) {
      this.transcript = this.transcript.slice(excess);
      this.cursor = Math.max(0, this.cursor - excess);
    }
    this.match();
  }

  private match(): void {
    while (this.waiters.length > 0) {
      const [waiter] = this.waiters;
      const match = find(waiter.pattern, this.transcript, this.cursor);
      if (!match) return;
      this.cursor = match.index + match[0].length;
      this.waiters.shift();
      waiter.resolve(match);
    }
  }

  private giveUp(waiter: Waiter, when: string): void {
    const index = this.waiters.indexOf(waiter);
    if (index < 0) return;
    this.waiters.splice(index, 1);
    const tail = this.transcript.slice(-TAIL);
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

function find(pattern: string | RegExp, text: string, from: number): RegExpExecArray | null {
  const source =
    typeof pattern === 'string' ? pattern.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&') : pattern.source;
  const flags = typeof pattern === 'string' ? '' : pattern.flags.replace(/[gy]/g, '');
  const search = new RegExp(source, `${flags}g`);
  search.lastIndex = from;
  return search.exec(text);
}
