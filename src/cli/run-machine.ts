import { nodeHost } from '../host/node-host.js';
import { Machine } from '../vmm/machine/machine.js';
import type { MachineOptions } from '../vmm/machine/options.js';
import type { RunResult } from '../vmm/run-result.js';
import type { ProfileRequest } from './profile/options.js';
import type { Profiling } from './profile/profiling.js';
import { ExitStatus } from './exit-statuses.js';
import { connectMonitor, type MonitorBackend } from './monitor/connect.js';
import { Monitor } from '../monitor/monitor.js';
import { Interruption } from './interruption.js';
import { withProgress } from './progress.js';
import { reportEnd } from './report-end.js';
import { tell } from './report-error.js';
import type { SerialBackend } from './serial/backend.js';
import { connectSerial } from './serial/connect.js';
import type { SerialSpec } from './serial/spec.js';

/** After an end from outside, how long output may still take to go out, in ms. */
const LAST_OUTPUT_MS = 1000;

/** Ends at which somebody asked for the run to be over now. */
const FROM_OUTSIDE: readonly RunResult['reason'][] = ['stopped', 'timeout'];

export interface RunOptions {
  readonly serial: readonly SerialSpec[];
  /** Where each of `machine.consoles` goes. */
  readonly consoles: readonly SerialSpec[];
  readonly monitor: SerialSpec;
  readonly verbose: boolean;
  /** What is to be made of a recording of the run's exits. */
  readonly profile?: ProfileRequest;
}

/**
 * Boots a kernel with its serial ports connected, tells how the run ended and sets the exit status.
 * @throws ConfigError, ImageError, AcceleratorError, OutputError
 */
export async function runMachine(
  kernel: string,
  options: MachineOptions,
  { serial, consoles, monitor, verbose, profile }: RunOptions,
): Promise<void> {
  const machine = await withProgress('loading the kernel', verbose, Machine.create(options, nodeHost));
  let complete: boolean;
  try {
    if (verbose) describeStart(kernel, machine, options);
    const profiling = profile && (await prepareProfiling(machine, profile, options, kernel));
    complete = await runConnected(kernel, machine, {
      serial,
      consoles,
      monitor,
      verbose,
      inputFirst: options.icount !== undefined,
      profiling,
    });
  } finally {
    await machine.close();
  }
  // What standard output has not taken would keep the process.
  if (!complete) process.exit();
}

function describeStart(kernel: string, machine: Machine, { cpus, append = '' }: MachineOptions): void {
  const { accelerator, bootProtocol, memory } = machine;
  tell(
    `boots ${kernel} by ${bootProtocol.title} (${bootProtocol.name}), ${memory.size / 2 ** 20} MiB, CPUs: ${cpus}`,
  );
  tell(`accelerator: ${accelerator.name}, since ${accelerator.why}`);
  if (append !== '') tell(`command line: ${append}`);
}

interface ConnectedOptions extends RunOptions {
  readonly inputFirst: boolean;
  readonly profiling: Profiling | undefined;
}

/** What makes something of recordings is loaded with the first. */
async function prepareProfiling(
  machine: Machine,
  request: ProfileRequest,
  options: MachineOptions,
  kernel: string,
): Promise<Profiling> {
  const { Profiling } = await import('./profile/profiling.js');
  return Profiling.prepare(machine, request, options, kernel);
}

/**
 * Connects the serial ports, runs, waits for the output to have gone out, and disconnects them.
 * @returns whether all output has gone out
 */
async function runConnected(
  kernel: string,
  machine: Machine,
  { serial, consoles, monitor, verbose, inputFirst, profiling }: ConnectedOptions,
): Promise<boolean> {
  const interruption = new Interruption(() => void machine.stop());
  const quit = (): void => interruption.end(ExitStatus.Quit);
  const newMonitor = (): Monitor => new Monitor(machine, { quit });
  const backends: SerialBackend[] = [];
  let monitorBackend: MonitorBackend | undefined;
  // Synchronous, for the end of the process too, however it comes.
  const disconnect = (): void => {
    for (const backend of backends.splice(0)) backend.close();
    monitorBackend?.close();
  };
  process.on('exit', disconnect);
  interruption.listenToSignals();
  try {
    const ends = [
      ...serial.map((spec, i) => ({ spec, port: machine.serialPorts[i] })),
      ...consoles.map((spec, i) => ({ spec, port: machine.consoles[i] })),
    ];
    for (const { spec, port } of ends) {
      const connected = connectSerial(port, spec, {
        quit: status => interruption.end(status),
        fail: error => interruption.fail(error),
        inputFirst,
        newMonitor,
      });
      const backend = await withProgress('reading the input to its end', verbose, connected);
      backend.finished.catch((error: Error) => interruption.fail(error));
      backends.push(backend);
      // The name of a pseudo-terminal is known to nobody else.
      if (verbose || spec.kind === 'pty') tell(`${port.name} is ${backend.where}`);
    }
    monitorBackend = await connectMonitor(monitor, {
      newMonitor,
      quit,
      fail: error => interruption.fail(error),
    });
    if (verbose && monitor.kind !== 'none') tell(`the monitor is ${monitorBackend.where}`);
    if (interruption.happened) {
      interruption.throwIfFailed();
      process.exitCode = interruption.status;
      return true;
    }
    profiling?.start();
    const result = await machine.run();
    profiling?.stop();
    await profiling?.finish(result);
    const complete = await withProgress(
      'waiting for the output to be read',
      verbose,
      outputGone(backends, result, interruption),
    );
    process.exitCode = interruption.status ?? result.status;
    await reportEnd(result, kernel, verbose);
    return complete;
  } finally {
    profiling?.stop();
    disconnect();
    process.off('exit', disconnect);
    interruption.ignoreSignals();
  }
}

/** Waits for the output on its way, as long as somebody may still take it. */
async function outputGone(
  backends: readonly SerialBackend[],
  { reason }: RunResult,
  interruption: Interruption,
): Promise<boolean> {
  const hurry = FROM_OUTSIDE.includes(reason);
  const goneInTime = (backend: SerialBackend): Promise<boolean> => {
    const limitMs = hurry ? LAST_OUTPUT_MS : backend.patienceMs;
    const gone = backend.finished.then(
      () => true,
      // Told by the interruption.
      () => true,
    );
    return hurry
      ? within(limitMs, gone)
      : Promise.race([within(limitMs, gone), interruption.first.then(() => false)]);
  };
  const all = await Promise.all(backends.map(goneInTime));
  interruption.throwIfFailed();
  return !all.includes(false);
}

function within(limitMs: number, done: Promise<boolean>): Promise<boolean> {
  if (limitMs === Infinity) return done;
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(false), limitMs);
    void done.then(result => {
      clearTimeout(timer);
      resolve(result);
    });
  });
}
