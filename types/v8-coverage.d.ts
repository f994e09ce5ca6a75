// What of @bcoe/v8-coverage is used here: it comes without types.
declare module '@bcoe/v8-coverage' {
  import type { Profiler } from 'node:inspector';

  interface ProcessCoverage {
    readonly result: readonly Profiler.ScriptCoverage[];
  }

  /** Sums up what processes have executed of the same scripts. */
  export function mergeProcessCovs(processes: readonly ProcessCoverage[]): ProcessCoverage;
}
