import { describe, expect, it } from 'vitest';
import { assemble } from './support/assemble.js';
import { TestMachine, longMode } from './support/machine.js';

const ORIGIN = 0x10_0000;
const AREA = 0x9_0000;
/** PAE, OSFXSR, OSXSAVE, PKE. */
const CR4 = 0x440220n;

/** Runs assembled 64-bit code until it writes to the debug exit port. */
function run(source: string): TestMachine {
  const machine = new TestMachine();
  const exit = '\n mov dx, 0xf4\n out dx, al\n 9: hlt\n jmp 9b\n';
  machine.memory.write(ORIGIN, assemble(source + exit, ORIGIN));
  const { registers, system } = longMode(machine.memory, { rip: BigInt(ORIGIN), rsp: 0x8_0000n });
  machine.vm.vcpus[0].setState({ registers, system: { ...system, cr4: CR4 }, activity: 'running' });
  expect(machine.run(10_000)).toBe('kicked');
  return machine;
}

/** Enables all of XSAVE's components and puts 0x55555554 into PKRU. */
const SET_UP = `
  xor ecx, ecx
  xor edx, edx
  mov eax, 0x203
  xsetbv
  mov eax, 0x55555554
  wrpkru
`;
const ALL = 'mov eax, -1\n mov edx, -1\n';

describe('PKRU as a component of XSAVE', () => {
  it('is saved at the place that CPUID tells', () => {
    const { memory } = run(`${SET_UP}${ALL} xsave [${AREA}]`);
    expect(Number(memory.read64(AREA + 512)) & 0x200).toBe(0x200);
    expect(memory.read64(AREA + 576)).toBe(0x5555_5554n);
  });

  it('comes back by XRSTOR, and is zero when the area has none', () => {
    const { memory } = run(`${SET_UP}${ALL} xsave [${AREA}]
      xor eax, eax
      xor edx, edx
      wrpkru
      ${ALL} xrstor [${AREA}]
      rdpkru
      mov [0x91000], eax
      and word ptr [${AREA + 512}], ~0x200
      ${ALL} xrstor [${AREA}]
      rdpkru
      mov [0x91004], eax`);
    expect(memory.read32(0x9_1000)).toBe(0x5555_5554);
    expect(memory.read32(0x9_1004)).toBe(0);
  });

  it('is left alone by who did not ask for it', () => {
    const { memory } = run(`${SET_UP}
      mov qword ptr [${AREA + 576}], -1
      mov eax, 3
      xor edx, edx
      xsave [${AREA}]
      mov eax, 3
      xrstor [${AREA}]
      rdpkru
      mov [0x91000], eax`);
    expect(memory.read64(AREA + 576)).toBe(0xffff_ffff_ffff_ffffn);
    expect(memory.read32(0x9_1000)).toBe(0x5555_5554);
  });
});
