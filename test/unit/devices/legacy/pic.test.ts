import { beforeEach, describe, expect, it } from 'vitest';
import { Pic } from '../../../../src/devices/legacy/pic.js';
import { PortGuest, snapshot } from './port-guest.js';

/** Expected behaviour from the 8259A data sheet (Intel 231468), whose sections the tests name. */

const MASTER = 0x20;
const SLAVE = 0xa0;
const ELCR1 = 0x4d0;
const ELCR2 = 0x4d1;

const EOI = 0x20;
const SPECIFIC_EOI = 0x60;
const ROTATE_ON_EOI = 0xa0;
const ROTATE_ON_SPECIFIC_EOI = 0xe0;
const ROTATE_IN_AEOI_SET = 0x80;
const ROTATE_IN_AEOI_CLEAR = 0x00;
const SET_PRIORITY = 0xc0;
const READ_IRR = 0x0a;
const READ_ISR = 0x0b;
const POLL = 0x0c;
const SPECIAL_MASK = 0x68;
const NO_SPECIAL_MASK = 0x48;

const ICW4_X86 = 0x01;
const ICW4_AEOI = 0x02;
const ICW4_SFNM = 0x10;

class Rig {
  readonly intrChanges: boolean[] = [];
  readonly pic = new Pic({ onIntr: level => this.intrChanges.push(level) });
  readonly guest = new PortGuest(this.pic);

  /** ICW1 to ICW4 as Linux writes them, and all inputs unmasked. */
  init(masterIcw4 = ICW4_X86, slaveIcw4 = ICW4_X86): this {
    for (const [port, base, icw3, icw4] of [
      [MASTER, 0x30, 0x04, masterIcw4],
      [SLAVE, 0x38, 0x02, slaveIcw4],
    ]) {
      this.guest.out(port, 0x11);
      this.guest.out(port + 1, base);
      this.guest.out(port + 1, icw3);
      this.guest.out(port + 1, icw4);
      this.guest.out(port + 1, 0x00);
    }
    return this;
  }

  command(chip: number, value: number): void {
    this.guest.out(chip, value);
  }

  mask(chip: number, value: number): void {
    this.guest.out(chip + 1, value);
  }

  irr(chip: number): number {
    this.guest.out(chip, READ_IRR);
    return this.guest.in(chip);
  }

  isr(chip: number): number {
    this.guest.out(chip, READ_ISR);
    return this.guest.in(chip);
  }

  pulse(...pins: number[]): void {
    for (const pin of pins) {
      this.pic.setPin(pin, true);
      this.pic.setPin(pin, false);
    }
  }

  get intr(): boolean {
    return this.intrChanges.at(-1) ?? false;
  }

  /** Acknowledges as long as INTR is high; the vectors. */
  acknowledgeAll(): number[] {
    const vectors: number[] = [];
    while (this.intr && vectors.length < 20) vectors.push(this.pic.acknowledge());
    return vectors;
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig().init();
});

