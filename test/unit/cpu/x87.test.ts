import { describe, expect, it } from 'vitest';
import { CoreRunner } from '../../cpu-oracle/core-runner.js';
import { CODE, DONE, SCRATCH, TestCase, WINDOW, type Outcome } from '../../cpu-oracle/layout.js';
import { generalRegisters, type Segment } from '../../../src/vmm/vcpu-state.js';
import { TestMachine, protectedMode } from './support/machine.js';

const PROTECTED = 0x8005_0031n;
const MP = 2n, EM = 4n, TS = 8n, NE = 0x20n; // prettier-ignore
const UD = 6, NM = 7, MF = 16; // prettier-ignore
const MASKED = 0x37f;
/** Without the mask of division by zero. */
const ZERO_DIVIDE_UNMASKED = 0x37b;

const FLD1 = [0xd9, 0xe8], FLDZ = [0xd9, 0xee], FDIVP = [0xde, 0xf9], FWAIT = [0x9b], FNSTSW_AX = [0xdf, 0xe0], FNCLEX = [0xdb, 0xe2]; // prettier-ignore
const ONE_BY_ZERO = [...FLD1, ...FLDZ, ...FDIVP];

function run(
  code: number[],
  { cr0 = PROTECTED | MP, control = MASKED, memory = new Uint8Array(WINDOW) } = {},
): Outcome {
  const test = new TestCase();
  test.setCode(code, 0);
  const { state } = test;
  state.fx.setUint16(0, control, true);
  state.mxcsr = 0x1f80;
  state.rflags = 2;
  state.setRegister(7, BigInt(SCRATCH));
  state.memory.set(memory);
  return new CoreRunner(cr0).run(test);
}

const at = (outcome: Outcome): number => Number(outcome.state.rip) - CODE;
const status = (outcome: Outcome): number => outcome.state.fx.getUint16(2, true);

describe('x87 exceptions', () => {
  it('are raised by the next instruction that waits', () => {
    const before = [...ONE_BY_ZERO, 0x90, ...FNSTSW_AX];
    const outcome = run([...before, ...FLD1], { control: ZERO_DIVIDE_UNMASKED });
    expect(outcome.vector).toBe(MF);
    expect(at(outcome)).toBe(before.length);
    expect(outcome.state.gpr[0] & 0xff).toBe(0x84);
  });

  it('are raised by FWAIT', () => {
    const outcome = run([...ONE_BY_ZERO, ...FWAIT], { control: ZERO_DIVIDE_UNMASKED });
    expect([outcome.vector, at(outcome)]).toEqual([MF, ONE_BY_ZERO.length]);
  });

  it('are raised by MMX instructions', () => {
    const outcome = run([...ONE_BY_ZERO, 0x0f, 0x77], { control: ZERO_DIVIDE_UNMASKED });
    expect([outcome.vector, at(outcome)]).toEqual([MF, ONE_BY_ZERO.length]);
  });

  it('leave the operands when they are not masked', () => {
    const outcome = run(ONE_BY_ZERO, { control: ZERO_DIVIDE_UNMASKED });
    expect(outcome.state.fxsave[4]).toBe(0xc0);
    expect(status(outcome) & 0x3800).toBe(6 << 11);
  });

  it('give infinity when they are masked', () => {
    const outcome = run(ONE_BY_ZERO);
    expect(status(outcome) & 0xff).toBe(4);
    expect(Buffer.from(outcome.state.fxsave.subarray(32, 42)).toString('hex')).toBe('0000000000000080ff7f');
  });

  it('go away with FNCLEX', () => {
    const outcome = run([...ONE_BY_ZERO, ...FNCLEX, ...FLD1], { control: ZERO_DIVIDE_UNMASKED });
    expect(outcome.vector).toBe(DONE);
    expect(status(outcome) & 0x80ff).toBe(0);
  });

  it('come back when FLDCW unmasks what is flagged', () => {
    const memory = new Uint8Array(WINDOW);
    new DataView(memory.buffer).setUint16(0, ZERO_DIVIDE_UNMASKED, true);
    const before = [...ONE_BY_ZERO, 0xd9, 0x2f];
    const outcome = run([...before, ...FWAIT], { memory });
    expect([outcome.vector, at(outcome)]).toEqual([MF, before.length]);
  });

  it('raise nothing with CR0.NE clear: IRQ 13 is not wired', () => {
    const outcome = run([...ONE_BY_ZERO, ...FWAIT], {
      control: ZERO_DIVIDE_UNMASKED,
      cr0: (PROTECTED | MP) & ~NE,
    });
    expect(outcome.vector).toBe(DONE);
    expect(status(outcome) & 0x8080).toBe(0x8080);
  });
});

describe('CR0 and x87', () => {
  it.each([
    ['TS', TS, FLD1, NM],
    ['EM', EM, FLD1, NM],
    ['EM and an instruction that does not wait', EM, [0xdb, 0xe3], NM],
    ['TS without MP and FWAIT', TS, FWAIT, DONE],
    ['TS with MP and FWAIT', TS | MP, FWAIT, NM],
    ['EM and FWAIT', EM | MP, FWAIT, DONE],
    ['TS and an opcode that does not exist', TS, [0xd9, 0xef], UD],
  ])('%s', (_, bits, code, vector) => {
    expect(run(code, { cr0: PROTECTED | bits }).vector).toBe(vector);
  });
});

describe('x87 in real mode', () => {
  it('stores its environment with linear addresses in two parts', () => {
    const machine = new TestMachine();
    const real = (base: number): Segment => ({
      selector: base >> 4,
      base: BigInt(base),
      limit: 0xffff,
      attributes: 0x93,
      unusable: false,
    });
    // FLD m32 [0x20]; FNSTENV [0x100]; FNSTENV [0x180] with 32-bit operands; HLT
    const code = [0xd9, 0x06, 0x20, 0x00, 0xd9, 0x36, 0x00, 0x01, 0x66, 0xd9, 0x36, 0x80, 0x01, 0xf4];
    machine.memory.write(0x12340, Uint8Array.from(code));
    const { system } = protectedMode({});
    machine.vm.vcpus[0].setState({
      registers: generalRegisters({ rip: 0n }),
      system: {
        ...system,
        cs: { ...real(0x12340), attributes: 0x9b },
        ds: real(0x34560),
        es: real(0),
        ss: real(0),
        cr0: 0x10n,
      },
      activity: 'running',
    });
    machine.run(1000);
    const words = (gpa: number, count: number): number[] =>
      Array.from({ length: count }, (_, i) => machine.memory.read16(gpa + 2 * i));
    // Control, status, tags (register 7 is zero), then IP, its top with the opcode, DP and its top.
    expect(words(0x34660, 7)).toEqual([0x37f, 0x3800, 0x7fff, 0x2340, 0x1106, 0x4580, 0x3000]);
    expect(words(0x346e0, 14)).toEqual([
      0x37f, 0xffff, 0x3800, 0xffff, 0x7fff, 0xffff, 0x2340, 0xffff, 0x1106, 0x0000, 0x4580, 0xffff, 0x3000, 0x0000,
    ]); // prettier-ignore
  });
});
