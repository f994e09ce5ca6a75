import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteRing } from '../../../src/vmm/byte-ring.js';
import { onThread } from './threads.js';

function ring(capacity: number): ByteRing {
  return new ByteRing(ByteRing.allocate(capacity));
}

describe('a ring', () => {
  it('is empty at first', () => {
    const r = ring(8);
    expect({ length: r.length, space: r.space }).toEqual({ length: 0, space: 8 });
    expect(r.shift()).toBe(-1);
    expect(r.read()).toHaveLength(0);
  });

  it('takes as many bytes as it has room for', () => {
    const r = ring(4);
    expect(r.write(Uint8Array.of(1, 2, 3, 4, 5, 6))).toBe(4);
    expect(r.push(7)).toBe(false);
    expect(r.write(Uint8Array.of(8))).toBe(0);
    expect(Array.from(r.read())).toEqual([1, 2, 3, 4]);
    expect(r.push(9)).toBe(true);
  });

  it('gives copies, which later writes do not change', () => {
    const r = ring(4);
    r.write(Uint8Array.of(1, 2, 3, 4));
    const taken = r.read();
    r.write(Uint8Array.of(5, 6, 7, 8));
    expect(Array.from(taken)).toEqual([1, 2, 3, 4]);
  });

  it('goes on when its counters pass 2^31 and 2^32', () => {
    for (const start of [2 ** 31 - 3, 2 ** 32 - 3]) {
      const buffer = ByteRing.allocate(8);
      new Int32Array(buffer).fill(start | 0, 0, 2);
      const r = new ByteRing(buffer);
      for (let i = 0; i < 10; i++) {
        expect(r.write(Uint8Array.of(i, i + 1, i + 2))).toBe(3);
        expect({ length: r.length, space: r.space }).toEqual({ length: 3, space: 5 });
        expect(r.shift()).toBe(i);
        expect(Array.from(r.read())).toEqual([i + 1, i + 2]);
      }
    }
  });

  it('behaves as a bounded queue', () => {
    const bytes = fc.uint8Array({ maxLength: 12 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), data: bytes }),
      fc.record({ kind: fc.constant('push' as const), data: fc.uint8Array({ minLength: 1, maxLength: 1 }) }),
      fc.record({
        kind: fc.constantFrom('shift' as const, 'read' as const),
        data: fc.constant(new Uint8Array()),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), steps => {
        const r = ring(8);
        let model: number[] = [];
        for (const { kind, data } of steps) {
          if (kind === 'write') {
            const count = Math.min(data.length, 8 - model.length);
            expect(r.write(data)).toBe(count);
            model.push(...data.subarray(0, count));
          } else if (kind === 'push') {
            expect(r.push(data[0])).toBe(model.length < 8);
            if (model.length < 8) model.push(data[0]);
          } else if (kind === 'shift') expect(r.shift()).toBe(model.shift() ?? -1);
          else {
            expect(Array.from(r.read())).toEqual(model);
            model = [];
          }
          expect({ length: r.length, space: r.space }).toEqual({
            length: model.length,
            space: 8 - model.length,
          });
        }
      }),
    );
  });
});

describe('the wish to hear of room', () => {
  it('is refused while there is some', () => {
    const r = ring(2);
    r.push(1);
    expect(r.awaitSpace()).toBe(false);
    expect(r.takeWaiting()).toBe(false);
  });

  it('is granted when the ring is full, and taken once', () => {
    const r = ring(2);
    r.write(Uint8Array.of(1, 2));
    expect(r.awaitSpace()).toBe(true);
    expect(r.takeWaiting()).toBe(true);
    expect(r.takeWaiting()).toBe(false);
  });
});

/** Bytes that are different at each place for long enough to notice one that is lost, doubled or out of order. */
function expectSequence(data: Uint8Array, start: number): void {
  const wrong = data.findIndex((byte, i) => byte !== (start + i) % 251);
  expect(wrong, `first wrong byte after ${start}`).toBe(-1);
}

describe('between two threads', () => {
  const TOTAL = 300_000;

  it('loses and reorders nothing when the producer sleeps on a full ring', async () => {
    const buffer = ByteRing.allocate(256);
    const produced = onThread({ buffer, total: TOTAL }, ({ buffer, total }, { ByteRing }) => {
      const ring = new ByteRing(buffer);
      for (let sent = 0; sent < total; sent++) while (!ring.push(sent % 251)) ring.waitForRead(1000);
      return total;
    });
    const r = new ByteRing(buffer);
    let received = 0;
    while (received < TOTAL) {
      const data = r.read();
      expectSequence(data, received);
      received += data.length;
      if (data.length === 0) await new Promise(resolve => setImmediate(resolve));
    }
    expect(await produced).toBe(TOTAL);
    expect(r.length).toBe(0);
  });

  it('loses and reorders nothing when the consumer takes byte by byte and the producer writes blocks', async () => {
    const buffer = ByteRing.allocate(64);
    const consumed = onThread({ buffer, total: TOTAL }, ({ buffer, total }, { ByteRing }) => {
      const ring = new ByteRing(buffer);
      const words = new Int32Array(buffer);
      for (let received = 0; received < total;) {
        const byte = ring.shift();
        // Word 1 is the tail: the producer does not notify, so that this only yields the processor.
        if (byte < 0) Atomics.wait(words, 1, words[1], 0.1);
        else if (byte !== received++ % 251) return received;
      }
      return total;
    });
    const r = new ByteRing(buffer);
    for (let sent = 0; sent < TOTAL;) {
      const block = Uint8Array.from({ length: Math.min(100, TOTAL - sent) }, (_, i) => (sent + i) % 251);
      sent += r.write(block);
      if (r.space === 0) await new Promise(resolve => setImmediate(resolve));
    }
    expect(await consumed).toBe(TOTAL);
  });

  it('never leaves a producer waiting for room that there is', async () => {
    const data = { buffer: ByteRing.allocate(16), told: new SharedArrayBuffer(4), total: 20_000 };
    // The consumer tells of room as the machine does: after it took something, if the producer asked.
    const consumed = onThread(data, ({ buffer, told, total }, { ByteRing }) => {
      const ring = new ByteRing(buffer);
      const bell = new Int32Array(told);
      for (let received = 0; received < total;) {
        received += ring.read().length;
        if (!ring.takeWaiting()) continue;
        Atomics.add(bell, 0, 1);
        Atomics.notify(bell, 0);
      }
      return true;
    });
    const produced = onThread(data, ({ buffer, told, total }, { ByteRing }) => {
      const ring = new ByteRing(buffer);
      const bell = new Int32Array(told);
      for (let sent = 0; sent < total; sent++) {
        for (;;) {
          const before = Atomics.load(bell, 0);
          if (ring.push(sent & 0xff)) break;
          if (ring.awaitSpace() && Atomics.wait(bell, 0, before, 30_000) === 'timed-out')
            return `stuck at ${sent}`;
        }
      }
      return 'done';
    });
    expect(await produced).toBe('done');
    expect(await consumed).toBe(true);
  });
});
