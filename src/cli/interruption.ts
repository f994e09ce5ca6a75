import { signalStatus } from './exit-statuses.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** The end of a run from outside: by a signal, by a key, or since a serial port's far end failed. The first counts. */
export class Interruption {
  /** Resolves when it happens. */
  readonly first: Promise<void>;
  /** The exit status that was asked for. */
  status: number | undefined;
  private error: Error | undefined;

  private resolveFirst!: () => void;
  private readonly onSignal = (signal: NodeJS.Signals): void => this.end(signalStatus(signal));

  /** @param stop ends the run */
  constructor(private readonly stop: () => void) {
    this.first = new Promise(resolve => (this.resolveFirst = resolve));
  }

  get happened(): boolean {
    return this.status !== undefined || this.error !== undefined;
  }

  /** Somebody wants to leave. Who asks twice leaves at once, whatever hangs. */
  end(status: number): void {
    if (this.happened) process.exit(status);
    this.status = status;
    this.react();
  }

  /** Going on makes no sense; `error` becomes the error of the run. */
  fail(error: Error): void {
    if (this.happened) return;
    this.error = error;
    this.react();
  }

  /** @throws what {@link fail} was called with */
  throwIfFailed(): void {
    if (this.error !== undefined) throw this.error;
  }

  listenToSignals(): void {
    for (const signal of SIGNALS) process.on(signal, this.onSignal);
  }

  ignoreSignals(): void {
    for (const signal of SIGNALS) process.off(signal, this.onSignal);
  }

  private react(): void {
    this.stop();
    this.resolveFirst();
  }
}