describe('initialisation', () => {
  it('comes up with everything masked, so that a guest without a PIC driver never sees it', () => {
    rig = new Rig();
    rig.pulse(0, 1, 5, 8, 15);
    expect(rig.intrChanges).toEqual([]);
    expect([rig.guest.in(MASTER + 1), rig.guest.in(SLAVE + 1)]).toEqual([0xff, 0xff]);
  });

  it('gives vectors from ICW2', () => {
    rig.pulse(0);
    expect(rig.pic.acknowledge()).toBe(0x30);
    rig.command(MASTER, EOI);
    rig.pulse(12);
    expect(rig.pic.acknowledge()).toBe(0x3c);
  });

  it('skips ICW3 in single mode and ICW4 if ICW1 does not ask for it', () => {
    rig.guest.out(MASTER, 0x12);
    rig.guest.out(MASTER + 1, 0x4f);
    rig.guest.out(MASTER + 1, 0xfe);
    expect(rig.guest.in(MASTER + 1)).toBe(0xfe);
    rig.pulse(0);
    expect(rig.pic.acknowledge()).toBe(0x48);
  });

  it('forgets edges, mask, in-service levels, rotation, special mask and the ISR selection with ICW1', () => {
    rig.pulse(3);
    rig.pic.acknowledge();
    rig.pulse(4, 5);
    rig.mask(MASTER, 0x55);
    rig.command(MASTER, SET_PRIORITY | 2);
    rig.command(MASTER, SPECIAL_MASK);
    rig.command(MASTER, READ_ISR);
    rig.guest.out(MASTER, 0x11);
    expect(rig.guest.in(MASTER)).toBe(0);
    expect(rig.guest.in(MASTER + 1)).toBe(0);
    expect(rig.isr(MASTER)).toBe(0);
    expect(rig.intr).toBe(false);
  });

  it('needs a new rising edge after ICW1 on a line that stayed high', () => {
    rig.pic.setPin(4, true);
    rig.init();
    expect(rig.irr(MASTER)).toBe(0);
    rig.pic.setPin(4, false);
    rig.pic.setPin(4, true);
    expect(rig.acknowledgeAll()).toEqual([0x34]);
  });

  it('lets Linux probe for it through the mask register', () => {
    rig.mask(SLAVE, 0xff);
    rig.mask(MASTER, 0xfb);
    expect(rig.guest.in(MASTER + 1)).toBe(0xfb);
  });
});

describe('edges and levels', () => {
  it('takes one interrupt for each rising edge', () => {
    rig.pic.setPin(1, true);
    rig.pic.setPin(1, true);
    expect(rig.acknowledgeAll()).toEqual([0x31]);
    rig.command(MASTER, EOI);
    expect(rig.intr).toBe(false);
    rig.pic.setPin(1, false);
    rig.pic.setPin(1, true);
    expect(rig.acknowledgeAll()).toEqual([0x31]);
  });

  it('keeps an edge whose line fell before the acknowledge', () => {
    rig.pulse(6);
    expect(rig.irr(MASTER)).toBe(0x40);
    expect(rig.acknowledgeAll()).toEqual([0x36]);
    expect(rig.irr(MASTER)).toBe(0);
  });

  it('keeps a masked edge until it is unmasked', () => {
    rig.mask(MASTER, 0x40);
    rig.pulse(6);
    expect(rig.intr).toBe(false);
    rig.mask(MASTER, 0x00);
    expect(rig.acknowledgeAll()).toEqual([0x36]);
  });

  it('follows the level of an input that ELCR makes level-triggered, and asks again after EOI', () => {
    rig.guest.out(ELCR1, 1 << 5);
    rig.pic.setPin(5, true);
    expect(rig.acknowledgeAll()).toEqual([0x35]);
    expect(rig.irr(MASTER)).toBe(0x20);
    rig.command(MASTER, EOI);
    expect(rig.acknowledgeAll()).toEqual([0x35]);
    rig.pic.setPin(5, false);
    rig.command(MASTER, EOI);
    expect(rig.intr).toBe(false);
  });

  it('has ELCR bits 0, 1, 2, 8 and 13 fixed to edge (ICH9 data sheet, 13.4)', () => {
    rig.guest.out(ELCR1, 0xffff, 2);
    expect(rig.guest.in(ELCR1)).toBe(0xf8);
    expect(rig.guest.in(ELCR2)).toBe(0xde);
    expect(rig.guest.in(ELCR1, 2)).toBe(0xdef8);
  });

  it('ignores the cascade as an input', () => {
    rig.pic.setPin(2, true);
    expect(rig.irr(MASTER)).toBe(0);
    expect(rig.intrChanges).toEqual([]);
  });
});

