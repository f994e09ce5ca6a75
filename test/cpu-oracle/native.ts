import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CASE_SIZE, RESULT_SIZE, decodeResult, encodeCase, type Outcome, type TestCase } from './layout.js';

/** Executes cases on the host's processor: native.c, compiled once a process. */
export class NativeRunner {
  private readonly program: string;

  constructor() {
    const source = join(dirname(fileURLToPath(import.meta.url)), 'native.c');
    this.program = join(mkdtempSync(join(tmpdir(), 'cpu-oracle-')), 'native');
    execFileSync('gcc', ['-O1', '-Wall', '-Wextra', '-o', this.program, source]);
  }

  run(cases: readonly TestCase[]): Outcome[] {
    const input = new Uint8Array(cases.length * CASE_SIZE);
    const view = new DataView(input.buffer);
    cases.forEach((test, i) => encodeCase(test, view, i * CASE_SIZE));
    const { stdout, status, signal } = spawnSync(this.program, {
      input,
      maxBuffer: cases.length * RESULT_SIZE + 65536,
    });
    if (status !== 0 || stdout.length !== cases.length * RESULT_SIZE) {
      throw new Error(
        `the native runner stopped with ${status ?? signal} after ${stdout.length / RESULT_SIZE} cases`,
      );
    }
    const results = new DataView(stdout.buffer, stdout.byteOffset, stdout.length);
    return cases.map((_, i) => decodeResult(results, i * RESULT_SIZE));
  }
}
