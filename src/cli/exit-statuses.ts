import { constants } from 'node:os';

/** Exit statuses that the guest's end does not decide; those are in `exitStatus` of `vmm/run-result.ts`. */
export const ExitStatus = {
  /** A flag, a file, or a host that cannot do what was asked for. */
  BadInput: 2,
  /** tsvmm or the accelerator failed, or output could not be written. */
  Failed: 125,
  /** The reader of standard output went away: what the shell shows for a program that SIGPIPE ended. */
  OutputClosed: 128 + constants.signals.SIGPIPE,
  /** Ctrl-A x: as if interrupted from the keyboard. */
  Quit: 128 + constants.signals.SIGINT,
} as const;

/** The exit status of a run that a signal ended, as shells count. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** What `tsvmm run --help` says about exit statuses. */
export const EXIT_STATUSES: readonly (readonly [status: string, meaning: string])[] = [
  ['0', 'the guest powered off or reset the machine, or --exit-on matched'],
  ['N', 'the guest wrote N to the debug exit port 0xF4 (255 for more than that)'],
  ['2', 'bad input: a flag, a file, or a host that cannot do it'],
  ['123', 'the guest panicked (pvpanic)'],
  ['124', '--timeout passed'],
  ['125', 'tsvmm or the accelerator failed, or output could not be written'],
  ['126', 'the guest halted with interrupts off on every CPU'],
  ['127', 'triple fault'],
  ['129', 'stopped by SIGHUP, or its terminal is gone'],
  ['130', 'stopped from the keyboard (Ctrl-A x) or by SIGINT'],
  ['131', 'stopped by SIGQUIT'],
  ['141', 'the reader of standard output is gone, as in `tsvmm run kernel | head -1`'],
  ['143', 'stopped by SIGTERM'],
];