describe('priority and end of interrupt', () => {
  it('serves IR0 first, and nests only higher levels (fully nested mode)', () => {
    rig.pulse(4, 6, 1);
    expect(rig.pic.acknowledge()).toBe(0x31);
    expect(rig.intr).toBe(false);
    rig.pulse(0);
    expect(rig.pic.acknowledge()).toBe(0x30);
    expect(rig.isr(MASTER)).toBe(0x03);
    rig.command(MASTER, EOI);
    expect(rig.isr(MASTER)).toBe(0x02);
    rig.command(MASTER, EOI);
    expect(rig.acknowledgeAll()).toEqual([0x34]);
  });

  it('ends just the level that a specific EOI names', () => {
    rig.pulse(5);
    rig.pic.acknowledge();
    rig.pulse(3);
    rig.pic.acknowledge();
    rig.command(MASTER, SPECIFIC_EOI | 5);
    expect(rig.isr(MASTER)).toBe(0x08);
    rig.command(MASTER, SPECIFIC_EOI | 6);
    expect(rig.isr(MASTER)).toBe(0x08);
  });

  it('ends nothing when nothing is in service', () => {
    rig.command(MASTER, EOI);
    rig.command(MASTER, ROTATE_ON_EOI);
    rig.pulse(0, 7);
    expect(rig.pic.acknowledge()).toBe(0x30);
  });

  it('leaves no ISR bit in automatic EOI mode', () => {
    rig.init(ICW4_X86 | ICW4_AEOI);
    rig.pulse(3, 1);
    expect(rig.acknowledgeAll()).toEqual([0x31, 0x33]);
    expect(rig.isr(MASTER)).toBe(0);
  });

  it('gives the level just served the lowest priority (rotate on non-specific EOI)', () => {
    rig.pulse(4, 6);
    expect(rig.pic.acknowledge()).toBe(0x34);
    rig.command(MASTER, ROTATE_ON_EOI);
    rig.pulse(4, 0);
    const order: number[] = [];
    for (let i = 0; i < 3; i++) {
      order.push(rig.pic.acknowledge());
      rig.command(MASTER, EOI);
    }
    expect(order).toEqual([0x36, 0x30, 0x34]);
  });

  it('rotates on a specific EOI to the level that it names', () => {
    rig.pulse(2 + 1);
    rig.pic.acknowledge();
    rig.command(MASTER, ROTATE_ON_SPECIFIC_EOI | 3);
    rig.pulse(3, 4);
    expect(rig.pic.acknowledge()).toBe(0x34);
  });

  it('sets the lowest priority without an EOI (specific rotation)', () => {
    rig.command(MASTER, SET_PRIORITY | 5);
    rig.pulse(5, 0, 6);
    expect(rig.pic.acknowledge()).toBe(0x36);
    // IR6 is now the highest level: nothing nests.
    expect(rig.intr).toBe(false);
    expect(rig.isr(MASTER)).toBe(0x40);
  });

  it('rotates in automatic EOI mode while that is switched on', () => {
    rig.init(ICW4_X86 | ICW4_AEOI);
    rig.command(MASTER, ROTATE_IN_AEOI_SET);
    rig.pulse(0, 1);
    expect(rig.pic.acknowledge()).toBe(0x30);
    rig.pulse(0);
    expect(rig.acknowledgeAll()).toEqual([0x31, 0x30]);
    rig.command(MASTER, ROTATE_IN_AEOI_CLEAR);
    rig.pulse(7, 0);
    expect(rig.acknowledgeAll()).toEqual([0x37, 0x30]);
    rig.pulse(7, 0);
    expect(rig.acknowledgeAll()).toEqual([0x37, 0x30]);
  });

  it('ignores the OCW2 no-operation', () => {
    rig.pulse(3);
    rig.pic.acknowledge();
    rig.command(MASTER, 0x40 | 3);
    expect(rig.isr(MASTER)).toBe(0x08);
  });
});

