import { describe, expect, it } from 'vitest';
import { LocalApic } from '../../../src/cpu/lapic.js';
import { Msrs } from '../../../src/cpu/msrs.js';
import { GuestMemory } from '../../../src/vmm/memory/guest-memory.js';

function makeMsrs() {
  const apic = new LocalApic(0, {
    now: () => 0,
    send: () => undefined,
    eoi: () => undefined,
    changed: () => undefined,
    nmi: () => undefined,
    init: () => undefined,
    startup: () => undefined,
  });
  const msrs = new Msrs(apic, {
    memory: GuestMemory.allocate(2 << 20),
    wallClockAtPowerOn: () => 0,
    tscOffset: () => 0n,
    apicMoved: () => undefined,
  });
  return { apic, msrs };
}

describe('Msrs', () => {
  it('has the performance counters of every AMD processor, which count nothing', () => {
    const { msrs } = makeMsrs();
    for (let index = 0xc001_0000; index <= 0xc001_0007; index++) {
      expect(msrs.write(index, 0x53_0076n)).toBe(true);
      expect(msrs.read(index)).toBe(0n);
    }
    expect(msrs.read(0xc001_0008)).toBe(undefined);
  });
});
