import { describe, expect, it } from 'vitest';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode } from './support/machine.js';

const ORIGIN = 0x10_0000;
const STACK = 0x8_0000n;
const EXIT = '.macro exit\n mov dx, 0xf4\n out dx, al\n 9: hlt\n jmp 9b\n.endm\n';

function start(source: string, options: ConstructorParameters<typeof TestMachine>[0] = {}): TestMachine {
  const machine = new TestMachine({ icount: true, ...options });
  machine.memory.write(ORIGIN, assemble(EXIT + source, ORIGIN));
  const state = longMode(machine.memory, { rip: BigInt(ORIGIN), rsp: STACK });
  machine.vm.vcpus[0].setState({ ...state, activity: 'running' });
  return machine;
}

/** An IDT at 0x4000 whose vector leads to `handler`, with the code segment that the guest starts with. */
function gate(machine: TestMachine, vector: number, handler: number, ist = 0): void {
  const { memory } = machine;
  memory.write64(0x5010, 0x0020_9a00_0000_0000n);
  memory.write16(0x4000 + vector * 16, handler & 0xffff);
  memory.write16(0x4000 + vector * 16 + 2, 0x10);
  memory.write16(0x4000 + vector * 16 + 4, 0x8e00 | ist);
  memory.write16(0x4000 + vector * 16 + 6, handler >>> 16);
  const state = machine.vm.vcpus[0].getState();
  machine.vm.vcpus[0].setState({
    ...state,
    system: { ...state.system, gdt: { base: 0x5000n, limit: 0x1f }, idt: { base: 0x4000n, limit: 0xfff } },
  });
}

it('a POP into device memory happens once', () => {
  const machine = start('mov ebx, 0xe0000000\n push 5\n push 9\n nop\n pop qword ptr [rbx]\n pop rax\n exit');
  machine.run(1000);
  expect(machine.mmio.map(({ value }) => value)).toEqual([9, 0]);
  expect(machine.exitCode).toBe(5);
});

const LOOPS = {
  'arithmetic in long blocks': `1: ${'inc rcx\n'.repeat(30)} jmp 1b`,
  'calls and stack': '1: call 2f\n inc rbx\n jmp 1b\n 2: push rax\n pop rax\n ret',
  'repeated stores': '1: mov rdi, 0x200000\n mov ecx, 37\n rep stosb\n inc rbx\n jmp 1b',
  'repeated moves across pages':
    '1: mov rsi, 0x200ff0\n mov rdi, 0x300fe0\n mov ecx, 37\n rep movsb\n inc rbx\n jmp 1b',
  'repeated compares': '1: mov rsi, 0x200000\n mov rdi, 0x300000\n mov ecx, 23\n repe cmpsb\n jmp 1b',
  'a repeat that repeats nothing': '1: xor ecx, ecx\n rep stosb\n jmp 1b',
  'device memory within a block':
    '1: mov rbx, 0xe0000000\n inc rcx\n mov [rbx], eax\n inc rcx\n add eax, [rbx]\n jmp 1b',
  ports: '1: in al, 0x80\n inc rcx\n inc rcx\n out 0x80, al\n jmp 1b',
  'interrupts held back': '1: cli\n sti\n inc rcx\n jmp 1b',
  PAUSE: '1: inc rcx\n pause\n inc rcx\n jmp 1b',
};

