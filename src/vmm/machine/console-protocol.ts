import type { CheckedConsole } from './console-options.js';

/** A console port as the machine worker makes it, with its rings as seen from the guest. */
export interface ConsoleSetup extends CheckedConsole {
  readonly output: SharedArrayBuffer;
  readonly input: SharedArrayBuffer;
}

/** What the control thread tells of the far end of console `port`. */
export type ToConsole =
  /** There is something in its input ring. */
  | { readonly what: 'input' }
  /** There is room again in its output ring. */
  | { readonly what: 'room' }
  | { readonly what: 'size'; readonly columns: number; readonly rows: number }
  /** Somebody is there, or nobody. */
  | { readonly what: 'connected'; readonly on: boolean }
  /** The port is plugged in, or taken out. */
  | { readonly what: 'present'; readonly on: boolean };

/** What the machine worker tells of console `port`. */
export type FromConsole =
  /** There is something in its output ring. */
  | { readonly what: 'output' }
  /** There is room again in its input ring. */
  | { readonly what: 'space' }
  /** The guest has opened or closed its end. */
  | { readonly what: 'opened'; readonly on: boolean };
