import { describe, expect, it } from 'vitest';
import { ApicBus } from '../../../src/cpu/apic/apic-bus.js';
import { LocalApic } from '../../../src/cpu/apic/local-apic.js';
import { serveHypercall, type Hypercall } from '../../../src/cpu/hypercalls.js';

function setUp() {
  const bus = new ApicBus();
  const host = {
    now: () => 0,
    send: () => undefined,
    eoi: () => undefined,
    changed: () => undefined,
    nmi: () => undefined,
    init: () => undefined,
    startup: () => undefined,
  };
  const apics = Array.from({ length: 3 }, (_, index) => new LocalApic(index, host));
  for (const apic of apics) {
    bus.attach(apic);
    apic.write(0xf0, 0x1ff);
  }
  const call = (number: bigint, given: Partial<Hypercall> = {}): bigint =>
    serveHypercall({ number, arguments: [0n, 0n, 0n, 0n], wide: true, cpl: 0, ...given }, bus);
  return { call, taken: () => apics.map(apic => apic.acknowledge()) };
}

describe('hypercalls', () => {
  it('are for the kernel alone, and say which of them there are', () => {
    const { call } = setUp();
    expect(call(1n)).toBe(0n);
    expect(call(1n, { cpl: 3 })).toBe(-1n);
    expect(call(99n)).toBe(-1000n);
  });

  it('send IPIs to a set of APIC IDs and tell to how many', () => {
    const { call, taken } = setUp();
    expect(call(10n, { arguments: [0b1001n, 0n, 1n, 0x45n] })).toBe(1n);
    expect(taken()).toEqual([-1, 0x45, -1]);
    expect(call(10n, { arguments: [0n, 1n, 0n, 0x45n], wide: false })).toBe(0n);
    expect(call(10n, { arguments: [0xffff_ffffn, 0n, 0xffff_ffffn, 0x45n] })).toBe(0n);
    expect(call(10n, { arguments: [1n, 0n, 0n, 0x845n] })).toBe(-22n);
  });
});
