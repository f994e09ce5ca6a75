import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/vmm/seeded-random.js';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode, protectedMode, realMode } from './support/machine.js';

const ORIGIN = 0x10_0000;
const STACK = 0x8_0000n;
const TABLES = 0x4000;
const TSS = 0x5200;
const MS = 1e6;

type Mode = 'real' | 'protected' | 'long';

/** A machine that starts with these bytes as its code. */
function start(
  mode: Mode,
  code: Uint8Array,
  options: ConstructorParameters<typeof TestMachine>[0] = {},
): TestMachine {
  const machine = new TestMachine({ ram: 4 << 20, ...options });
  const { memory } = machine;
  const rip = mode === 'real' ? 0x7c00 : ORIGIN;
  memory.write(rip, code);
  const given = { rip: BigInt(rip), rsp: mode === 'real' ? 0x7000n : STACK };
  const state =
    mode === 'real' ? realMode(given) : mode === 'protected' ? protectedMode(given) : longMode(memory, given);
  machine.vm.vcpus[0].setState({ ...state, activity: 'running' });
  return machine;
}

/** Leads every vector to code: a gate for each at 0x4000, in long mode on a stack of its own that never grows. */
function gates(machine: TestMachine, mode: Mode, handlerOf: (vector: number) => number): void {
  const { memory } = machine;
  const [vcpu] = machine.vm.vcpus;
  const long = mode === 'long';
  if (mode === 'real') {
    for (let vector = 0; vector < 256; vector++) memory.write32(vector * 4, handlerOf(vector) & 0xffff);
    return;
  }
  memory.write64(0x5010, long ? 0x0020_9a00_0000_0000n : 0x00cf_9a00_0000_ffffn);
  memory.write64(0x5018, 0x00cf_9200_0000_ffffn);
  memory.write64(TSS + 0x24, 0x7_0000n);
  for (let vector = 0; vector < 256; vector++) {
    const handler = handlerOf(vector);
    const gate = TABLES + vector * (long ? 16 : 8);
    memory.write16(gate, handler & 0xffff);
    memory.write16(gate + 2, 0x10);
    memory.write16(gate + 4, long ? 0x8e01 : 0x8e00);
    memory.write16(gate + 6, handler >>> 16);
  }
  const { system, ...state } = vcpu.getState();
  const idt = { base: BigInt(TABLES), limit: long ? 0xfff : 0x7ff };
  const tr = { ...system.tr, base: BigInt(TSS), limit: 0x67 };
  vcpu.setState({ ...state, system: { ...system, tr, idt, gdt: { base: 0x5000n, limit: 0x1f } } });
}

/** Runs for so many instructions; a guest that cannot be brought out hangs the test. */
function runFor(machine: TestMachine, instructions: number): string {
  const { vm, clock } = machine;
  for (;;) {
    const reason = vm.run(instructions);
    clock.tick();
    if (reason !== 'kicked' || clock.now() >= instructions) return reason;
    machine.doorbell.answer();
  }
}

const ENDS = ['slice', 'halted', 'halted-masked', 'shutdown'];

describe.each(['real', 'protected', 'long'] as const)('random bytes as a kernel, %s mode', mode => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))('seed %i', seed => {
    const random = seededRandom(seed * 3 + mode.length);
    const code = Uint8Array.from({ length: 0x4000 }, () => random());
    const machine = start(mode, code, { icount: true, cpus: 1 + (seed & 1) });
    const base = mode === 'real' ? 0x7c00 : ORIGIN;
    if (seed % 5 !== 0) gates(machine, mode, () => base + (random() & 0x3fff));
    expect(ENDS).toContain(runFor(machine, 40_000));
    expect(machine.vm.instructions).toBeLessThanOrEqual(40_000);
  });
});

/** What never ends by itself. Each has to come out at its deadline, and when somebody rings. */
const ENDLESS: Readonly<Record<string, { mode: Mode; code: string; handlers?: string }>> = {
  'a handler that faults at once': { mode: 'long', code: 'ud2', handlers: 'ud2' },
  'a handler that cannot be fetched': { mode: 'long', code: 'ud2', handlers: '.org 0x400' },
  'a handler that returns to the fault': { mode: 'long', code: 'ud2', handlers: 'iretq' },
  'a single step that is never left': {
    mode: 'long',
    code: 'pushfq\n or dword ptr [rsp], 0x100\n popfq\n nop\n jmp .',
    handlers: 'iretq',
  },
  'a repeated load with the largest count': {
    mode: 'long',
    code: '1: mov rcx, -1\n xor esi, esi\n rep lodsb\n jmp 1b',
    handlers: 'xor esi, esi\n iretq',
  },
  'a repeated store over itself and all memory': {
    mode: 'protected',
    code: '.code32\n 1: mov ecx, -1\n mov edi, 0x200000\n mov al, 0x90\n rep stosb\n jmp 1b',
  },
  'a repeated output': {
    mode: 'long',
    code: 'mov dx, 0x3f9\n mov rcx, -1\n xor esi, esi\n rep outsb',
    handlers: 'iretq',
  },
  'repeated device reads': {
    mode: 'long',
    code: '1: mov rcx, -1\n mov esi, 0xe0000000\n mov edi, 0x200000\n rep movsb\n jmp 1b',
    handlers: 'mov edi, 0x200000\n iretq',
  },
  'local APIC timer of one nanosecond': {
    mode: 'long',
    code: `mov rbx, 0xfee00000
      mov dword ptr [rbx + 0xf0], 0x1ff
      mov dword ptr [rbx + 0x320], 0x20040
      mov dword ptr [rbx + 0x3e0], 0xb
      mov dword ptr [rbx + 0x380], 1
      sti
      1: hlt
      jmp 1b`,
    handlers: 'mov dword ptr [rbx + 0xb0], 0\n iretq',
  },
  'NMIs to itself': {
    mode: 'long',
    code: 'mov rbx, 0xfee00000\n 1: mov dword ptr [rbx + 0x300], 0x44400\n jmp 1b',
    handlers: 'mov dword ptr [rbx + 0x300], 0x44400\n iretq',
  },
  'address spaces that change': { mode: 'long', code: '1: mov rax, cr3\n mov cr3, rax\n jmp 1b' },
  'code that writes over itself': {
    mode: 'long',
    code: '1: inc byte ptr [rip + 2f + 1]\n 2: mov al, 1\n jmp 1b',
  },
};

describe.each(Object.entries(ENDLESS))('%s', (_name, { mode, code, handlers }) => {
  function build(icount: boolean): TestMachine {
    const machine = start(mode, assemble(code, ORIGIN), { icount });
    const handler = ORIGIN + 0x1000;
    machine.memory.write(handler, assemble(handlers ?? 'ud2', handler));
    gates(machine, mode, () => (handlers === '.org 0x400' ? 0x7fff_0000 : handler));
    return machine;
  }

  it('comes out at its deadline', () => {
    expect(build(false).vm.run(20 * MS)).toBe('slice');
  });

  it('comes out after a number of instructions', () => {
    const machine = build(true);
    expect(machine.vm.run(20_000)).toBe('slice');
    expect(machine.clock.now()).toBeGreaterThanOrEqual(20_000);
    expect(machine.vm.instructions).toBeLessThanOrEqual(20_001);
  });

  it('comes out when somebody rings', () => {
    const machine = build(false);
    expect(machine.vm.run(1 * MS)).toBe('slice');
    machine.doorbell.ring();
    expect(machine.vm.run(1e15)).toBe('kicked');
  });
});
