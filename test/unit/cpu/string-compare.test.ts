import { describe, expect, it } from 'vitest';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode } from './support/machine.js';

const ORIGIN = 0x10_0000;
const FIRST = 0x20_0000;
const SECOND = 0x28_0000;
const RAM = 16 << 20;
/** Nothing is mapped from here on. */
const UNMAPPED = 0x40_0000;

/** Executes one repeated instruction with these registers in 64-bit mode. @returns how it ended, and the registers */
function execute(
  machine: TestMachine,
  instruction: string,
  given: { rax?: bigint; rcx: bigint; rsi?: bigint; rdi: bigint },
) {
  const [vcpu] = machine.vm.vcpus;
  machine.memory.write(ORIGIN, assemble(`${instruction}\n out 0xf4, al\n 1: hlt\n jmp 1b`, ORIGIN));
  const state = longMode(machine.memory, { ...given, rip: BigInt(ORIGIN), rsp: 0x8_0000n });
  // Pages of 2 MiB up to UNMAPPED, and the rest of RAM when it is asked for.
  machine.memory.write64(0x2000, 0x3007n);
  for (let i = 0; i < 512; i++) {
    const mapped = i << 21 < UNMAPPED || i >= 6;
    machine.memory.write64(0x3000 + i * 8, mapped ? (BigInt(i) << 21n) | 0x87n : 0n);
  }
  vcpu.setState({ ...state, activity: 'running' });
  const stop = machine.run(10_000);
  const { rcx, rsi, rdi, rflags } = vcpu.getState().registers;
  return { stop, rcx, rsi, rdi, zero: (rflags & 0x40n) !== 0n };
}

describe('REP CMPS and SCAS over more than a few elements', () => {
  const length = 3 * 4096 + 77;

  it.each([0, 1, 15, 16, 17, 4000, 4095, 4096, 8191, length - 2, length - 1])(
    'CMPSB stops behind the difference at %i, over pages that begin at different places',
    at => {
      const machine = new TestMachine();
      const first = FIRST + 3;
      const second = SECOND + 2900;
      machine.memory.write(first, new Uint8Array(length).fill(7));
      machine.memory.write(second, new Uint8Array(length).fill(7));
      machine.memory.write(second + at, Uint8Array.of(8));
      const registers = { rcx: BigInt(length), rsi: BigInt(first), rdi: BigInt(second) };
      expect(execute(machine, 'repe cmpsb', registers)).toEqual({
        stop: 'kicked',
        rcx: BigInt(length - at - 1),
        rsi: BigInt(first + at + 1),
        rdi: BigInt(second + at + 1),
        zero: false,
      });
    },
  );

  it('CMPSQ over all that is equal leaves RCX 0 and ZF set', () => {
    const machine = new TestMachine();
    machine.memory.write(FIRST + 5, new Uint8Array(8192).fill(9));
    machine.memory.write(SECOND, new Uint8Array(8192).fill(9));
    const registers = { rcx: 1024n, rsi: BigInt(FIRST + 5), rdi: BigInt(SECOND) };
    expect(execute(machine, 'repe cmpsq', registers)).toMatchObject({
      rcx: 0n,
      zero: true,
      rdi: BigInt(SECOND + 8192),
    });
  });

  it('SCASW looks at whole elements, not at bytes of two', () => {
    const machine = new TestMachine();
    // 0x0201 lies at odd addresses first.
    machine.memory.write(
      FIRST,
      Uint8Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 2 : 1)),
    );
    machine.memory.write(FIRST + 120, Uint8Array.of(1, 2));
    const registers = { rax: 0x0201n, rcx: 100n, rdi: BigInt(FIRST) };
    expect(execute(machine, 'repne scasw', registers)).toMatchObject({
      rcx: 39n,
      rdi: BigInt(FIRST + 122),
      zero: true,
    });
  });

  it('a page fault in the middle leaves the registers at the element that met it', () => {
    const machine = new TestMachine();
    const registers = { rax: 1n, rcx: 1000n, rdi: BigInt(UNMAPPED - 600) };
    // Without an IDT it ends in a triple fault, whose state is the instruction's.
    expect(execute(machine, 'repne scasb', registers)).toMatchObject({
      stop: 'shutdown',
      rcx: 400n,
      rdi: BigInt(UNMAPPED),
    });
    expect(machine.vm.failure?.details).toMatchObject({ cr2: BigInt(UNMAPPED), rip: BigInt(ORIGIN) });
  });

  it('a device is read once for each element', () => {
    const machine = new TestMachine();
    const registers = { rax: 0xffn, rcx: 1000n, rdi: BigInt(RAM - 100) };
    expect(execute(machine, 'repne scasb', registers)).toMatchObject({
      rcx: 899n,
      rdi: BigInt(RAM + 1),
      zero: true,
    });
    expect(machine.mmio).toEqual([{ gpa: RAM, size: 1 }]);
  });
});