describe('instruction counting', () => {
  it.each(Object.entries(LOOPS))('stops after each number of instructions: %s', (_name, source) => {
    const machine = start(source);
    for (let n = 1; n <= 400; n++) {
      expect(machine.vm.run(n)).toBe('slice');
      expect(machine.vm.instructions).toBe(n);
      expect(machine.clock.now()).toBe(n);
    }
  });

  it('counts each iteration of a repeated instruction', () => {
    const machine = start('mov rdi, 0x200000\n mov ecx, 100000\n rep stosb\n exit');
    machine.ports.set(0xf4, () => {
      expect(machine.vm.instructions).toBe(2 + 100_000 + 1);
      machine.doorbell.raise();
    });
    expect(machine.run(1000)).toBe('kicked');
  });

  it('stops where a timer expires that a device arms in the middle of a block', () => {
    const machine = start(
      `mov rbx, 0xe0000000\n ${'inc rcx\n'.repeat(5)} mov [rbx], eax\n ${'inc rcx\n'.repeat(30)} exit`,
    );
    const expired: number[] = [];
    const timer = machine.clock.timer(() => expired.push(machine.clock.now()));
    machine.onMmio = () => timer.arm(machine.clock.now() + 10);
    machine.clock.planUntil(1e9);
    expect(machine.vm.run(1e9)).toBe('kicked');
    // Six instructions before the store, itself, and nine behind it.
    expect(machine.vm.instructions).toBe(16);
    expect(machine.vm.vcpus[0].getState().registers.rcx).toBe(14n);
    machine.clock.tick();
    machine.clock.runExpired();
    expect(expired).toEqual([16]);
  });

  it('raises the local APIC timer at its instruction', () => {
    const machine = start(`
      mov rbx, 0xfee00000
      mov dword ptr [rbx + 0xf0], 0x1ff
      mov dword ptr [rbx + 0x320], 0x40
      mov dword ptr [rbx + 0x3e0], 0xb
      sti
      mov dword ptr [rbx + 0x380], 101
      1: inc rcx
      jmp 1b
      .balign 256
      mov al, cl
      exit`);
    gate(machine, 0x40, ORIGIN + 256);
    machine.run(1000);
    // The store that starts it takes one of the 101 instructions, and each round takes two.
    expect(machine.exitCode).toBe(50);
  });

  it('reaches each device once, in the same order as without counting', () => {
    const source = `mov rbx, 0xe0000000
      add dword ptr [rbx + 4], 1
      mov rsi, 0x200000
      lea rdi, [rbx + 8]
      mov ecx, 3
      rep movsd
      push qword ptr [rbx + 0x20]
      mov [rbx + 0x28], rax
      exit`;
    const counting = start(source);
    const plain = start(source, { icount: false });
    counting.run(1000);
    plain.run(1000);
    expect(counting.mmio).toEqual(plain.mmio);
    expect(counting.mmio).toHaveLength(9);
  });

  it('shows the guest one nanosecond for each instruction', () => {
    const machine = start('rdtsc\n mov ecx, eax\n nop\n nop\n nop\n rdtsc\n sub eax, ecx\n exit');
    machine.run(1000);
    expect(machine.exitCode).toBe(5);
  });

  it('skips the time in which all vCPUs sleep', () => {
    const machine = start(`
      mov rbx, 0xfee00000
      mov dword ptr [rbx + 0xf0], 0x1ff
      mov dword ptr [rbx + 0x320], 0x40
      mov dword ptr [rbx + 0x3e0], 0xa
      mov dword ptr [rbx + 0x380], 2000000000
      sti
      hlt
      .balign 256
      mov al, 3
      exit`);
    gate(machine, 0x40, ORIGIN + 256);
    expect(machine.vm.run(1e15)).toBe('kicked');
    expect(machine.exitCode).toBe(3);
    // 128 ns a count from the fifth instruction on, then MOV, MOV and OUT; the rest of the turn is HLT.
    const { instructions } = machine.vm;
    machine.clock.tick();
    expect(machine.clock.now()).toBe(4 + 128 * 2_000_000_000 + instructions - 7);
  });

  it('gives the guest the random numbers that it was given', () => {
    const numbers = [0x1234_5678, 0x9abc_def0];
    const machine = start('rdrand rbx\n exit', { random: () => numbers.shift()! });
    machine.run(1000);
    expect(machine.vm.vcpus[0].getState().registers.rbx).toBe(0x9abc_def0_1234_5678n);
  });
});
