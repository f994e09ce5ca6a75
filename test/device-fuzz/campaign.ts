import { seededRandom } from '../../src/vmm/seeded-random.js';
import { runCase, type CorpusEntry, type Outcome } from './fuzz-case.js';
import type { BlockCoverage } from './coverage.js';
import type { Step } from './operations.js';
import type { MakeTarget, Target } from './target.js';

/** Steps of a case that looks for new code, and of one that only goes on. */
const SHORT = 60;
const LONG = 20_000;

export interface Failure {
  readonly target: string;
  readonly steps: readonly Step[];
  readonly error: Error;
}

/** Fuzzes the targets of one family in turn, from its corpus on. */
export class Campaign {
  operations = 0;
  cases = 0;
  /** What was found to reach code that nothing before had reached. */
  readonly found: CorpusEntry[] = [];
  private readonly kept = new Set<string>();
  private readonly random: () => number;
  private readonly names: readonly string[];

  constructor(
    private readonly targets: Readonly<Record<string, MakeTarget>>,
    private readonly corpus: readonly CorpusEntry[],
    seed: number,
  ) {
    this.random = seededRandom(seed);
    this.names = Object.keys(targets);
  }

  /** What the corpus reaches already is nothing new. */
  replay(coverage: BlockCoverage): Failure | undefined {
    for (const { target, steps } of this.corpus) {
      const make = this.targets[target];
      if (!make) continue;
      const { failure } = runCase(make, (_target, index) => steps[index]);
      if (failure) return { target, steps, error: failure.error };
    }
    coverage.take();
    return undefined;
  }

  /** Of the corpus and what was found, as few as reach together what all of them do. */
  smallest(coverage: BlockCoverage): readonly CorpusEntry[] {
    coverage.forget();
    // Those of few steps first.
    const all = [...this.corpus, ...this.found].sort((a, b) => a.steps.length - b.steps.length);
    return all.filter(({ target, steps }) => {
      const make = this.targets[target];
      if (!make) return false;
      runCase(make, (_target, index) => steps[index]);
      const first = !this.kept.has(target);
      this.kept.add(target);
      return coverage.take() > 0 || first;
    });
  }

  /** One short case: kept in {@link found} when it reaches something new. */
  explore(coverage: BlockCoverage): Failure | undefined {
    const name = this.names[this.cases % this.names.length];
    const steps: Step[] = [];
    const failure = this.run(name, this.ancestor(name), SHORT, steps);
    if (failure) return failure;
    if (coverage.take() > 0) this.found.push({ target: name, steps });
    return undefined;
  }

  /** One long case, of which nothing is remembered but the seed that it follows from. */
  hammer(): Failure | undefined {
    const name = this.names[this.cases % this.names.length];
    const seed = this.random();
    const ancestor = this.ancestor(name);
    const outcome = this.take(name, ancestor, LONG, seed, undefined);
    if (!outcome.failure) return undefined;
    // Once more, this time noting the steps.
    const steps: Step[] = [];
    const again = this.take(name, ancestor, LONG, seed, steps);
    return { target: name, steps, error: again.failure?.error ?? outcome.failure.error };
  }

  private run(name: string, ancestor: readonly Step[], length: number, steps: Step[]): Failure | undefined {
    const { failure } = this.take(name, ancestor, length, this.random(), steps);
    return failure && { target: name, steps, error: failure.error };
  }

  private take(
    name: string,
    ancestor: readonly Step[],
    length: number,
    seed: number,
    steps: Step[] | undefined,
  ): Outcome {
    const random = seededRandom(seed);
    let weights: readonly string[] | undefined;
    const next = (target: Target, index: number): Step | undefined => {
      weights ??= weighted(target);
      if (index >= ancestor.length + length) return undefined;
      const step = index < ancestor.length ? mutated(ancestor[index], random) : drawn(weights, random);
      steps?.push(step);
      return step;
    };
    const outcome = runCase(this.targets[name], next);
    this.cases++;
    this.operations += outcome.operations;
    return outcome;
  }

  /** Steps to begin with: those of something in the corpus, or none. */
  private ancestor(name: string): readonly Step[] {
    const all = [...this.corpus, ...this.found].filter(({ target }) => target === name);
    return all.length === 0 || this.random() % 4 === 0 ? [] : all[this.random() % all.length].steps;
  }
}

/** Each operation's name as often as it is to be drawn. */
function weighted({ operations }: Target): string[] {
  return operations.flatMap(({ name, weight }) => Array.from({ length: weight }, () => name));
}

function drawn(weights: readonly string[], random: () => number): Step {
  return { name: weights[random() % weights.length], a: random(), b: random(), c: random() };
}

function mutated(step: Step, random: () => number): Step {
  const bits = random();
  switch (bits % 24) {
    case 0:
      return { ...step, a: random() };
    case 1:
      return { ...step, b: random() };
    case 2:
      return { ...step, c: random() };
    case 3:
      return { ...step, b: (step.b ^ (1 << (bits >>> 27))) >>> 0 };
    default:
      return step;
  }
}
