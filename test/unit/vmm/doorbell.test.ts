import { describe, expect, it } from 'vitest';
import { Doorbell } from '../../../src/vmm/doorbell.js';
import { onThread } from './threads.js';

describe('a doorbell', () => {
  it('is rung until it is answered', () => {
    const bell = new Doorbell(Doorbell.allocate());
    expect(bell.rung).toBe(false);
    bell.ring();
    bell.ring();
    expect(bell.rung).toBe(true);
    bell.answer();
    expect(bell.rung).toBe(false);
    bell.raise();
    expect(bell.rung).toBe(true);
  });

  it('does not let its owner sleep while it is rung', () => {
    const bell = new Doorbell(Doorbell.allocate());
    bell.ring();
    expect(bell.wait(Infinity)).toBe(true);
    expect(bell.rung).toBe(true);
  });

  it('lets its owner sleep no longer than asked for', () => {
    const bell = new Doorbell(Doorbell.allocate());
    expect(bell.wait(1)).toBe(false);
    expect(bell.rung).toBe(false);
  });
});

describe('the interruption of the owner', () => {
  function recorded(): { bell: Doorbell; calls: [thread: number, address: number][] } {
    const calls: [number, number][] = [];
    const bell = new Doorbell(Doorbell.allocate(), (thread, address) => calls.push([thread, address]));
    return { bell, calls };
  }

  it('happens where the owner said how, once until it answers', () => {
    const { bell, calls } = recorded();
    bell.own(1234, 0x7f12_3456_7001);
    bell.ring();
    bell.ring();
    expect(calls).toEqual([[1234, 0x7f12_3456_7001]]);
    bell.answer();
    bell.ring();
    expect(calls).toHaveLength(2);
  });

  it('keeps addresses exact in both halves', () => {
    for (const address of [0x8000_0001, 0x7fff_ffff_f001, 0x1_0000_0001]) {
      const { bell, calls } = recorded();
      bell.own(1, address);
      bell.ring();
      expect(calls).toEqual([[1, address]]);
    }
  });

  it('does not happen when the owner raises it itself, has not said how, or took that back', () => {
    const { bell, calls } = recorded();
    bell.ring();
    bell.answer();
    bell.own(1, 0x1001);
    bell.raise();
    bell.ring();
    bell.answer();
    bell.disown();
    bell.ring();
    expect(calls).toEqual([]);
  });

  it('leaves the doorbell usable when it fails', () => {
    const bell = new Doorbell(Doorbell.allocate(), () => {
      throw new RangeError('no such thread');
    });
    bell.own(1, 0x1001);
    expect(() => bell.ring()).toThrow(RangeError);
    bell.disown();
    expect(bell.rung).toBe(true);
  });
});

describe('between threads', () => {
  it('loses no ring: what was left before a ring is seen after it', async () => {
    const rounds = 20_000;
    const data = { buffer: Doorbell.allocate(), work: new SharedArrayBuffer(4), rounds };
    // The owner works as the machine does: answer, look, sleep.
    const owner = onThread(data, ({ buffer, work, rounds }, { Doorbell }) => {
      const bell = new Doorbell(buffer);
      const words = new Int32Array(work);
      for (let naps = 0; ; naps++) {
        bell.answer();
        if (Atomics.load(words, 0) === rounds) return 'saw all';
        if (!bell.wait(30_000)) return `slept over ${Atomics.load(words, 0)} after ${naps} naps`;
      }
    });
    const ringers = [0, 1].map(() =>
      onThread(data, ({ buffer, work, rounds }, { Doorbell }) => {
        const bell = new Doorbell(buffer);
        for (let i = 0; i < rounds / 2; i++) {
          Atomics.add(new Int32Array(work), 0, 1);
          bell.ring();
        }
      }),
    );
    await Promise.all(ringers);
    expect(await owner).toBe('saw all');
  });

  it('wakes an owner that sleeps without end', async () => {
    const buffer = Doorbell.allocate();
    const owner = onThread(buffer, (buffer, { Doorbell }) => {
      const bell = new Doorbell(buffer);
      bell.wait(Infinity);
      return bell.rung;
    });
    new Doorbell(buffer).ring();
    expect(await owner).toBe(true);
  });

  it('is not given back while somebody is about to use the address of the exit byte', async () => {
    const INSIDE = 0;
    const GO_ON = 1;
    const GIVEN_BACK = 2;
    const data = { buffer: Doorbell.allocate(), steps: new SharedArrayBuffer(12) };
    const steps = new Int32Array(data.steps);
    new Doorbell(data.buffer).own(1, 0x1001);
    const ringer = onThread(data, ({ buffer, steps: shared }, { Doorbell }) => {
      const steps = new Int32Array(shared);
      let givenBack: number | undefined;
      const bell = new Doorbell(buffer, () => {
        Atomics.store(steps, 0, 1);
        Atomics.notify(steps, 0);
        Atomics.wait(steps, 1, 0);
        givenBack = Atomics.load(steps, 2);
      });
      bell.ring();
      return givenBack;
    });
    const owner = onThread(data, ({ buffer, steps: shared }, { Doorbell }) => {
      const steps = new Int32Array(shared);
      Atomics.wait(steps, 0, 0);
      new Doorbell(buffer).disown();
      Atomics.store(steps, 2, 1);
      return true;
    });
    // The owner is given every chance to be wrong before the ringer goes on.
    while (Atomics.load(steps, INSIDE) === 0 || Atomics.load(new Int32Array(data.buffer), 1) !== 0)
      await new Promise(resolve => setImmediate(resolve));
    for (let i = 0; i < 100; i++) await new Promise(resolve => setImmediate(resolve));
    expect(Atomics.load(steps, GIVEN_BACK)).toBe(0);
    Atomics.store(steps, GO_ON, 1);
    Atomics.notify(steps, GO_ON);
    expect(await ringer).toBe(0);
    expect(await owner).toBe(true);
  });
});
