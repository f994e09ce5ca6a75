import { seededRandom } from '../../src/vmm/seeded-random.js';
import { runCase, runSteps, type CorpusEntry, type Outcome } from './fuzz-case.js';
import type { BlockCoverage } from './coverage.js';
import type { Step } from './operations.js';
import type { MakeTarget, Target } from './target.js';

/** Steps of a case that looks for new code, and of one that only goes on. */
const SHORT = 60;
const LONG = 50_000;
/** Short cases between two looks at what they have reached. */
const BATCH = 32;

export interface Failure {
  readonly target: string;
  readonly steps: readonly Step[];
  /** Where and how, for people. */
  readonly message: string;
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
  /** The step that is taken next: one object for all. */
  private readonly step = { name: '', a: 0, b: 0, c: 0 };

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
      const { failure } = runSteps(make, steps);
      if (failure) return { target, steps, message: describe(failure.error) };
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
      runSteps(make, steps);
      const first = !this.kept.has(target);
      this.kept.add(target);
      return coverage.take() > 0 || first;
    });
  }

  /**
   * Some short cases. Of those that together reach something new, each that does by itself is kept in {@link found}: V8
   * takes longer to say what was executed than a case takes.
   */
  explore(coverage: BlockCoverage): Failure | undefined {
    const batch: CorpusEntry[] = [];
    while (batch.length < BATCH) {
      const target = this.nextTarget();
      const steps: Step[] = [];
      const { failure } = this.take(target, this.ancestor(target), SHORT, this.random(), steps);
      if (failure) return { target, steps, message: describe(failure.error) };
      batch.push({ target, steps });
    }
    if (coverage.look() === 0) return undefined;
    for (const entry of batch) {
      runSteps(this.targets[entry.target], entry.steps);
      if (coverage.take() > 0) this.found.push(entry);
    }
    return undefined;
  }

  /** One long case, of which nothing is remembered but the seed that it follows from. */
  hammer(): Failure | undefined {
    const name = this.nextTarget();
    const seed = this.random();
    const ancestor = this.ancestor(name);
    const { failure } = this.take(name, ancestor, LONG, seed, undefined);
    if (!failure) return undefined;
    // Once more, this time noting the steps.
    const steps: Step[] = [];
    this.take(name, ancestor, LONG, seed, steps);
    return { target: name, steps, message: describe(failure.error) };
  }

  private nextTarget(): string {
    return this.names[this.cases % this.names.length];
  }

  private take(
    name: string,
    ancestor: readonly Step[],
    length: number,
    seed: number,
    steps: Step[] | undefined,
  ): Outcome {
    const random = seededRandom(seed);
    const { step } = this;
    let weights: readonly string[] | undefined;
    const next = (target: Target, index: number): Step | undefined => {
      weights ??= weighted(target);
      if (index >= ancestor.length + length) return undefined;
      if (index < ancestor.length) {
        Object.assign(step, ancestor[index]);
        mutate(step, random);
      } else {
        step.name = weights[random() % weights.length];
        step.a = random();
        step.b = random();
        step.c = random();
      }
      steps?.push({ ...step });
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

function mutate(step: { a: number; b: number; c: number }, random: () => number): void {
  const bits = random();
  switch (bits % 24) {
    case 0:
      step.a = random();
      break;
    case 1:
      step.b = random();
      break;
    case 2:
      step.c = random();
      break;
    case 3:
      step.b = (step.b ^ (1 << (bits >>> 27))) >>> 0;
  }
}

function describe(error: Error): string {
  return error.stack ?? error.message;
}
