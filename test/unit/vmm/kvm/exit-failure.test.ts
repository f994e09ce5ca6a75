import { describe, expect, it } from 'vitest';
import { KvmExit, KvmInternalError } from '../../../../src/vmm/kvm/constants.js';
import { describeExit } from '../../../../src/vmm/kvm/exit-failure.js';
import { kvmRun } from '../../../../src/vmm/kvm/structs.js';
import { offsetOf } from '../../../../src/vmm/layout.js';

const PAGE = 4096;
const EXIT = offsetOf(kvmRun, 'exit');

/** A vCPU's shared page after an exit; `fill` writes the exit's own fields, from the start of their union. */
function page(reason: number, fill: (exit: DataView) => void = () => undefined): Uint8Array {
  const bytes = new Uint8Array(PAGE);
  new DataView(bytes.buffer).setUint32(offsetOf(kvmRun, 'exit_reason'), reason, true);
  fill(new DataView(bytes.buffer, EXIT));
  return bytes;
}

const NAMES = Object.entries(KvmExit).filter(
  (entry): entry is [string, KvmExit] => typeof entry[1] === 'number',
);

describe('an exit that cannot be served', () => {
  it.each(NAMES)('is called KVM_EXIT_%s', (name, reason) => {
    const failure = describeExit(page(reason));
    expect(failure.reason).toMatch(new RegExp(`^KVM_EXIT_${name}($|[: ])`));
  });

  it('has its number where it has no name', () => {
    expect(describeExit(page(4711))).toEqual({ reason: 'KVM_EXIT_4711', details: {} });
  });

  it('tells why the processor refused to enter', () => {
    const failure = describeExit(
      page(KvmExit.FAIL_ENTRY, exit => {
        exit.setBigUint64(0, 0x8000_0021n, true);
        exit.setUint32(8, 3, true);
      }),
    );
    expect(failure.reason).toContain("the processor refused the guest's state");
    expect(failure.details).toEqual({ hardware_entry_failure_reason: '0x80000021', cpu: 3 });
  });

  it.each([
    [KvmExit.UNKNOWN, 0, { hardware_exit_reason: '0xfedcba9876543210' }],
    [KvmExit.HYPERCALL, 0, { nr: '0xfedcba9876543210' }],
    [KvmExit.SYSTEM_EVENT, 0, { type: 0x7654_3210 }],
    [KvmExit.X86_RDMSR, 12, { msr: '0x76543210' }],
    [KvmExit.X86_WRMSR, 12, { msr: '0x76543210' }],
  ])('tells what it is about: %d', (reason, offset, details) => {
    const failure = describeExit(
      page(reason, exit => exit.setBigUint64(offset, 0xfedc_ba98_7654_3210n, true)),
    );
    expect(failure.details).toEqual(details);
  });
});

describe('an internal error of KVM', () => {
  function internal(suberror: number, count: number, data: readonly bigint[] = []): Uint8Array {
    return page(KvmExit.INTERNAL_ERROR, exit => {
      exit.setUint32(0, suberror, true);
      exit.setUint32(4, count, true);
      data.forEach((value, i) => exit.setBigUint64(8 + 8 * i, value, true));
    });
  }

  it('shows the instruction that KVM could not emulate', () => {
    const run = internal(KvmInternalError.EMULATION, 4, [1n]);
    // Size, then up to 15 bytes (struct emulation_failure).
    run.set([3, 0x0f, 0x01, 0xd1, 0xcc], EXIT + 16);
    expect(describeExit(run)).toEqual({
      reason: 'KVM_EXIT_INTERNAL_ERROR: KVM cannot emulate the instruction',
      details: { instruction: '0f01d1' },
    });
  });

  it('shows at most an instruction’s length, whatever KVM says', () => {
    const run = internal(KvmInternalError.EMULATION, 4, [1n]);
    run.fill(0xff, EXIT + 16, EXIT + 48);
    expect(describeExit(run).details).toEqual({ instruction: 'ff'.repeat(15) });
  });

  it.each([
    ['without data', internal(KvmInternalError.EMULATION, 0)],
    ['without the flag for the instruction', internal(KvmInternalError.EMULATION, 4, [2n, 0x11n])],
  ])('shows no instruction %s', (_, run) => {
    expect(describeExit(run).details).toEqual({});
  });

  it('names the others and shows their data', () => {
    expect(describeExit(internal(KvmInternalError.DELIVERY_EV, 2, [0x80ff_ffffn, 0x0fn]))).toEqual({
      reason: 'KVM_EXIT_INTERNAL_ERROR DELIVERY_EV',
      details: { data: '0x80ffffff 0xf' },
    });
    expect(describeExit(internal(99, 0)).reason).toBe('KVM_EXIT_INTERNAL_ERROR 99');
  });

  it('shows no more data than there is room for', () => {
    const { details } = describeExit(internal(KvmInternalError.SIMUL_EX, 0xffff_ffff));
    expect(String(details['data']).split(' ')).toHaveLength(16);
  });
});
