import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/errors.js';
import type { VcpuState } from '../../../src/vmm/vcpu-state.js';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode } from './support/machine.js';

const ORIGIN = 0x10_0000;
const IDT = 0x4000;

/** Sums with x87, SSE and general registers, in a loop that the local APIC's timer interrupts; then all of them to a port. */
const PROGRAM = `
  mov rbx, 0xfee00000
  mov dword ptr [rbx + 0xf0], 0x1ff
  mov dword ptr [rbx + 0x320], 0x20040
  mov dword ptr [rbx + 0x3e0], 0xb
  mov dword ptr [rbx + 0x380], 777
  mov ecx, 0xc0000103
  mov eax, 1234
  xor edx, edx
  wrmsr
  fld1
  fldpi
  mov eax, 3
  cvtsi2sd xmm3, eax
  cvtsi2sd xmm9, eax
  mov ecx, 3000
  sti
  1: fadd st(1), st
  addsd xmm9, xmm3
  rol r15, 3
  add r15, rcx
  dec ecx
  jnz 1b
  cli
  fistp qword ptr [0x6000]
  fistp qword ptr [0x6008]
  movsd [0x6010], xmm9
  mov [0x6018], r15
  mov [0x6020], r14
  mov ecx, 0xc0000103
  rdmsr
  mov [0x6028], rax
  mov dx, 0xf4
  out dx, al
  hlt
  .balign 1024
  inc r14
  mov dword ptr [rbx + 0xb0], 0
  iretq
`;

const CODE = assemble(PROGRAM, ORIGIN);
const HANDLER = ORIGIN + CODE.length - (CODE.length % 1024);

function start(): TestMachine {
  const machine = new TestMachine({ icount: true });
  const { memory } = machine;
  memory.write(ORIGIN, CODE);
  memory.write64(0x5010, 0x0020_9a00_0000_0000n);
  memory.write64(0x5018, 0x00cf_9200_0000_ffffn);
  memory.write64(
    IDT + 0x400,
    BigInt((HANDLER & 0xffff) | 0x10_0000) | (0x8e00n << 32n) | (BigInt(HANDLER >>> 16) << 48n),
  );
  const state = longMode(memory, { rip: BigInt(ORIGIN), rsp: 0x8_0000n });
  const tables = { gdt: { base: 0x5000n, limit: 0x1f }, idt: { base: BigInt(IDT), limit: 0xfff } };
  machine.vm.vcpus[0].setState({
    ...state,
    system: { ...state.system, cr4: 0x620n, ...tables },
    activity: 'running',
  });
  return machine;
}

function finish(machine: TestMachine): Uint8Array {
  expect(machine.vm.run(1e9)).toBe('kicked');
  expect(machine.exitCode).toBeDefined();
  return machine.memory.bytes(0x6000, 0x30).slice();
}

/** Other values in everything. */
function perturb(machine: TestMachine): void {
  const [vcpu] = machine.vm.vcpus;
  const state = vcpu.getState();
  vcpu.apic.reset();
  vcpu.reset();
  vcpu.setState({
    ...vcpu.getState(),
    extended: { xsave: new Uint8Array(584).fill(0x55), xcr0: 1n },
    msrs: new Map([
      [0xc000_0103, 99n],
      [0xc000_0081, 77n],
    ]),
  });
  expect(vcpu.getState().extended).not.toEqual(state.extended);
  expect(vcpu.getState().lapic).not.toEqual(state.lapic);
}

describe('the state of a vCPU', () => {
  // Within the loop, in the interrupt handler (once every 777 ns from the first store on), before and behind both.
  it.each([3, 12, 500, 783, 784, 785, 2345, 9999])(
    'goes out and in again after %i instructions, and nothing is lost',
    instructions => {
      const expected = finish(start());
      const machine = start();
      expect(machine.vm.run(instructions)).toBe('slice');
      const [vcpu] = machine.vm.vcpus;
      const state = vcpu.getState();
      perturb(machine);
      vcpu.setState(state);
      expect(vcpu.getState()).toEqual(state);
      expect(finish(machine)).toEqual(expected);
    },
  );

  it('has its extended part in the layout of XSAVE', () => {
    const machine = start();
    machine.vm.run(100);
    const { xsave, xcr0 } = machine.vm.vcpus[0].getState().extended!;
    const view = new DataView(xsave.buffer);
    expect(xcr0).toBe(1n);
    expect(view.getUint16(0, true)).toBe(0x37f);
    // Two registers in use, TOP is 6; the top one holds pi.
    expect((view.getUint16(2, true) >> 11) & 7).toBe(6);
    expect(view.getUint8(4)).toBe(0xc0);
    expect(view.getBigUint64(32, true)).toBe(0xc90f_daa2_2168_c235n);
    expect(view.getUint16(40, true)).toBe(0x4000);
    expect(view.getUint32(24, true)).toBe(0x1f80);
    expect(view.getFloat64(160 + 3 * 16, true)).toBe(3);
  });

  it('initializes what XSTATE_BV does not name', () => {
    const machine = start();
    machine.vm.run(100);
    const [vcpu] = machine.vm.vcpus;
    const fresh = new TestMachine().vm.vcpus[0].getState();
    vcpu.setState({ ...vcpu.getState(), extended: { xsave: new Uint8Array(576), xcr0: 1n } });
    expect(vcpu.getState().extended).toEqual(fresh.extended);
  });

  it('refuses a register that there is not', () => {
    const [vcpu] = start().vm.vcpus;
    const state: VcpuState = { ...vcpu.getState(), msrs: new Map([[0x1234_5678, 1n]]) };
    expect(() => vcpu.setState(state)).toThrow(ConfigError);
  });
});
