import { beforeEach, describe, expect, it } from 'vitest';
import { Ioapic, IOAPIC_BASE, IOAPIC_PINS } from '../../../../src/devices/legacy/ioapic.js';
import type { MsiMessage } from '../../../../src/vmm/accelerator.js';
import { Bus } from '../../../../src/vmm/bus/bus.js';
import { snapshot } from './port-guest.js';

/** Expected behaviour from the 82093AA data sheet (Intel 290566), section 3; the message format from the SDM, 11.11. */

const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const POLARITY_LOW = 1 << 13;
const LOGICAL = 1 << 11;
const REMOTE_IRR = 1 << 14;
const MSI_LEVEL_ASSERT = 0xc000;

class Rig {
  readonly sent: MsiMessage[] = [];
  readonly routes: (readonly (MsiMessage | undefined)[])[] = [];
  readonly ioapic = new Ioapic({
    send: (address, data) => this.sent.push({ address, data }),
    onRoutes: routes => this.routes.push([...routes]),
  });
  readonly bus = new Bus('mmio', 2 ** 40);

  constructor() {
    for (const range of this.ioapic.ranges) this.bus.claim(this.ioapic.name, range);
  }

  read(index: number): number {
    this.bus.write(IOAPIC_BASE, 4, index);
    return this.bus.read(IOAPIC_BASE + 0x10, 4);
  }

  write(index: number, value: number): void {
    this.bus.write(IOAPIC_BASE, 4, index);
    this.bus.write(IOAPIC_BASE + 0x10, 4, value >>> 0);
  }

  /** Programs the entry of `pin`, high half first as drivers do. */
  redirect(pin: number, low: number, destination = 0): void {
    this.write(0x11 + 2 * pin, destination << 24);
    this.write(0x10 + 2 * pin, low);
  }

  low(pin: number): number {
    return this.read(0x10 + 2 * pin);
  }

  pulse(pin: number): void {
    this.ioapic.setPin(pin, true);
    this.ioapic.setPin(pin, false);
  }

  writeEoiRegister(vector: number): void {
    this.bus.write(IOAPIC_BASE + 0x40, 4, vector);
  }

