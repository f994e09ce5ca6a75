import { describe, expect, it } from 'vitest';
import { LocalApic } from '../../../src/cpu/apic/local-apic.js';
import { Msrs } from '../../../src/cpu/msrs.js';
import { GuestMemory } from '../../../src/vmm/memory/guest-memory.js';

const TSC = 0x10;
const APIC_BASE = 0x1b;
const TSC_ADJUST = 0x3b;
const TSC_DEADLINE = 0x6e0;
const SYSTEM_TIME = 0x4b56_4d01;

function makeMsrs() {
  const time = { now: 1000 };
  const apic = new LocalApic(0, {
    now: () => time.now,
    send: () => undefined,
    eoi: () => undefined,
    changed: () => undefined,
    nmi: () => undefined,
    init: () => undefined,
    startup: () => undefined,
  });
  const memory = GuestMemory.allocate(2 << 20);
  const host = {
    memory,
    wallClockAtPowerOn: () => 0,
    tsc: () => BigInt(time.now),
    tscOffset: 0n,
    apicMoved: () => undefined,
  };
  return { apic, host, memory, msrs: new Msrs(apic, host), time };
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

  it('refuses an APIC base beyond the physical addresses', () => {
    const { msrs } = makeMsrs();
    expect(msrs.write(APIC_BASE, 0x100_fee0_0900n)).toBe(false);
    expect(msrs.write(APIC_BASE, 0xff_fee0_0900n)).toBe(true);
    expect(msrs.read(APIC_BASE)).toBe(0xff_fee0_0900n);
  });

  it('moves the time stamp counter by its own number and by the adjustment, and each tells the other', () => {
    const { host, msrs } = makeMsrs();
    expect(msrs.read(TSC_ADJUST)).toBe(0n);
    msrs.write(TSC, 5000n);
    expect(host.tscOffset).toBe(4000n);
    expect(msrs.read(TSC_ADJUST)).toBe(4000n);
    msrs.write(TSC_ADJUST, 4100n);
    expect(host.tscOffset).toBe(4100n);
    msrs.write(TSC, 0n);
    expect(msrs.read(TSC_ADJUST)).toBe(BigInt.asUintN(64, -1000n));
    expect(host.tscOffset).toBe(BigInt.asUintN(64, -1000n));
  });

  it('keeps a TSC deadline in the counter’s own time', () => {
    const { apic, msrs, time } = makeMsrs();
    msrs.write(TSC_DEADLINE, 3000n);
    expect(msrs.read(TSC_DEADLINE)).toBe(0n);
    apic.write(0xf0, 0x1ff);
    apic.write(0x320, 0x4_0040);
    msrs.write(TSC_DEADLINE, 3000n);
    expect(msrs.read(TSC_DEADLINE)).toBe(3000n);
    expect(apic.deadline).toBe(3000);
    msrs.write(TSC, 1500n);
    expect(msrs.read(TSC_DEADLINE)).toBe(3000n);
    expect(apic.deadline).toBe(2500);
    time.now = 2500;
    apic.expire(2500);
    expect(msrs.read(TSC_DEADLINE)).toBe(0n);
  });

  it('publishes the clock anew when the counter moves, so that its time goes on', () => {
    const { memory, msrs } = makeMsrs();
    msrs.write(SYSTEM_TIME, 0x5001n);
    expect(memory.read64(0x5008)).toBe(0n);
    msrs.write(TSC, 7000n);
    expect(memory.read64(0x5008)).toBe(6000n);
  });

  it('has x2APIC registers in x2APIC mode alone', () => {
    const { msrs } = makeMsrs();
    expect(msrs.read(0x802)).toBe(undefined);
    expect(msrs.write(0x808, 0x20n)).toBe(false);
    msrs.write(APIC_BASE, 0xfee0_0d00n);
    expect(msrs.write(0x808, 0x20n)).toBe(true);
    expect(msrs.read(0x808)).toBe(0x20n);
    expect(msrs.write(0x808, 0x1_0000_0020n)).toBe(false);
    expect(msrs.write(0x830, 0x0000_0003_0000_4045n)).toBe(true);
    expect(msrs.read(0x830)).toBe(0x0000_0003_0000_4045n);
    expect(msrs.read(0x831)).toBe(undefined);
    expect(msrs.read(0x8ff)).toBe(undefined);
  });
});
