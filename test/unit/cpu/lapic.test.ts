import { describe, expect, it } from 'vitest';
import {
  APIC_BASE_ENABLE,
  APIC_BASE_X2APIC,
  DeliveryMode,
  LocalApic,
  type ApicMessage,
} from '../../../src/cpu/lapic.js';

function makeApic(id = 0) {
  const sent: { message: ApicMessage; shorthand: number }[] = [];
  const ended: number[] = [];
  const time = { now: 0 };
  const apic = new LocalApic(id, {
    now: () => time.now,
    send: (message, shorthand) => sent.push({ message, shorthand }),
    eoi: vector => ended.push(vector),
    changed: () => undefined,
    nmi: () => undefined,
    init: () => undefined,
    startup: () => undefined,
  });
  apic.write(0xf0, 0x1ff);
  return { apic, sent, ended, time };
}

const fixed = (vector: number, level = false): ApicMessage => ({
  destination: 0,
  logical: false,
  mode: DeliveryMode.FIXED,
  vector,
  level,
});

describe('LocalApic', () => {
  it('serves the highest vector first and holds back what is not above it', () => {
    const { apic } = makeApic();
    apic.deliver(fixed(0x31));
    apic.deliver(fixed(0x52));
    expect(apic.acknowledge()).toBe(0x52);
    expect(apic.read(0xa0)).toBe(0x50);
    expect(apic.pending).toBe(false);
    apic.write(0xb0, 0);
    expect(apic.acknowledge()).toBe(0x31);
  });

  it('holds back what the task priority does not let through', () => {
    const { apic } = makeApic();
    apic.deliver(fixed(0x45));
    apic.write(0x80, 0x40);
    expect(apic.pending).toBe(false);
    apic.taskPriority = 3;
    expect(apic.pending).toBe(true);
  });

  it('reports the end of level-triggered interrupts only', () => {
    const { apic, ended } = makeApic();
    for (const [vector, level] of [
      [0x40, true],
      [0x41, false],
    ] as const) {
      apic.deliver(fixed(vector, level));
      apic.acknowledge();
      apic.write(0xb0, 0);
    }
    expect(ended).toEqual([0x40]);
  });

  it('counts its timer down in nanoseconds times the divisor, once or periodically', () => {
    const { apic, time } = makeApic();
    apic.write(0x320, 0x2_0050);
    apic.write(0x3e0, 0);
    apic.write(0x380, 100);
    expect(apic.deadline).toBe(200);
    time.now = 50;
    expect(apic.read(0x390)).toBe(75);
    apic.expire(410);
    expect(apic.acknowledge()).toBe(0x50);
    expect(apic.deadline).toBe(600);
    apic.write(0x320, 0x50);
    apic.write(0x380, 1);
    apic.expire(1000);
    expect(apic.deadline).toBe(Infinity);
  });

  it('matches flat and cluster logical destinations, and IDs', () => {
    const { apic } = makeApic(2);
    apic.write(0xd0, 0x0400_0000);
    const to = (destination: number, logical: boolean): boolean =>
      apic.isDestination({ ...fixed(0x40), destination, logical });
    expect([to(4, true), to(3, true), to(2, false), to(1, false), to(0xff, false)]).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
    apic.write(0xe0, 0x0fff_ffff);
    apic.write(0xd0, 0x2400_0000);
    expect([to(0x24, true), to(0x14, true), to(0xf4, true), to(0x21, true)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it('sends what the interrupt command register says', () => {
    const { apic, sent } = makeApic();
    apic.write(0x310, 0x0300_0000);
    apic.write(0x300, 0x0000_4608);
    apic.write(0x300, 0x000c_0041);
    expect(sent).toEqual([
      {
        message: { destination: 3, logical: false, mode: DeliveryMode.STARTUP, vector: 8, level: false },
        shorthand: 0,
      },
      {
        message: { destination: 3, logical: false, mode: DeliveryMode.FIXED, vector: 0x41, level: false },
        shorthand: 3,
      },
    ]);
  });

  it('goes to x2APIC mode by way of xAPIC mode only, and derives its logical ID there', () => {
    const { apic } = makeApic(0x25);
    expect(apic.setBase(0xfee0_0000 | APIC_BASE_X2APIC)).toBe(false);
    expect(apic.setBase(0xfee0_0000 | APIC_BASE_ENABLE | APIC_BASE_X2APIC)).toBe(true);
    expect(apic.page).toBe(-1);
    expect(apic.read(0xd0)).toBe((2 << 16) | (1 << 5));
    expect(apic.setBase(0xfee0_0000 | APIC_BASE_ENABLE)).toBe(false);
    expect(apic.setBase(0xfee0_0000)).toBe(true);
    expect(apic.setBase(0xfee0_0000 | APIC_BASE_ENABLE | APIC_BASE_X2APIC)).toBe(false);
  });

  it('takes the PIC through LINT0 as ExtINT, or when it is off', () => {
    const { apic } = makeApic();
    apic.intr = true;
    expect(apic.takesIntr).toBe(false);
    apic.write(0x350, 0x700);
    expect(apic.takesIntr).toBe(true);
    apic.write(0x350, 0x1_0700);
    apic.setBase(0xfee0_0000);
    expect(apic.takesIntr).toBe(true);
  });
});
