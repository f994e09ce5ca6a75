import { resolve } from 'node:path';
import { loadDemangler } from '../../host/demangle.js';
import { openKernelSymbols, openSymbolFile } from '../../host/symbol-files.js';
import type { ProfileMeta } from '../../profile/format.js';
import type { Recording } from '../../profile/recording.js';
import { RecordingFile } from '../../profile/recording-file.js';
import { loadedImages } from '../../profile/symbols/loaded-images.js';
import type { SymbolFile } from '../../profile/symbols/symbol-file.js';
import { addressesOf, Symbolizer } from '../../profile/symbols/symbolizer.js';
import type { Machine } from '../../vmm/machine/machine.js';
import type { MachineOptions } from '../../vmm/machine/options.js';
import type { RunResult } from '../../vmm/run-result.js';
import { version } from '../version.js';
import { tell } from '../report-error.js';
import { BootTimeline } from './boot-timeline.js';
import { ExitFilter } from './exit-filter.js';
import { ExitTracer } from './exit-tracer.js';
import { FileSink } from './file-sink.js';
import { LiveView } from './live-view.js';
import type { ProfileRequest } from './options.js';

/** What the command line asked to be made of one run's recording. */
export class Profiling {
  private readonly recording: Recording;
  private readonly timeline = new BootTimeline();
  private readonly sinks: FileSink[] = [];
  private readonly live: LiveView | undefined;
  private readonly file: RecordingFile | undefined;
  private failure: Error | undefined;

  private constructor(
    private readonly machine: Machine,
    private readonly request: ProfileRequest,
    private readonly symbolFiles: readonly SymbolFile[],
    private readonly demangle: (name: string) => string,
    options: MachineOptions,
    kernel: string,
  ) {
    this.recording = machine.recording!;
    if (request.file !== undefined) {
      const meta = metaOf(machine, request, options, kernel);
      this.file = new RecordingFile(this.recording, meta, this.sink(request.file).write);
    }
    if (request.trace) this.traceTo(request.trace);
    if (request.bootTimeline) {
      this.recording.onEvents((events, recording) => this.timeline.take(events, recording));
    }
    if (request.live) this.live = new LiveView(this.recording, process.stderr);
  }

  /**
   * Before the machine runs: opens every file.
   * @throws ConfigError, ImageError
   */
  static async prepare(
    machine: Machine,
    request: ProfileRequest,
    options: MachineOptions,
    kernel: string,
  ): Promise<Profiling> {
    const given = await Promise.all(request.symbols.map(openSymbolFile));
    const own = await openKernelSymbols(kernel);
    const files = own ? [...given, own] : given;
    // A trace has names as it is written; else they are read after the run, which they would keep waiting.
    if (request.trace) for (const { symbols } of files) symbols.lookup(0n);
    return new Profiling(machine, request, files, await loadDemangler(), options, kernel);
  }

  start(): void {
    this.live?.start();
  }

  /** The run was given up, or is over: no more is shown. */
  stop(): void {
    this.live?.stop();
  }

  /** After the run and before the machine is closed: what the guest's memory and registers tell is needed. */
  async finish(result: RunResult): Promise<void> {
    const { file, recording, timeline, request } = this;
    const start = performance.timeOrigin - recording.origin;
    const startNs = Math.min(0, start * 1e6);
    if (file) {
      file.milestone('VMM start', startNs);
      const { images, notes: ofImages } = await loadedImages(this.machine, this.symbolFiles);
      const merged = recording.mergedExits;
      const notes =
        merged > 0 ? [`${merged} exits come from more places than there is room for`, ...ofImages] : ofImages;
      const symbols = new Symbolizer(images, this.demangle).table(
        addressesOf(recording.points, recording.stacks),
      );
      file.finish(
        {
          reason: result.reason,
          status: result.status,
          wallNs: Math.round(result.elapsedMs * 1e6),
          exits: result.exits,
          ...(result.instructions !== undefined && { instructions: result.instructions }),
          lostEvents: recording.lostEvents,
          mergedExits: recording.mergedExits,
          notes,
        },
        symbols,
        new Map([...recording.interrupts(), ...Object.entries(result.counters ?? {})]),
      );
      for (const note of notes) tell(note);
      const lost = recording.lostEvents > 0 ? `, ${recording.lostEvents} events lost` : '';
      tell(`${result.exits} exits are in ${request.file}${lost}; see tsvmm report`);
    }
    for (const sink of this.sinks) sink.close();
    if (this.failure) throw this.failure;
    if (request.bootTimeline) {
      timeline.milestone('VMM start', startNs);
      timeline.milestone(`end: ${result.reason}`, result.elapsedMs * 1e6);
      for (const line of timeline.lines(startNs)) process.stderr.write(`${line}\n`);
    }
  }

  private traceTo({ filter, output }: NonNullable<ProfileRequest['trace']>): void {
    const write =
      output === undefined ? (text: string) => void process.stderr.write(text) : this.sink(output).write;
    // Where a kernel will move itself to is not known before it has.
    const symbolizer = new Symbolizer(
      this.symbolFiles.map(file => ({ file, bias: 0n })),
      this.demangle,
    );
    const tracer = new ExitTracer(new ExitFilter(filter), address => symbolizer.name(address), write);
    this.recording.onEvents((events, recording) => tracer.trace(events, recording));
  }

  private sink(path: string): FileSink {
    const sink = new FileSink(path, error => {
      this.failure ??= error;
      void this.machine.stop();
    });
    this.sinks.push(sink);
    return sink;
  }
}

function metaOf(
  { bootProtocol, accelerator, memory }: Machine,
  { stacks, samplePeriod }: ProfileRequest,
  { append = '', cpus = 1, icount }: MachineOptions,
  kernel: string,
): ProfileMeta {
  return {
    tsvmm: version(),
    created: new Date().toISOString(),
    kernel: resolve(kernel),
    commandLine: append,
    bootProtocol: bootProtocol.name,
    accelerator: accelerator.name,
    cpus,
    memoryBytes: memory.size,
    icount: icount !== undefined && icount !== false,
    stacks,
    samplePeriod: accelerator.name === 'wasm' ? samplePeriod : 0,
  };
}
