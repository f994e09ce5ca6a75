import { performance } from 'node:perf_hooks';
import { DeviceFailure } from './failure.js';
import { formatStep, parseStep, type Operation, type Step } from './operations.js';
import type { MakeTarget, Target } from './target.js';

/** What steps may take, of the processor: on a busy host they may wait for it as long as they like. */
const MAX_MS = 1000;
/** Steps after which the clock is looked at, and the processor's time: either takes longer than most steps. */
const STEPS_A_LOOK = 16;
const STEPS_A_LONG_LOOK = 8192;

/** What a case came to. */
export interface Outcome {
  readonly operations: number;
  /** The step that failed, and how; `undefined` when nothing did. */
  readonly failure?: { readonly step: number; readonly error: Error };
}

/**
 * Takes the steps of one case on a fresh machine.
 * @param next says which, until it says none; it may be the same object each time
 */
export function runCase(
  make: MakeTarget,
  next: (target: Target, index: number) => Step | undefined,
): Outcome {
  const target = make();
  const byName = new Map<string, Operation>(target.operations.map(operation => [operation.name, operation]));
  let operations = 0;
  let index = 0;
  let processor = process.cpuUsage();
  let before = performance.now();
  try {
    for (let step = next(target, 0); step !== undefined; step = next(target, ++index)) {
      const operation = byName.get(step.name);
      // A step of a corpus that is older than the target.
      if (operation === undefined) continue;
      operations += operation.run(step.a, step.b, step.c) ?? 1;
      target.machine.afterStep();
      if (index % STEPS_A_LOOK !== 0) continue;
      const now = performance.now();
      if (now - before > MAX_MS && spent(processor) > MAX_MS)
        throw new DeviceFailure(`steps up to ${formatStep(step)} have taken ${(now - before).toFixed(0)} ms`);
      before = now;
      if (index % STEPS_A_LONG_LOOK === 0) processor = process.cpuUsage();
    }
    target.machine.finish();
    target.check?.();
  } catch (error) {
    return {
      operations,
      failure: { step: index, error: error instanceof Error ? error : new Error(String(error)) },
    };
  }
  return { operations };
}

/** Milliseconds of the processor since then. */
function spent(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

export function runSteps(make: MakeTarget, steps: readonly Step[]): Outcome {
  return runCase(make, (_target, index) => steps[index]);
}

/** The shortest list found, by leaving out pieces for at most so many seconds, that still fails. */
export function minimise(make: MakeTarget, steps: readonly Step[], seconds = 10): readonly Step[] {
  const end = performance.now() + 1000 * seconds;
  // What comes behind the failure is not part of it.
  let rest = steps.slice(0, (runSteps(make, steps).failure?.step ?? steps.length) + 1);
  for (let piece = Math.ceil(rest.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let at = 0; at < rest.length && performance.now() < end;) {
      const shorter = [...rest.slice(0, at), ...rest.slice(at + piece)];
      if (runSteps(make, shorter).failure) rest = shorter;
      else at += piece;
    }
  }
  return rest;
}

/** A line of a corpus: the target, then the steps. */
export interface CorpusEntry {
  readonly target: string;
  readonly steps: readonly Step[];
}

export function formatEntry({ target, steps }: CorpusEntry): string {
  return JSON.stringify({ target, steps: steps.map(formatStep).join('; ') });
}

export function parseEntry(line: string): CorpusEntry {
  const { target, steps } = JSON.parse(line) as { target: string; steps: string };
  return { target, steps: steps.split('; ').map(parseStep) };
}
