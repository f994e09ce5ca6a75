import { describe, expect, it } from 'vitest';
import { ByteRing } from '../../../../src/vmm/byte-ring.js';
import { RingSink } from '../../../../src/vmm/machine/ring-sink.js';
import { onThread } from '../threads.js';

describe('output into a ring', () => {
  it('is announced when the ring was empty, and not again before it was read', () => {
    const buffer = ByteRing.allocate(8);
    let announced = 0;
    const sink = new RingSink(buffer, () => announced++);
    const ring = new ByteRing(buffer);
    for (const byte of [1, 2, 3]) sink.write(byte);
    expect(announced).toBe(1);
    expect(Array.from(ring.read())).toEqual([1, 2, 3]);
    sink.write(4);
    expect(announced).toBe(2);
    expect(ring.shift()).toBe(4);
  });

  it('waits for its reader, and no byte stays behind without an announcement', async () => {
    const TOTAL = 100_000;
    const shared = { buffer: ByteRing.allocate(64), announcements: new SharedArrayBuffer(4), total: TOTAL };
    const written = onThread(shared, ({ buffer, announcements, total }, { RingSink }) => {
      const sink = new RingSink(buffer, () => Atomics.add(new Int32Array(announcements), 0, 1));
      for (let i = 0; i < total; i++) sink.write(i & 0xff);
      return true;
    });
    const ring = new ByteRing(shared.buffer);
    const announcements = new Int32Array(shared.announcements);
    let received = 0;
    let wrong = 0;
    for (let heard = 0; received < TOTAL;) {
      // As the control thread: it reads until the ring is empty, and then only when it hears of output again.
      while (Atomics.load(announcements, 0) === heard) await new Promise(resolve => setImmediate(resolve));
      heard = Atomics.load(announcements, 0);
      while (ring.length > 0) for (const byte of ring.read()) wrong += byte === (received++ & 0xff) ? 0 : 1;
    }
    expect(wrong).toBe(0);
    expect(await written).toBe(true);
  });
});
