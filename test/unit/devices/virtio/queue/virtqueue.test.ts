import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Feature } from '../../../../../src/devices/virtio/features.js';
import { PackedQueue } from '../../../../../src/devices/virtio/queue/packed-queue.js';
import { SplitQueue } from '../../../../../src/devices/virtio/queue/split-queue.js';
import type { Chain } from '../../../../../src/devices/virtio/queue/chain.js';
import { GuestMemory } from '../../../../../src/vmm/memory/guest-memory.js';
import { areasAt, INDIRECT, NEXT, PackedDriver, SplitDriver, WRITE, type Buffer } from './driver-ring.js';

/** Expected behaviour from virtio 1.3, sections 2.7 and 2.8. */

const BASE = 0x10_0000;
const TABLE = 0x18_0000;
const DATA = 0x1a_0000;

const KINDS = {
  split: { Queue: SplitQueue, Driver: SplitDriver },
  packed: { Queue: PackedQueue, Driver: PackedDriver },
} as const;
type Kind = keyof typeof KINDS;

function rig<K extends Kind>(kind: K, size = 8, features = Feature.INDIRECT_DESC, ram = 2 << 20) {
  const memory = GuestMemory.allocate(ram);
  const areas = areasAt(BASE);
  const violations: string[] = [];
  const { Queue, Driver } = KINDS[kind];
  const queue = new Queue({
    memory,
    size,
    areas,
    features: features | (kind === 'packed' ? Feature.RING_PACKED : 0n),
    onViolation: (section, rule) => violations.push(`${section} ${rule}`),
  });
  const driver = new Driver(memory, size, areas) as InstanceType<(typeof KINDS)[K]['Driver']>;
  return { memory, queue, driver, violations };
}

const out = (n: number, length = 16): Buffer => ({ gpa: DATA + n * 0x100, length });
const into = (n: number, length = 16): Buffer => ({ ...out(n, length), writable: true });

function segments(chain: Chain): Buffer[] {
  return Array.from({ length: chain.count }, (_, i) => ({
    gpa: chain.address(i),
    length: chain.length(i),
    ...(i >= chain.readable && { writable: true }),
  }));
}

