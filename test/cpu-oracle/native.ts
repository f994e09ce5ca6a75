import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Outcome, RESULT_SIZE, type Batch } from './layout.js';

/** Executes cases on the host's processor: native.c, compiled once a process. */
export class NativeRunner {
  private readonly program: string;
  private outcomes: readonly Outcome[] = [];
  private results = new Uint8Array(0);

  constructor() {
    const source = join(dirname(fileURLToPath(import.meta.url)), 'native.c');
    this.program = join(mkdtempSync(join(tmpdir(), 'cpu-oracle-')), 'native');
    execFileSync('gcc', ['-O1', '-fno-stack-protector', '-Wall', '-Wextra', '-o', this.program, source]);
  }

  /** @returns what became of the first `count` cases, valid until the next call */
  run(batch: Batch, count: number = batch.cases.length): readonly Outcome[] {
    const size = count * RESULT_SIZE;
    const { stdout, stderr, status, signal } = spawnSync(this.program, {
      input: batch.encoded(count),
      maxBuffer: size + 65536,
    });
    if (status !== 0 || stdout.length !== size) {
      const done = Math.floor(stdout.length / RESULT_SIZE);
      throw new Error(
        `the native runner stopped with ${status ?? signal} after ${done} cases: ${stderr.toString()}`,
      );
    }
    if (this.results.length < size) {
      this.results = new Uint8Array(size);
      const { buffer } = this.results;
      this.outcomes = Array.from({ length: count }, (_, i) => new Outcome(buffer, i * RESULT_SIZE));
    }
    this.results.set(stdout);
    return this.outcomes;
  }
}