describe('special mask mode', () => {
  it('lets lower levels in while the one in service is masked', () => {
    rig.pulse(1);
    rig.pic.acknowledge();
    rig.mask(MASTER, 0x02);
    rig.pulse(6);
    expect(rig.intr).toBe(false);
    rig.command(MASTER, SPECIAL_MASK);
    expect(rig.acknowledgeAll()).toEqual([0x36]);
  });

  it('does not end a masked level by a non-specific EOI', () => {
    rig.pulse(1);
    rig.pic.acknowledge();
    rig.mask(MASTER, 0x02);
    rig.command(MASTER, SPECIAL_MASK);
    rig.command(MASTER, EOI);
    expect(rig.isr(MASTER)).toBe(0x02);
    rig.command(MASTER, NO_SPECIAL_MASK);
    rig.command(MASTER, EOI);
    expect(rig.isr(MASTER)).toBe(0);
  });

  it('changes only with ESMM', () => {
    rig.command(MASTER, SPECIAL_MASK);
    rig.command(MASTER, 0x08);
    rig.pulse(1);
    rig.pic.acknowledge();
    rig.mask(MASTER, 0x02);
    rig.pulse(6);
    expect(rig.intr).toBe(true);
  });
});

describe('poll command', () => {
  it('takes the highest request into service with the next read, of either port', () => {
    rig.pulse(5, 3);
    rig.command(MASTER, POLL);
    expect(rig.guest.in(MASTER)).toBe(0x83);
    expect(rig.isr(MASTER)).toBe(0x08);
    rig.command(MASTER, EOI);
    rig.command(MASTER, POLL);
    expect(rig.guest.in(MASTER + 1)).toBe(0x85);
    expect(rig.guest.in(MASTER + 1)).toBe(0x00);
    expect(rig.intr).toBe(false);
  });

  it('reads 0 without a request, and then the selected register again', () => {
    rig.command(MASTER, READ_ISR);
    rig.command(MASTER, POLL);
    expect(rig.guest.in(MASTER)).toBe(0);
    rig.pulse(4);
    rig.pic.acknowledge();
    expect(rig.guest.in(MASTER)).toBe(0x10);
  });

  it('polls the slave through the cascade: first the master, then the slave', () => {
    rig.pulse(10);
    rig.command(MASTER, POLL);
    expect(rig.guest.in(MASTER)).toBe(0x82);
    rig.command(SLAVE, POLL);
    expect(rig.guest.in(SLAVE)).toBe(0x82);
  });
});

describe('cascade', () => {
  it('puts both chips in service, and each wants its EOI', () => {
    rig.pulse(9);
    expect(rig.pic.acknowledge()).toBe(0x39);
    expect([rig.isr(MASTER), rig.isr(SLAVE)]).toEqual([0x04, 0x02]);
    rig.pulse(11);
    rig.command(SLAVE, EOI);
    expect(rig.intr).toBe(false);
    rig.command(MASTER, EOI);
    expect(rig.acknowledgeAll()).toEqual([0x3b]);
  });

  it('ranks the slave between IR1 and IR3', () => {
    rig.pulse(3, 15, 8, 1);
    const order: number[] = [];
    while (rig.intr) {
      const vector = rig.pic.acknowledge();
      order.push(vector);
      if (vector >= 0x38) rig.command(SLAVE, EOI);
      rig.command(MASTER, EOI);
    }
    expect(order).toEqual([0x31, 0x38, 0x3f, 0x33]);
  });

  it('does not let the slave interrupt itself in fully nested mode', () => {
    rig.pulse(12);
    rig.pic.acknowledge();
    rig.pulse(8);
    expect(rig.intr).toBe(false);
  });

  it('lets higher levels of the slave in, but no lower ones of the master, in special fully nested mode', () => {
    rig.init(ICW4_X86 | ICW4_SFNM);
    rig.pulse(12);
    rig.pic.acknowledge();
    rig.pulse(14, 3);
    expect(rig.intr).toBe(false);
    rig.pulse(8);
    expect(rig.acknowledgeAll()).toEqual([0x38]);
    expect(rig.isr(SLAVE)).toBe(0x11);
  });

  it('serves all requests of a slave in automatic EOI mode, one after the other', () => {
    rig.init(ICW4_X86 | ICW4_AEOI, ICW4_X86 | ICW4_AEOI);
    rig.pulse(9, 14, 11);
    expect(rig.acknowledgeAll()).toEqual([0x39, 0x3b, 0x3e]);
  });

  it('is masked as a whole by bit 2 of the master', () => {
    rig.mask(MASTER, 0x04);
    rig.pulse(9);
    expect(rig.intr).toBe(false);
    rig.mask(MASTER, 0x00);
    expect(rig.acknowledgeAll()).toEqual([0x39]);
  });
});

