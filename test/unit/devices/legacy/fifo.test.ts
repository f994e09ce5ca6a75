import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../../../src/devices/legacy/fifo.js';

describe('Fifo', () => {
  it('says −1 when it is empty', () => {
    const fifo = new Fifo(2);
    fifo.replaceFirst(7);
    expect([fifo.shift(), fifo.peek(), fifo.length, fifo.space]).toEqual([-1, -1, 0, 2]);
  });

  it('drops what does not fit', () => {
    const fifo = new Fifo(2);
    expect([fifo.push(1), fifo.push(2), fifo.push(3)]).toEqual([true, true, false]);
    expect(fifo.toArray()).toEqual([1, 2]);
  });

  it('restores no more than it can hold', () => {
    const fifo = new Fifo(3);
    fifo.push(9);
    fifo.restore([1, 2, 3, 4]);
    expect(fifo.toArray()).toEqual([1, 2, 3]);
  });

  it('behaves as a bounded list', () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant('push' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
      fc.record({ op: fc.constant('replaceFirst' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
      fc.record({ op: fc.constantFrom('shift' as const, 'clear' as const, 'restore' as const) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step), (capacity, steps) => {
        const fifo = new Fifo(capacity);
        let model: number[] = [];
        for (const it of steps) {
          if (it.op === 'push') {
            expect(fifo.push(it.value)).toBe(model.length < capacity);
            if (model.length < capacity) model.push(it.value);
          } else if (it.op === 'replaceFirst') {
            fifo.replaceFirst(it.value);
            if (model.length > 0) model[0] = it.value;
          } else if (it.op === 'shift') {
            expect(fifo.shift()).toBe(model.shift() ?? -1);
          } else if (it.op === 'clear') {
            fifo.clear();
            model = [];
          } else {
            fifo.restore(fifo.toArray());
          }
          expect(fifo.toArray()).toEqual(model);
          expect([fifo.length, fifo.space]).toEqual([model.length, capacity - model.length]);
          expect(fifo.peek()).toBe(model[0] ?? -1);
        }
      }),
    );
  });
});
