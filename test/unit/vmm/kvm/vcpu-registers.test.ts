import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../../../src/vmm/layout.js';
import { kvmRegs, kvmSregs } from '../../../../src/vmm/kvm/structs.js';
import {
  generalFromKvm,
  generalToKvm,
  systemFromKvm,
  systemToKvm,
} from '../../../../src/vmm/kvm/vcpu-registers.js';
import { GENERAL_REGISTERS, type GeneralRegisters, type Segment } from '../../../../src/vmm/vcpu-state.js';

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const u32 = fc.nat(0xffff_ffff);
const u16 = fc.nat(0xffff);

const general = fc.record(
  Object.fromEntries(GENERAL_REGISTERS.map(name => [name, u64])) as Record<
    keyof GeneralRegisters,
    typeof u64
  >,
);
const segment: fc.Arbitrary<Segment> = fc.record({
  selector: u16,
  base: u64,
  limit: u32,
  // Bits 8–11 are no attributes.
  attributes: u16.map(value => value & 0xf0ff),
  unusable: fc.boolean(),
});
const table = fc.record({ base: u64, limit: u16 });
const system = fc.record({
  ...{
    cs: segment,
    ds: segment,
    es: segment,
    fs: segment,
    gs: segment,
    ss: segment,
    tr: segment,
    ldt: segment,
  },
  ...{ gdt: table, idt: table, cr0: u64, cr2: u64, cr3: u64, cr4: u64, cr8: u64, efer: u64, apicBase: u64 },
});

describe('registers on their way to KVM and back', () => {
  it('are the same, all general ones', () => {
    fc.assert(
      fc.property(general, registers => {
        const bytes = encode(kvmRegs, generalToKvm(registers));
        expect(generalFromKvm(decode(kvmRegs, bytes))).toEqual(registers);
      }),
    );
  });

  it('are the same, all segments, tables and control registers', () => {
    fc.assert(
      fc.property(system, registers => {
        const bytes = encode(kvmSregs, systemToKvm(registers));
        expect(systemFromKvm(decode(kvmSregs, bytes))).toEqual(registers);
      }),
    );
  });
});

describe("a segment's attributes", () => {
  it.each([
    ['64-bit code', 0xa09b, { type: 11, s: 1, dpl: 0, present: 1, avl: 0, l: 1, db: 0, g: 1 }],
    ['32-bit user data', 0xc0f3, { type: 3, s: 1, dpl: 3, present: 1, avl: 0, l: 0, db: 1, g: 1 }],
    ['a busy TSS', 0x008b, { type: 11, s: 0, dpl: 0, present: 1, avl: 0, l: 0, db: 0, g: 0 }],
    ['what software may use', 0x1000, { type: 0, s: 0, dpl: 0, present: 0, avl: 1, l: 0, db: 0, g: 0 }],
  ])('are the fields that KVM keeps apart: %s', (_, attributes, fields) => {
    const registers = fc.sample(system, { numRuns: 1, seed: 1 })[0];
    const { cs } = systemToKvm({ ...registers, cs: { ...registers.cs, attributes } });
    expect(cs).toMatchObject(fields);
  });
});