describe('spurious interrupts', () => {
  it('answers with IR7 and no ISR bit when the request is gone', () => {
    rig.guest.out(ELCR1, 1 << 5);
    rig.pic.setPin(5, true);
    rig.pic.setPin(5, false);
    expect(rig.intrChanges).toEqual([true, false]);
    expect(rig.pic.acknowledge()).toBe(0x37);
    expect(rig.isr(MASTER)).toBe(0);
  });

  it.each([
    ['its line falls', () => rig.pic.setPin(10, false)],
    ['the slave masks it', () => rig.mask(SLAVE, 0xff)],
  ])(
    'answers with IR15, and the master in service, when a request of the slave is gone because %s',
    (_, go) => {
      rig.guest.out(ELCR2, 1 << 2);
      rig.pic.setPin(10, true);
      go();
      expect(rig.acknowledgeAll()).toEqual([0x3f]);
      expect([rig.isr(MASTER), rig.isr(SLAVE)]).toEqual([0x04, 0x00]);
      rig.command(MASTER, EOI);
      expect(rig.intr).toBe(false);
    },
  );
});

describe('INTR', () => {
  it('is reported when it changes, and not otherwise', () => {
    rig.pulse(4, 5, 6);
    expect(rig.intrChanges).toEqual([true]);
    rig.pic.acknowledge();
    expect(rig.intrChanges).toEqual([true, false]);
    rig.command(MASTER, EOI);
    expect(rig.intrChanges).toEqual([true, false, true]);
    rig.mask(MASTER, 0xff);
    expect(rig.intrChanges).toEqual([true, false, true, false]);
  });
});

describe('reset and snapshots', () => {
  it('reset masks everything and leaves the lines to their devices', () => {
    rig.guest.out(ELCR1, 0x08);
    rig.pic.setPin(3, true);
    rig.pic.reset();
    expect(rig.intr).toBe(false);
    expect(rig.guest.in(ELCR1)).toBe(0);
    rig.init();
    expect(rig.intr).toBe(false);
    rig.guest.out(ELCR1, 0x08);
    expect(rig.acknowledgeAll()).toEqual([0x33]);
  });

  it('goes on from a snapshot in the middle of service, initialisation and poll', () => {
    rig.pulse(12, 4);
    rig.pic.acknowledge();
    rig.pulse(0, 9);
    rig.guest.out(ELCR2, 0x80);
    rig.pic.setPin(15, true);
    rig.command(MASTER, SET_PRIORITY | 3);
    rig.command(SLAVE, POLL);
    rig.guest.out(MASTER, 0x11);
    rig.guest.out(MASTER + 1, 0x50);
    const state = snapshot(rig.pic);

    const finish = (target: Rig): unknown => {
      target.guest.out(MASTER + 1, 0x04);
      target.guest.out(MASTER + 1, 0x03);
      target.pulse(1);
      return [target.guest.in(SLAVE), target.acknowledgeAll(), target.isr(SLAVE), target.irr(SLAVE)];
    };
    const other = new Rig();
    other.pic.load(state);
    expect(other.intrChanges).toEqual([rig.intr]);
    expect(other.pic.save()).toEqual(rig.pic.save());
    expect(finish(other)).toEqual(finish(rig));
  });
});