  get vectors(): number[] {
    return this.sent.map(message => message.data & 0xff);
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe('registers (3.1, 3.2)', () => {
  it('has version 0x20 with 24 entries, all masked', () => {
    expect(rig.read(1)).toBe(0x0017_0020);
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      expect([rig.low(pin), rig.read(0x11 + 2 * pin)]).toEqual([MASKED, 0]);
    }
  });

  it('keeps the ID in bits 27:24, and shows it as arbitration ID', () => {
    rig.write(0, 0xffff_ffff);
    expect(rig.read(0)).toBe(0x0f00_0000);
    expect(rig.read(2)).toBe(0x0f00_0000);
    rig.write(1, 0xffff_ffff);
    rig.write(2, 0);
    expect([rig.read(1), rig.read(2)]).toEqual([0x0017_0020, 0x0f00_0000]);
  });

  it('keeps all fields of an entry but delivery status, remote IRR and the reserved bits', () => {
    rig.write(0x10, 0xffff_ffff);
    rig.write(0x11, 0xffff_ffff);
    expect([rig.read(0x10), rig.read(0x11)]).toEqual([0x0001_afff, 0xff00_0000]);
  });

  it('selects by the low byte, also when written as a byte, and reads it back', () => {
    rig.bus.write(IOAPIC_BASE, 1, 0x01);
    expect(rig.bus.read(IOAPIC_BASE, 4)).toBe(0x01);
    expect(rig.bus.read(IOAPIC_BASE + 0x10, 4)).toBe(0x0017_0020);
    rig.bus.write(IOAPIC_BASE, 4, 0xabcd_ef10);
    expect(rig.bus.read(IOAPIC_BASE, 4)).toBe(0x10);
  });

  it('reads 0 where no register is', () => {
    for (const index of [0x03, 0x0f, 0x40, 0xff]) {
      rig.write(index, 0xffff_ffff);
      expect(rig.read(index)).toBe(0);
    }
    expect(rig.bus.read(IOAPIC_BASE + 0x20, 4)).toBe(0);
    expect(rig.sent).toEqual([]);
  });

  it('names the register behind the window', () => {
    const [{ target }] = rig.ioapic.ranges;
    rig.bus.write(IOAPIC_BASE, 4, 0x15);
    expect(target.registerName?.(0x10, 'write')).toBe('IOREDTBL2[63:32]');
    expect(target.registerName?.(0x00, 'write')).toBe('IOREGSEL');
    expect(target.registerName?.(0x40, 'write')).toBe('EOIR');
  });
});

describe('messages', () => {
  it.each([
    ['fixed, physical', 0x31, 0x05, 0xfee0_5000, 0x0031],
    ['fixed, logical', 0x32 | LOGICAL, 0xff, 0xfeef_f004, 0x0032],
    ['lowest priority', 0x33 | (1 << 8) | LOGICAL, 0x0f, 0xfee0_f004, 0x0133],
    ['SMI', 2 << 8, 0, 0xfee0_0000, 0x0200],
    ['NMI', 4 << 8, 1, 0xfee0_1000, 0x0400],
    ['INIT', 5 << 8, 1, 0xfee0_1000, 0x0500],
    ['ExtINT', 7 << 8, 0, 0xfee0_0000, 0x0700],
    ['active low, which is the same here', 0x34 | POLARITY_LOW, 0, 0xfee0_0000, 0x0034],
    ['level', 0x35 | LEVEL, 2, 0xfee0_2000, 0x0035 | MSI_LEVEL_ASSERT],
  ])('%s', (_, low, destination, address, data) => {
    rig.redirect(7, low, destination);
    rig.ioapic.setPin(7, true);
    expect(rig.sent).toEqual([{ address, data }]);
    expect(rig.routes.at(-1)?.[7]).toEqual({ address, data });
  });

  it.each([2, 4, 5, 7])('delivery mode %d is edge-triggered whatever the trigger bit says', mode => {
    rig.redirect(3, (mode << 8) | LEVEL);
    rig.pulse(3);
    rig.pulse(3);
    expect(rig.sent.map(message => message.data)).toEqual([mode << 8, mode << 8]);
    expect(rig.low(3) & REMOTE_IRR).toBe(0);
  });
});

describe('edge-triggered pins', () => {
  it('send once for each rising edge', () => {
    rig.redirect(4, 0x44);
    rig.ioapic.setPin(4, true);
    rig.ioapic.setPin(4, true);
    expect(rig.vectors).toEqual([0x44]);
    rig.ioapic.setPin(4, false);
    rig.pulse(4);
    expect(rig.vectors).toEqual([0x44, 0x44]);
    rig.ioapic.eoi(0x44);
    expect(rig.vectors).toEqual([0x44, 0x44]);
  });

  it('lose edges while masked (3.2.4: "not delivered or held pending")', () => {
    rig.redirect(4, 0x44 | MASKED);
    rig.ioapic.setPin(4, true);
    rig.redirect(4, 0x44);
    expect(rig.sent).toEqual([]);
    rig.ioapic.setPin(4, false);
    rig.ioapic.setPin(4, true);
    expect(rig.vectors).toEqual([0x44]);
  });
});

describe('level-triggered pins', () => {
  beforeEach(() => rig.redirect(9, 0x59 | LEVEL));

  it('send, wait with remote IRR set, and send again at EOI while asserted', () => {
    rig.ioapic.setPin(9, true);
    expect(rig.low(9)).toBe(0x59 | LEVEL | REMOTE_IRR);
    rig.ioapic.setPin(9, false);
    rig.ioapic.setPin(9, true);
    expect(rig.vectors).toEqual([0x59]);
    rig.ioapic.eoi(0x59);
    expect(rig.vectors).toEqual([0x59, 0x59]);
    rig.ioapic.setPin(9, false);
    rig.ioapic.eoi(0x59);
    expect(rig.vectors).toEqual([0x59, 0x59]);
    expect(rig.low(9)).toBe(0x59 | LEVEL);
  });

  it('are ended by the EOI register too, and only by their own vector', () => {
    rig.ioapic.setPin(9, true);
    rig.writeEoiRegister(0x58);
    expect(rig.low(9) & REMOTE_IRR).toBe(REMOTE_IRR);
    rig.ioapic.setPin(9, false);
    rig.writeEoiRegister(0x59);
    expect(rig.low(9) & REMOTE_IRR).toBe(0);
  });

  it('share a vector: one EOI ends all of its pins', () => {
    rig.redirect(10, 0x59 | LEVEL);
    rig.ioapic.setPin(9, true);
    rig.ioapic.setPin(10, true);
    rig.ioapic.setPin(9, false);
    rig.ioapic.eoi(0x59);
    expect(rig.vectors).toEqual([0x59, 0x59, 0x59]);
    expect([rig.low(9) & REMOTE_IRR, rig.low(10) & REMOTE_IRR]).toEqual([0, REMOTE_IRR]);
  });

  it('send when they are unmasked while asserted', () => {
    rig.redirect(9, 0x59 | LEVEL | MASKED);
    rig.ioapic.setPin(9, true);
    expect(rig.sent).toEqual([]);
    rig.redirect(9, 0x59 | LEVEL);
    expect(rig.vectors).toEqual([0x59]);
  });

  it('do not send again when unmasked before EOI', () => {
    rig.ioapic.setPin(9, true);
    rig.redirect(9, 0x59 | LEVEL | MASKED);
    rig.redirect(9, 0x59 | LEVEL);
    expect(rig.vectors).toEqual([0x59]);
  });

  it('stay quiet at EOI while masked', () => {
    rig.ioapic.setPin(9, true);
    rig.redirect(9, 0x59 | LEVEL | MASKED);
    rig.ioapic.eoi(0x59);
    expect(rig.vectors).toEqual([0x59]);
    rig.redirect(9, 0x59 | LEVEL);
    expect(rig.vectors).toEqual([0x59, 0x59]);
  });

  it('lose their remote IRR when they are made edge-triggered, as Linux ends interrupts by hand', () => {
    rig.ioapic.setPin(9, true);
    rig.redirect(9, 0x59 | MASKED);
    rig.redirect(9, 0x59 | LEVEL | MASKED);
    expect(rig.low(9)).toBe(0x59 | LEVEL | MASKED);
    rig.redirect(9, 0x59 | LEVEL);
    expect(rig.vectors).toEqual([0x59, 0x59]);
  });

  it('send when an asserted edge-triggered pin becomes level-triggered', () => {
    rig.redirect(8, 0x48);
    rig.ioapic.setPin(8, true);
    rig.redirect(8, 0x48 | LEVEL);
    expect(rig.vectors).toEqual([0x48, 0x48]);
  });
});

describe('routes', () => {
  it('are announced before the message that a write sends', () => {
    const order: string[] = [];
    const ioapic = new Ioapic({ send: () => order.push('send'), onRoutes: () => order.push('routes') });
    const [{ target }] = ioapic.ranges;
    ioapic.setPin(0, true);
    target.write(0x00, 4, 0x10);
    target.write(0x10, 4, 0x50 | LEVEL);
    expect(order).toEqual(['routes', 'send']);
  });

  it('are announced when they change, and not for what sends the same', () => {
    rig.redirect(5, 0x55);
    expect(rig.routes).toHaveLength(1);
    rig.redirect(5, 0x55 | POLARITY_LOW);
    rig.write(0, 0x0100_0000);
    rig.pulse(5);
    expect(rig.routes).toHaveLength(1);
    rig.write(0x11 + 10, 3 << 24);
    expect(rig.routes.at(-1)?.[5]).toEqual({ address: 0xfee0_3000, data: 0x55 });
    rig.redirect(5, 0x56, 3);
    rig.redirect(5, 0x56 | MASKED, 3);
    expect(rig.routes.at(-1)?.[5]).toBeUndefined();
    expect(rig.routes).toHaveLength(4);
  });

  it('stay for a level-triggered pin that is masked in its handler, until its EOI', () => {
    rig.redirect(9, 0x59 | LEVEL);
    rig.ioapic.setPin(9, true);
    rig.redirect(9, 0x59 | LEVEL | MASKED);
    expect(rig.routes.at(-1)?.[9]).toBeDefined();
    rig.ioapic.eoi(0x59);
    expect(rig.routes.at(-1)?.[9]).toBeUndefined();
  });
});

describe('reset and snapshots', () => {
  it('reset masks all pins, withdraws the routes and leaves the lines to their devices', () => {
    rig.redirect(9, 0x59 | LEVEL);
    rig.ioapic.setPin(9, true);
    rig.ioapic.reset();
    expect(rig.low(9)).toBe(MASKED);
    expect(rig.routes.at(-1)?.every(route => route === undefined)).toBe(true);
    rig.redirect(9, 0x59 | LEVEL);
    expect(rig.vectors).toEqual([0x59, 0x59]);
  });

  it('goes on from a snapshot with interrupts in flight', () => {
    rig.redirect(9, 0x59 | LEVEL, 1);
    rig.redirect(10, 0x5a | LEVEL, 2);
    rig.redirect(4, 0x44);
    rig.ioapic.setPin(9, true);
    rig.ioapic.setPin(10, true);
    rig.ioapic.setPin(4, true);
    rig.redirect(10, 0x5a | LEVEL | MASKED, 2);
    rig.bus.write(IOAPIC_BASE, 4, 0x22);
    const state = snapshot(rig.ioapic);

    const finish = (target: Rig): unknown => {
      const selected = target.bus.read(IOAPIC_BASE + 0x10, 4);
      target.sent.length = 0;
      target.ioapic.setPin(4, true);
      target.ioapic.eoi(0x59);
      target.ioapic.eoi(0x5a);
      return [selected, target.sent, target.low(9), target.low(10)];
    };
    const other = new Rig();
    other.ioapic.load(state);
    expect(other.sent).toEqual([]);
    expect(other.routes).toEqual([rig.routes.at(-1)]);
    expect(other.ioapic.save()).toEqual(rig.ioapic.save());
    expect(finish(other)).toEqual(finish(rig));
  });
});
