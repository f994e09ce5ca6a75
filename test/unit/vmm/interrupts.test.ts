import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InterruptRouter, type IrqInputs } from '../../../src/vmm/interrupts.js';

class Controller implements IrqInputs {
  readonly calls: [pin: number, level: boolean][] = [];

  setPin(pin: number, level: boolean): void {
    this.calls.push([pin, level]);
  }
}

/** GSI 0 reaches pin 0 of one controller and pin 2 of the other, GSI 1 the other alone, GSI 2 none. */
function wire(): { router: InterruptRouter; pic: Controller; ioapic: Controller } {
  const [pic, ioapic] = [new Controller(), new Controller()];
  const router = new InterruptRouter([
    [
      { controller: pic, pin: 0 },
      { controller: ioapic, pin: 2 },
    ],
    [{ controller: ioapic, pin: 1 }],
    [],
  ]);
  return { router, pic, ioapic };
}

describe('an interrupt line', () => {
  it('drives every pin to which its interrupt is routed', () => {
    const { router, pic, ioapic } = wire();
    const line = router.line(0);
    line.set(true);
    line.set(false);
    expect(pic.calls).toEqual([
      [0, true],
      [0, false],
    ]);
    expect(ioapic.calls).toEqual([
      [2, true],
      [2, false],
    ]);
  });

  it('is heard only when its level changes', () => {
    const { router, ioapic } = wire();
    const line = router.line(1);
    line.set(false);
    line.set(true);
    line.set(true);
    line.set(false);
    line.set(false);
    expect(ioapic.calls).toEqual([
      [1, true],
      [1, false],
    ]);
  });

  it('that is routed nowhere has a level all the same', () => {
    const { router } = wire();
    router.line(2).set(true);
    expect(router.level(2)).toBe(true);
  });

  it.each([-1, 3, 0.5, NaN])('does not exist for interrupt %d', gsi => {
    expect(() => wire().router.line(gsi)).toThrow(RangeError);
  });
});

describe('a shared interrupt', () => {
  it('stays high until the last of its lines is low', () => {
    const { router, ioapic } = wire();
    const [a, b] = [router.line(1), router.line(1)];
    a.set(true);
    b.set(true);
    a.set(false);
    expect(router.level(1)).toBe(true);
    b.set(false);
    expect(ioapic.calls).toEqual([
      [1, true],
      [1, false],
    ]);
  });

  it('is the OR of its lines, and a controller hears of each change once', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.boolean())), steps => {
        const { router, ioapic } = wire();
        const lines = Array.from({ length: 4 }, () => router.line(1));
        const levels = Array<boolean>(4).fill(false);
        const expected: [number, boolean][] = [];
        for (const [i, level] of steps) {
          const before = levels.includes(true);
          levels[i] = level;
          lines[i].set(level);
          const after = levels.includes(true);
          expect(router.level(1)).toBe(after);
          if (after !== before) expected.push([1, after]);
        }
        expect(ioapic.calls).toEqual(expected);
      }),
    );
  });
});