describe.each(['split', 'packed'] as const)('the %s queue', kind => {
  it('gives out chains as the driver made them, and the driver gets them back', () => {
    const { queue, driver } = rig(kind);
    expect(queue.pop()).toBeUndefined();
    const first = driver.add(out(0), out(1, 5), into(2));
    const second = driver.add(into(3));
    const a = queue.pop()!;
    const b = queue.pop()!;
    expect(segments(a)).toEqual([out(0), out(1, 5), into(2)]);
    expect([a.readableBytes, a.writableBytes]).toEqual([21, 16]);
    expect(segments(b)).toEqual([into(3)]);
    expect(queue.pop()).toBeUndefined();
    queue.push(b, 7);
    queue.push(a, 0);
    expect(driver.collect()).toEqual([
      { id: second, length: 7 },
      { id: first, length: 0 },
    ]);
  });

  it('walks indirect tables', () => {
    const { queue, driver } = rig(kind);
    const id = driver.addIndirect(TABLE, out(0), out(1), into(2), into(3, 1));
    const chain = queue.pop()!;
    expect(segments(chain)).toEqual([out(0), out(1), into(2), into(3, 1)]);
    queue.push(chain, 17);
    expect(driver.collect()).toEqual([{ id, length: 17 }]);
  });

  it('copies across segments', () => {
    const { memory, queue, driver } = rig(kind);
    memory.write(DATA, Uint8Array.of(1, 2, 3, 4, 5));
    driver.add({ gpa: DATA, length: 2 }, { gpa: DATA + 2, length: 3 }, into(1, 3), into(2, 4));
    const chain = queue.pop()!;
    const target = new Uint8Array(8);
    expect(chain.read(1, target)).toBe(4);
    expect([...target]).toEqual([2, 3, 4, 5, 0, 0, 0, 0]);
    expect(chain.write(1, Uint8Array.of(9, 8, 7, 6))).toBe(4);
    expect([...memory.bytes(DATA + 0x100, 3)]).toEqual([0, 9, 8]);
    expect([...memory.bytes(DATA + 0x200, 4)]).toEqual([7, 6, 0, 0]);
    expect(chain.write(6, Uint8Array.of(1, 2, 3))).toBe(1);
  });

  it('can take back what was popped last', () => {
    const { queue, driver } = rig(kind);
    driver.add(out(0), into(1));
    driver.add(out(2));
    queue.push(queue.pop()!, 0);
    const chain = queue.pop()!;
    queue.unpop(chain);
    expect(segments(queue.pop()!)).toEqual([out(2)]);
    expect(queue.pop()).toBeUndefined();
  });

  it('keeps the driver’s order with VIRTIO_F_IN_ORDER', () => {
    const { queue, driver } = rig(kind, 8, Feature.IN_ORDER);
    const ids = [driver.add(into(0)), driver.add(into(1)), driver.add(into(2))];
    const [a, b, c] = [queue.pop()!, queue.pop()!, queue.pop()!];
    queue.push(c, 3);
    queue.push(b, 2);
    expect(driver.collect()).toEqual([]);
    queue.push(a, 1);
    expect(driver.collect()).toEqual(ids.map((id, i) => ({ id, length: i + 1 })));
  });

  it.each([0n, Feature.IN_ORDER])('shows a batch at once (features %s)', features => {
    const { queue, driver } = rig(kind, 8, features);
    const ids = [driver.add(into(0), into(1)), driver.add(into(2)), driver.add(into(3))];
    const chains = [queue.pop()!, queue.pop()!, queue.pop()!];
    queue.startBatch();
    chains.forEach((chain, i) => {
      queue.push(chain, i + 1);
      expect(driver.collect()).toEqual([]);
    });
    queue.endBatch();
    expect(driver.collect()).toEqual(ids.map((id, i) => ({ id, length: i + 1 })));
    expect(queue.signal()).toBe(true);
    driver.add(into(4));
    queue.push(queue.pop()!, 9);
    expect(driver.collect()).toHaveLength(1);
  });

  it('signals what was pushed once, unless the driver suppresses it', () => {
    const { queue, driver } = rig(kind);
    expect(queue.signal()).toBe(false);
    driver.add(into(0));
    queue.push(queue.pop()!, 1);
    expect(queue.signal()).toBe(true);
    expect(queue.signal()).toBe(false);
    driver.suppressInterrupts(true);
    driver.add(into(1));
    queue.push(queue.pop()!, 1);
    expect(queue.signal()).toBe(false);
    driver.suppressInterrupts(false);
    expect(queue.signal()).toBe(false);
  });

  it('sees buffers that come while notifications are off', () => {
    const { queue, driver } = rig(kind);
    queue.disableNotifications();
    driver.add(out(0));
    expect(queue.enableNotifications()).toBe(true);
    queue.push(queue.pop()!, 0);
    expect(queue.enableNotifications()).toBe(false);
  });

  it('hands out no more than it has entries, however often the driver goes round', () => {
    const { queue, driver, violations } = rig(kind, 4);
    for (let i = 0; i < 4; i++) driver.add(into(i));
    for (let i = 0; i < 4; i++) expect(queue.pop()).toBeDefined();
    expect(queue.progress().inFlight).toBe(4);
    // The device still holds all four: the driver makes them available again all the same.
    if (driver instanceof SplitDriver) driver.publish(0);
    else driver.raw(into(0), WRITE);
    expect(queue.pop()).toBeUndefined();
    expect(violations).toHaveLength(1);
    expect(queue.broken).toBe(true);
  });

  it('goes on from its saved state, with buffers under way', () => {
    const { memory, queue, driver, violations } = rig(kind, 4);
    for (let i = 0; i < 6; i++) {
      driver.add(into(i));
      queue.push(queue.pop()!, i);
      driver.collect();
    }
    const id = driver.add(out(0), into(1));
    const held = queue.pop()!.save();
    const after = driver.add(into(2));
    const { Queue } = KINDS[kind];
    const copy = new Queue({
      memory,
      size: 4,
      areas: areasAt(BASE),
      features: Feature.INDIRECT_DESC,
      onViolation: section => violations.push(section),
    });
    copy.load(structuredClone(queue.save()));
    const next = copy.pop()!;
    copy.push(copy.adopt(structuredClone(held)), 5);
    copy.push(next, 6);
    expect(driver.collect()).toEqual([
      { id, length: 5 },
      { id: after, length: 6 },
    ]);
    expect(violations).toEqual([]);
  });

  it('agrees with any driver on any sequence', () => {
    const step = fc.oneof(
      fc.record({ add: fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }) }),
      fc.record({ indirect: fc.integer({ min: 1, max: 6 }) }),
      fc.constant({ pop: true }),
      fc.record({ push: fc.nat() }),
      fc.constant({ collect: true }),
    );
    const sizes = kind === 'split' ? [4, 8, 16] : [3, 4, 7, 8, 16];
    fc.assert(
      fc.property(fc.constantFrom(...sizes), fc.array(step, { maxLength: 300 }), (size, steps) => {
        const { queue, driver, violations } = rig(kind, size);
        let free = size;
        const made: { id: number; buffers: Buffer[]; slots: number }[] = [];
        const held: { chain: Chain; id: number; slots: number }[] = [];
        const done: { id: number; length: number; slots: number }[] = [];
        let n = 0;
        for (const action of steps) {
          if ('add' in action || 'indirect' in action) {
            const indirect = 'indirect' in action;
            const kinds = indirect ? Array.from({ length: action.indirect }, () => false) : action.add;
            const slots = indirect ? 1 : kinds.length;
            if (slots > free) continue;
            const buffers = [...kinds].sort().map(writable => (writable ? into(n++ % 64) : out(n++ % 64)));
            const table = TABLE + (n % 64) * 0x100;
            const id = indirect ? driver.addIndirect(table, ...buffers) : driver.add(...buffers);
            free -= slots;
            made.push({ id, buffers, slots });
          } else if ('pop' in action) {
            const chain = queue.pop();
            const expected = made.shift();
            expect(chain === undefined).toBe(expected === undefined);
            if (!chain || !expected) continue;
            expect(segments(chain)).toEqual(expected.buffers);
            held.push({ chain, ...expected });
          } else if ('push' in action) {
            if (held.length === 0) continue;
            const [{ chain, id, slots }] = held.splice(action.push % held.length, 1);
            queue.push(chain, action.push % 100);
            done.push({ id, length: action.push % 100, slots });
          } else {
            expect(driver.collect()).toEqual(done.map(({ id, length }) => ({ id, length })));
            free += done.reduce((sum, { slots }) => sum + slots, 0);
            done.length = 0;
          }
        }
        expect(violations).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses a buffer while the device has as many as the queue has entries', () => {
    const { queue, driver, violations } = rig(kind, 4);
    for (let i = 0; i < 4; i++) {
      driver.add(into(i));
      expect(queue.pop()).toBeDefined();
    }
    expect(queue.progress().inFlight).toBe(4);
    if (driver instanceof SplitDriver) driver.publish(0);
    else driver.raw(into(0), WRITE);
    expect(queue.pop()).toBeUndefined();
    expect(violations).toHaveLength(1);
    expect(queue.broken).toBe(true);
  });

  it('refuses it after a saved state too', () => {
    const { memory, queue, driver } = rig(kind, 2);
    driver.add(into(0));
    driver.add(into(1));
    const held = [queue.pop()!.save(), queue.pop()!.save()];
    const violations: string[] = [];
    const copy = new KINDS[kind].Queue({
      memory,
      size: 2,
      areas: areasAt(BASE),
      features: 0n,
      onViolation: section => violations.push(section),
    });
    copy.load(structuredClone(queue.save()));
    for (const chain of held) copy.adopt(structuredClone(chain));
    expect(copy.pop()).toBeUndefined();
    expect(violations).toEqual([]);
    if (driver instanceof SplitDriver) driver.publish(held[0].id);
    else driver.raw(into(0), WRITE);
    expect(copy.pop()).toBeUndefined();
    expect(violations).toEqual([kind === 'split' ? '2.7.13' : '2.8.21']);
  });

  it('refuses a chain of more than 4 GiB, and takes one of as much', () => {
    const SIZE = 8 << 20;
    for (const [count, rest] of [
      [512, 0],
      [512, 1],
    ]) {
      const { queue, driver, violations } = rig(kind, 8, Feature.INDIRECT_DESC, SIZE);
      const buffers = Array.from({ length: count }, () => ({ gpa: 0, length: SIZE, writable: true }));
      driver.addIndirect(TABLE, ...buffers, { gpa: 0, length: rest, writable: true });
      expect(queue.pop()?.writableBytes).toBe(rest === 0 ? 2 ** 32 : undefined);
      expect(violations).toEqual(rest === 0 ? [] : [expect.stringContaining('2.7.5.2')]);
    }
  });

  it('refuses a chain of more than 1024 segments', () => {
    const { queue, driver, violations } = rig(kind);
    driver.addIndirect(TABLE, ...Array.from({ length: 1025 }, () => into(0)));
    expect(queue.pop()).toBeUndefined();
    expect(violations).toEqual([expect.stringContaining('too many descriptors')]);
  });

  it.each([
    ['a buffer outside RAM', [{ gpa: 0xfec0_0000, length: 4 }]],
    ['a buffer that leaves RAM', [{ gpa: (2 << 20) - 4, length: 8 }]],
    ['an address beyond 64 bits', [{ gpa: 2 ** 53, length: 16 }]],
    ['a readable buffer behind a writable one', [into(0), out(1)]],
  ])('refuses %s', (_name, buffers) => {
    const { queue, driver, violations } = rig(kind);
    driver.add(...buffers);
    driver.add(out(5));
    expect(queue.pop()).toBeUndefined();
    expect(violations).toHaveLength(1);
    expect(queue.broken).toBe(true);
    expect(queue.pop()).toBeUndefined();
    expect(violations).toHaveLength(1);
  });

  it.each([
    ['that was not negotiated', 0n, 2 * 16],
    ['of no size', Feature.INDIRECT_DESC, 0],
    ['of half an entry', Feature.INDIRECT_DESC, 24],
    ['outside RAM', Feature.INDIRECT_DESC, 0x7fff_fff0],
  ])('refuses an indirect table %s', (_name, features, length) => {
    const { queue, driver, violations } = rig(kind, 8, features);
    if (driver instanceof SplitDriver) {
      driver.descriptor(0, { gpa: TABLE, length }, INDIRECT);
      driver.publish(0);
    } else {
      driver.raw({ gpa: TABLE, length }, INDIRECT);
    }
    expect(queue.pop()).toBeUndefined();
    expect(violations).toEqual([expect.stringContaining('2.7.5.3.1')]);
  });
});

describe('the split queue', () => {
  it('follows event indices across their wrap-around', () => {
    const { memory, queue, driver } = rig('split', 4, Feature.EVENT_IDX);
    for (let i = 0; i < 0x1_0010; i++) {
      // Interrupt for every third buffer only; its predecessors’ absence must not be noticed.
      driver.usedEvent = i - (i % 3) + 2;
      driver.add(into(0));
      expect(queue.enableNotifications()).toBe(true);
      expect(driver.availEvent).toBe(i & 0xffff);
      queue.push(queue.pop()!, 0);
      if (queue.signal() !== (i % 3 === 2)) throw new Error(`a wrong decision at ${i}`);
      driver.collect();
    }
    expect(memory.read16(areasAt(BASE).device + 2)).toBe(0x10);
  });

  it('asks not to be notified by the flag without event indices', () => {
    const { queue, driver } = rig('split');
    queue.disableNotifications();
    expect(driver.notificationsSuppressed).toBe(true);
    queue.enableNotifications();
    expect(driver.notificationsSuppressed).toBe(false);
  });

  it('interrupts when it has run empty, if the driver asks for that', () => {
    const { queue, driver } = rig('split', 8, Feature.NOTIFY_ON_EMPTY);
    driver.suppressInterrupts(true);
    driver.add(out(0));
    driver.add(out(1));
    queue.push(queue.pop()!, 0);
    expect(queue.signal()).toBe(false);
    queue.push(queue.pop()!, 0);
    expect(queue.signal()).toBe(true);
  });

  it.each<[string, (driver: SplitDriver) => void]>([
    [
      'a loop',
      driver => {
        driver.descriptor(0, out(0), NEXT, 1);
        driver.descriptor(1, out(1), NEXT, 0);
        driver.publish(0);
      },
    ],
    ['a head that does not exist', driver => driver.publish(8)],
    [
      'a next descriptor that does not exist',
      driver => {
        driver.descriptor(0, out(0), NEXT, 8);
        driver.publish(0);
      },
    ],
    ['an index that runs ahead', driver => driver.memory.write16(driver.areas.driver + 2, 9)],
    [
      'an indirect descriptor that goes on',
      driver => {
        driver.descriptor(0, { gpa: TABLE, length: 16 }, INDIRECT | NEXT, 1);
        driver.publish(0);
      },
    ],
    [
      'an indirect table in an indirect table',
      driver => {
        driver.memory.write64(TABLE, BigInt(TABLE));
        driver.memory.write32(TABLE + 8, 16);
        driver.memory.write16(TABLE + 12, INDIRECT);
        driver.descriptor(0, { gpa: TABLE, length: 16 }, INDIRECT);
        driver.publish(0);
      },
    ],
    [
      'a loop in an indirect table',
      driver => {
        driver.memory.write64(TABLE, BigInt(DATA));
        driver.memory.write32(TABLE + 8, 16);
        driver.memory.write16(TABLE + 12, NEXT | WRITE);
        driver.memory.write16(TABLE + 14, 0);
        driver.descriptor(0, { gpa: TABLE, length: 16 }, INDIRECT);
        driver.publish(0);
      },
    ],
  ])('refuses %s', (_name, provoke) => {
    const { queue, driver, violations } = rig('split');
    provoke(driver);
    expect(queue.pop()).toBeUndefined();
    expect(violations).toHaveLength(1);
    expect(queue.broken).toBe(true);
  });
});

describe('the packed queue', () => {
  it('follows event positions across the ring’s end', () => {
    const { queue, driver } = rig('packed', 5, Feature.EVENT_IDX);
    for (let i = 0; i < 40; i++) {
      const { index, wrap } = driver.position;
      driver.interruptAt(index, wrap);
      driver.add(into(0));
      expect(queue.enableNotifications()).toBe(true);
      expect(driver.deviceEvent).toEqual({ position: index | (wrap << 15), flags: 2 });
      queue.push(queue.pop()!, 0);
      expect(queue.signal()).toBe(true);
      driver.collect();
    }
  });

  it('does not interrupt before the position that was asked for', () => {
    const { queue, driver } = rig('packed', 4, Feature.EVENT_IDX);
    for (let round = 0; round < 9; round++) {
      const { index, wrap } = driver.position;
      const third = (index + 2) % 4;
      driver.interruptAt(third, index + 2 >= 4 ? wrap ^ 1 : wrap);
      const decisions = [0, 1, 2].map(i => {
        driver.add(into(i));
        queue.push(queue.pop()!, 0);
        return queue.signal();
      });
      expect(decisions).toEqual([false, false, true]);
      driver.collect();
    }
  });

  it('interrupts once for a batch that passes the position', () => {
    const { queue, driver } = rig('packed', 8, Feature.EVENT_IDX);
    for (let round = 0; round < 10; round++) {
      const { index, wrap } = driver.position;
      driver.interruptAt((index + 1) % 8, index + 1 >= 8 ? wrap ^ 1 : wrap);
      for (let i = 0; i < 3; i++) driver.add(into(i));
      for (let i = 0; i < 3; i++) queue.push(queue.pop()!, 0);
      expect(queue.signal()).toBe(true);
      expect(queue.signal()).toBe(false);
      driver.collect();
    }
  });

  it('switches notifications off and on by the flags', () => {
    const { queue, driver } = rig('packed');
    queue.disableNotifications();
    expect(driver.deviceEvent.flags).toBe(1);
    queue.enableNotifications();
    expect(driver.deviceEvent.flags).toBe(0);
  });

  it('refuses a chain that never ends', () => {
    const { queue, driver, violations } = rig('packed', 4);
    for (let i = 0; i < 4; i++) driver.raw(out(i), NEXT);
    expect(queue.pop()).toBeUndefined();
    expect(violations).toEqual([expect.stringContaining('longer than the ring')]);
  });

  it('refuses an indirect descriptor in a chain', () => {
    const { queue, driver, violations } = rig('packed', 4);
    driver.raw(out(0), NEXT);
    driver.raw({ gpa: TABLE, length: 16 }, INDIRECT);
    expect(queue.pop()).toBeUndefined();
    expect(violations).toHaveLength(1);
  });
});
