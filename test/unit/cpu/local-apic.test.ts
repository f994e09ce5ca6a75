import { describe, expect, it } from 'vitest';
import { BROADCAST, DeliveryMode, type ApicMessage } from '../../../src/cpu/apic/apic-message.js';
import { APIC_BASE_ENABLE, APIC_BASE_X2APIC, LocalApic } from '../../../src/cpu/apic/local-apic.js';

const XAPIC = 0xfee0_0000 + APIC_BASE_ENABLE;
const X2APIC = XAPIC + APIC_BASE_X2APIC;

function makeApic(id = 0) {
  const sent: { message: ApicMessage; shorthand: number }[] = [];
  const ended: number[] = [];
  const time = { now: 0 };
  const counts = { nmi: 0 };
  const apic = new LocalApic(id, {
    now: () => time.now,
    send: (message, shorthand) => sent.push({ message, shorthand }),
    eoi: vector => ended.push(vector),
    changed: () => undefined,
    nmi: () => counts.nmi++,
    init: () => undefined,
    startup: () => undefined,
  });
  apic.write(0xf0, 0x1ff);
  return { apic, sent, ended, time, counts };
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
    expect([to(4, true), to(3, true), to(2, false), to(1, false), to(BROADCAST, false)]).toEqual([
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
      false,
      false,
    ]);
    expect([to(BROADCAST, true), to(BROADCAST, false)]).toEqual([true, true]);
    apic.writeBase(X2APIC);
    expect([to(4, true), to(2, true), to(0x1_0004, true), to(2, false), to(BROADCAST, true)]).toEqual([
      true,
      false,
      false,
      true,
      true,
    ]);
    apic.writeBase(0xfee0_0000);
    expect([to(2, false), to(BROADCAST, false)]).toEqual([false, false]);
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
    expect(apic.writeBase(0xfee0_0000 + APIC_BASE_X2APIC)).toBe(false);
    expect(apic.writeBase(X2APIC)).toBe(true);
    expect(apic.page).toBe(-1);
    expect(apic.readX2(0xd0)).toBe((2 << 16) | (1 << 5));
    expect(apic.writeBase(XAPIC)).toBe(false);
    expect(apic.writeBase(0xfee0_0000)).toBe(true);
    expect(apic.writeBase(X2APIC)).toBe(false);
  });

  it('refuses reserved bits of IA32_APIC_BASE, and moves its page', () => {
    const { apic } = makeApic();
    expect(apic.writeBase(XAPIC + 1)).toBe(false);
    expect(apic.writeBase(XAPIC + 0x200)).toBe(false);
    expect(apic.writeBase(0x12_3456_7000 + APIC_BASE_ENABLE)).toBe(true);
    expect(apic.page).toBe(0x12_3456_7000);
  });

  it('keeps its logical ID over INIT in x2APIC mode', () => {
    const { apic } = makeApic(3);
    apic.writeBase(X2APIC);
    apic.reset();
    expect(apic.readX2(0xd0)).toBe(8);
  });

  it('shows whoever watches it each access of the guest, by offsets of xAPIC mode', () => {
    const { apic } = makeApic();
    const seen: string[] = [];
    apic.observer = {
      read: (of, offset, value) => seen.push(`${of.exists(offset)} ${offset} reads ${value}`),
      write: (of, offset, value) => seen.push(`${of.inService} ${offset} = ${value}`),
    };
    apic.deliver(fixed(0x52));
    apic.acknowledge();
    apic.write(0xb0, 0);
    apic.read(0x24);
    apic.writeBase(X2APIC);
    apic.writeX2Icr(0x4_0052n);
    expect(seen).toEqual(['true 176 = 0', 'false 36 reads 0', 'false 768 = 262226']);
    expect([0x300, 0x310, 0x040].map(offset => apic.exists(offset))).toEqual([true, false, false]);
  });

  it('has in x2APIC mode only the registers of table 11-6, and refuses their reserved bits', () => {
    const { apic } = makeApic();
    expect(apic.readX2(0x30)).toBe(undefined);
    apic.writeBase(X2APIC);
    const readable: number[] = [];
    const writable: number[] = [];
    for (let offset = 0; offset < 0x1000; offset += 0x10) {
      if (apic.readX2(offset) !== undefined) readable.push(offset);
      if (apic.writeX2(offset, 0)) writable.push(offset);
    }
    const vectors = Array.from({ length: 24 }, (_, i) => 0x100 + i * 0x10);
    const lvt = [0x320, 0x330, 0x340, 0x350, 0x360, 0x370];
    // The interrupt command register has 64 bits and functions of its own.
    expect(readable).toEqual([
      0x20,
      0x30,
      0x80,
      0xa0,
      0xd0,
      0xf0,
      ...vectors,
      0x280,
      ...lvt,
      0x380,
      0x390,
      0x3e0,
    ]);
    expect(writable).toEqual([0x80, 0xb0, 0xf0, 0x280, ...lvt, 0x380, 0x3e0, 0x3f0]);
    expect(apic.writeX2(0x80, 0x100)).toBe(false);
    expect(apic.writeX2(0xb0, 1)).toBe(false);
    expect(apic.writeX2(0x3f0, 0x100)).toBe(false);
    expect(apic.writeX2(0x320, 0x8_0000)).toBe(false);
    expect(apic.writeX2(0x380, 0xffff_ffff)).toBe(true);
    expect(apic.writeX2Icr(0x2000n)).toBe(false);
    expect(apic.writeX2Icr(0x0000_0007_0000_4040n)).toBe(true);
    expect(apic.readX2Icr()).toBe(0x0000_0007_0000_4040n);
  });

  it('has an ID in xAPIC mode that the guest may change, until the APIC is turned off', () => {
    const { apic } = makeApic(1);
    apic.write(0x20, 0x0900_0000);
    expect(apic.read(0x20)).toBe(0x0900_0000);
    expect(apic.isDestination({ ...fixed(0x40), destination: 9 })).toBe(true);
    apic.writeBase(0xfee0_0000);
    apic.writeBase(XAPIC);
    expect(apic.read(0x20)).toBe(0x0100_0000);
  });

  it('notes errors, shows them when the status is written, and raises its error interrupt', () => {
    const { apic, sent } = makeApic();
    apic.write(0x370, 0x60);
    apic.write(0x300, 0x4005);
    expect(sent).toEqual([]);
    apic.deliver(fixed(3));
    apic.read(0x3d0);
    expect(apic.read(0x280)).toBe(0);
    apic.write(0x280, 0);
    expect(apic.read(0x280)).toBe(0b1110_0000);
    apic.write(0x280, 0);
    expect(apic.read(0x280)).toBe(0);
    expect(apic.acknowledge()).toBe(0x60);
  });

  it('does not raise an error interrupt whose own vector is illegal', () => {
    const { apic } = makeApic();
    apic.write(0x370, 0x05);
    apic.deliver(fixed(3));
    expect(apic.pending).toBe(false);
    apic.write(0x280, 0);
    expect(apic.read(0x280)).toBe(0b0100_0000);
  });

  it('when software turns it off: masks its own interrupts, accepts none, and keeps what is pending', () => {
    const { apic, counts } = makeApic();
    apic.write(0x350, 0x40);
    apic.deliver(fixed(0x51));
    apic.write(0xf0, 0xff);
    apic.write(0x320, 0x42);
    expect([apic.read(0x350), apic.read(0x320)]).toEqual([0x1_0040, 0x1_0042]);
    apic.deliver(fixed(0x71));
    apic.deliver({ ...fixed(0), mode: DeliveryMode.NMI });
    expect(counts.nmi).toBe(1);
    expect(apic.acknowledge()).toBe(0x51);
  });

  it('raises the interrupt of a deadline that is over at once, and tells the armed state', () => {
    const { apic, time } = makeApic();
    apic.setTscDeadline(5);
    expect(apic.deadline).toBe(Infinity);
    apic.write(0x320, 0x4_00ef);
    time.now = 100;
    apic.setTscDeadline(300);
    expect(apic.deadline).toBe(300);
    expect(apic.pending).toBe(false);
    apic.setTscDeadline(99);
    expect(apic.deadline).toBe(Infinity);
    expect(apic.acknowledge()).toBe(0xef);
    apic.write(0x380, 10);
    expect(apic.deadline).toBe(Infinity);
  });

  it('goes from one-shot to periodic in the middle of its count, but not behind its end', () => {
    const { apic, time } = makeApic();
    apic.write(0x3e0, 0xb);
    apic.write(0x320, 0x50);
    apic.write(0x380, 100);
    time.now = 60;
    apic.write(0x320, 0x2_0050);
    expect(apic.read(0x390)).toBe(40);
    time.now = 130;
    expect(apic.read(0x390)).toBe(70);
    expect(apic.acknowledge()).toBe(0x50);
    apic.write(0x320, 0x50);
    time.now = 250;
    apic.write(0x320, 0x2_0050);
    expect(apic.read(0x390)).toBe(0);
    expect(apic.read(0x380)).toBe(100);
  });

  it('takes the PIC through LINT0 as ExtINT, or when it is off', () => {
    const { apic } = makeApic();
    apic.setIntr(true);
    // As firmware leaves the first processor.
    expect(apic.takesIntr).toBe(true);
    apic.write(0x350, 0x1_0700);
    expect(apic.takesIntr).toBe(false);
    apic.writeBase(0xfee0_0000);
    expect(apic.takesIntr).toBe(true);
    expect(makeApic(1).apic.read(0x350)).toBe(0x1_0000);
  });

  it('takes the PIC’s rising edge through LINT0 as an interrupt or NMI', () => {
    const { apic, counts } = makeApic();
    apic.write(0x350, 0x31);
    apic.setIntr(true);
    apic.setIntr(true);
    expect(apic.acknowledge()).toBe(0x31);
    expect(apic.pending).toBe(false);
    apic.write(0x350, 0x400);
    apic.setIntr(false);
    apic.setIntr(true);
    expect(counts.nmi).toBe(1);
    expect(apic.takesIntr).toBe(false);
  });

  it('knows that only a level-triggered INIT without assertion is none', () => {
    const { apic, sent } = makeApic();
    apic.write(0x300, 0x8500);
    expect(sent).toEqual([]);
    apic.write(0x300, 0x0500);
    apic.write(0x300, 0xc500);
    expect(sent.map(({ message }) => message.mode)).toEqual([DeliveryMode.INIT, DeliveryMode.INIT]);
  });
});
