import type { Monitor } from '../../monitor/monitor.js';

/** A serial port's far end. */
export interface SerialBackend {
  /** Where the port goes, for people. */
  readonly where: string;
  /**
   * Resolves once the run is over and all output has gone where it should.
   * @throws OutputError as soon as output cannot be written
   */
  readonly finished: Promise<void>;
  /** How long the output may take to go out after the guest has ended, in ms. */
  readonly patienceMs: number;
  /** Lets go of everything, at once: called while the process ends, too. */
  close(): void;
}

/** What a back end can do to the run. */
export interface BackendContext {
  /** Somebody wants to leave. @param status the exit status */
  readonly quit: (status: number) => void;
  /** For the terminal's other use. */
  readonly newMonitor: () => Monitor;
  /** Input that ends, a file or a pipe, is to be with the guest before it starts: nothing may depend on when it comes. */
  readonly inputFirst: boolean;
  /** The back end cannot go on, which ends the run with this error. */
  readonly fail: (error: Error) => void;
}
