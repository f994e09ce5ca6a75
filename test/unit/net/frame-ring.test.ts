import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameRing } from '../../../src/net/frame-ring.js';

const CAPACITY = 4096;

function put(ring: FrameRing, frame: Uint8Array, reserve = frame.length): boolean {
  const at = ring.reserve(reserve);
  if (at < 0) return false;
  ring.bytes.set(frame, at);
  ring.view.setUint16(at - 2, frame.length, true);
  ring.commit(frame.length);
  return true;
}

function take(ring: FrameRing): Uint8Array | undefined {
  const at = ring.peek();
  if (at < 0) return undefined;
  const frame = ring.bytes.slice(at, at + ring.lengthAt(at));
  // The header travels with it.
  expect(ring.view.getUint16(at - 2, true)).toBe(frame.length);
  ring.shift(at);
  return frame;
}

/** Much faster than a comparison that can tell the difference. */
function expectFrame(frame: Uint8Array | undefined, expected: Uint8Array | undefined): void {
  expect(frame?.length).toBe(expected?.length);
  if (frame && expected) expect(Buffer.compare(frame, expected)).toBe(0);
}

describe('a ring of frames', () => {
  it('gives what was put in, each frame in one piece, wherever its end falls', () => {
    const sizes = fc.array(fc.record({ length: fc.nat(1000), spare: fc.nat(24), drain: fc.nat(4) }), {
      minLength: 20,
      maxLength: 60,
    });
    fc.assert(
      fc.property(sizes, steps => {
        const ring = new FrameRing(FrameRing.allocate(CAPACITY));
        const other = new FrameRing(ring.buffer);
        const expected: Uint8Array[] = [];
        for (const [i, { length, spare, drain }] of steps.entries()) {
          const frame = new Uint8Array(length).fill(i);
          if (put(ring, frame, length + spare)) expected.push(frame);
          else expect(ring.used + 2 * FrameRing.recordSize(length + spare)).toBeGreaterThan(CAPACITY);
          for (let n = 0; n < drain; n++) expectFrame(take(other), expected.shift());
        }
        while (expected.length > 0) expectFrame(take(other), expected.shift());
        expect(other.peek()).toBe(-1);
        expect(ring.used).toBe(0);
      }),
    );
  });

  it('has room for a quarter of it at any time when half is free', () => {
    for (let shift = 0; shift < CAPACITY; shift += 16) {
      const ring = new FrameRing(FrameRing.allocate(CAPACITY));
      for (let moved = 0; moved < shift; moved += 16) {
        put(ring, new Uint8Array(0));
        take(ring);
      }
      put(ring, new Uint8Array(CAPACITY / 4 - 16));
      expect(ring.halfFree).toBe(true);
      expect(put(ring, new Uint8Array(CAPACITY / 4 - 16))).toBe(true);
    }
  });

  it('tells the producer of room when half of it is free, once', () => {
    const ring = new FrameRing(FrameRing.allocate(CAPACITY));
    expect(ring.awaitRoom()).toBe(false);
    while (put(ring, new Uint8Array(240)));
    expect(ring.awaitRoom()).toBe(true);
    let taken = 0;
    while (!ring.takeWaiting()) {
      take(ring);
      taken++;
    }
    expect(taken).toBe(8);
    expect(ring.takeWaiting()).toBe(false);
  });

  it('counts on when its positions pass 2^32', () => {
    const ring = new FrameRing(FrameRing.allocate(CAPACITY));
    new Uint32Array(ring.buffer, 0, 2).fill(2 ** 32 - 1024);
    for (let i = 0; i < 20; i++) {
      const frame = new Uint8Array(300).fill(i);
      expect(put(ring, frame)).toBe(true);
      expect(put(ring, frame)).toBe(true);
      expect(take(ring)).toEqual(frame);
      expect(take(ring)).toEqual(frame);
    }
    expect(ring.used).toBe(0);
  });

  it('says how many frames of a size are sure to fit', () => {
    const ring = new FrameRing(FrameRing.allocate(CAPACITY));
    for (let i = 0; i < 3; i++) {
      put(ring, new Uint8Array(500));
      take(ring);
    }
    expect(ring.hasRoom(15, 240)).toBe(true);
    for (let i = 0; i < 15; i++) expect(put(ring, new Uint8Array(240))).toBe(true);
    expect(ring.hasRoom(1, 240)).toBe(false);
  });
});
