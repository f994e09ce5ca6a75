import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RESULT_WORDS, SCRATCH_BYTES, randomSequences } from '../../cpu-oracle/sequences.js';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode } from './support/machine.js';

const ORIGIN = 0x10_0000;
const RESULTS = 0x80_0000;
const SCRATCH = 0x70_0000;

/** The sequences in a program of their own, on the host's processor. */
function runNatively(source: string, bytes: number): DataView {
  const folder = mkdtempSync(join(tmpdir(), 'sequences-'));
  try {
    const program = join(folder, 'program');
    writeFileSync(
      `${program}.s`,
      `.intel_syntax noprefix\n.globl run\nrun:\n push rbx\n push rbp\n push r12\n push r13\n push r14\n push r15
 mov r14, rdi\n mov r15, rsi\n call sequences\n pop r15\n pop r14\n pop r13\n pop r12\n pop rbp\n pop rbx\n ret\n${source}
 .section .note.GNU-stack,"",@progbits\n`,
    );
    writeFileSync(
      `${program}.c`,
      `#include <unistd.h>\nvoid run(char *, char *);\nstatic char results[${bytes}], scratch[${SCRATCH_BYTES}];
       int main(void) { run(results, scratch); return write(1, results, sizeof results) != sizeof results; }`,
    );
    execFileSync('gcc', ['-o', program, `${program}.s`, `${program}.c`]);
    const { buffer, byteOffset, length } = execFileSync(program, { maxBuffer: bytes + 1 });
    return new DataView(buffer, byteOffset, length);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runInGuest(source: string, bytes: number): DataView {
  const machine = new TestMachine();
  const start = `mov r14d, ${RESULTS}\n mov r15d, ${SCRATCH}\n call sequences\n out 0xf4, al\n hlt\n`;
  machine.memory.write(ORIGIN, assemble(start + source, ORIGIN));
  const state = longMode(machine.memory, { rip: BigInt(ORIGIN), rsp: 0x8_0000n });
  machine.vm.vcpus[0].setState({ ...state, activity: 'running' });
  expect(machine.run(20_000)).toBe('kicked');
  const { buffer, byteOffset, length } = machine.memory.bytes(RESULTS, bytes);
  return new DataView(buffer, byteOffset, length);
}

/** The oracle is the processor that the tests run on. */
describe.runIf(process.arch === 'x64' && process.platform === 'linux')(
  'the core against the host processor',
  () => {
    it.each([1, 2])('agrees on sequences of instructions, seed %i', seed => {
      const { source, results } = randomSequences(seed, 400);
      const bytes = results.length * RESULT_WORDS * 8;
      const native = runNatively(source, bytes);
      const guest = runInGuest(source, bytes);
      const wrong = results.filter(({ flags }, i) => {
        const words = Array.from({ length: RESULT_WORDS }, (_, n) => (i * RESULT_WORDS + n) * 8);
        const last = words[RESULT_WORDS - 1];
        return (
          words.slice(0, -1).some(at => native.getBigUint64(at, true) !== guest.getBigUint64(at, true)) ||
          ((native.getBigUint64(last, true) ^ guest.getBigUint64(last, true)) & flags) !== 0n
        );
      });
      expect(wrong.slice(0, 2)).toEqual([]);
    });
  },
);
