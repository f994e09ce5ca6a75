import { describe, expect, it } from 'vitest';
import type { ExitObserver } from '../../../src/vmm/exit-observer.js';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode } from './support/machine.js';

const ORIGIN = 0x10_0000;
const STACK = 0x8_0000;

/** Looks at where vCPUs are, each after `period` of its instructions. */
class Sampler implements ExitObserver {
  readonly samplesCode = true;
  /** RIP from the guest's start, of each sample. */
  readonly places: number[] = [];
  private readonly rest: number[];

  constructor(
    private readonly machine: TestMachine,
    private readonly period: number,
  ) {
    this.rest = machine.vm.vcpus.map(() => period);
    machine.vm.observe(this);
  }

  untilSample(vcpu: number): number {
    return this.rest[vcpu];
  }

  executed(vcpu: number, instructions: number): void {
    expect(instructions).toBeLessThanOrEqual(this.rest[vcpu]);
    this.rest[vcpu] -= instructions;
    if (this.rest[vcpu] > 0) return;
    this.places.push(Number(this.machine.vm.rip()) - ORIGIN);
    this.rest[vcpu] = this.period;
  }

  entering(): void {}
  left(): void {}
  interrupt(): void {}
}

function start(source: string, options: ConstructorParameters<typeof TestMachine>[0]): TestMachine {
  const machine = new TestMachine(options);
  machine.memory.write(ORIGIN, assemble(source, ORIGIN));
  machine.vm.vcpus.forEach((vcpu, i) => {
    const state = longMode(machine.memory, { rip: BigInt(ORIGIN), rsp: BigInt(STACK + i * 0x1000) });
    vcpu.setState({ ...state, activity: 'running' });
  });
  return machine;
}

const LOOPS = {
  'long blocks': `1: ${'inc rcx\n'.repeat(30)} jmp 1b`,
  'calls and stack': '1: call 2f\n inc rbx\n jmp 1b\n 2: push rax\n pop rax\n ret',
  'repeated stores': '1: mov rdi, 0x200000\n mov ecx, 37\n rep stosb\n inc rbx\n jmp 1b',
  exits: '1: in al, 0x80\n inc rcx\n inc rcx\n out 0x80, al\n jmp 1b',
};

describe('samples of guest code', () => {
  it.each(Object.entries(LOOPS))('are at exactly their instructions: %s', (_name, source) => {
    const SAMPLES = 200;
    const PERIOD = 17;
    const expected: number[] = [];
    const counting = start(source, { icount: true });
    for (let i = 1; i <= SAMPLES; i++) {
      counting.vm.run(i * PERIOD);
      expected.push(Number(counting.vm.rip()) - ORIGIN);
    }
    const machine = start(source, {});
    const sampler = new Sampler(machine, PERIOD);
    machine.run(20);
    expect(sampler.places.slice(0, SAMPLES)).toEqual(expected);
  });

  it('change nothing for a guest whose instructions are counted, whoever has its turn', () => {
    // Each vCPU adds to a counter of its own, in memory that the other one reads.
    const source = `1: rdtsc
      add rsi, rax
      inc qword ptr [rsp]
      mov rax, [0x80000]
      add rdi, rax
      mov rax, [0x81000]
      add rdi, rax
      out 0x80, al
      jmp 1b`;
    const run = (period?: number): unknown => {
      const machine = start(source, { icount: true, cpus: 2 });
      if (period !== undefined) new Sampler(machine, period);
      machine.vm.run(250_000);
      return machine.vm.vcpus.map(vcpu => vcpu.getState().registers);
    };
    const unseen = run();
    expect(run(1000)).toEqual(unseen);
    expect(run(7777)).toEqual(unseen);
  });
});
