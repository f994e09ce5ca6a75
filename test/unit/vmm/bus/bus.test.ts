import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BusConflictError } from '../../../../src/errors.js';
import { Bus, registerOf } from '../../../../src/vmm/bus/bus.js';
import type { AccessSize, BusRange, BusTarget } from '../../../../src/vmm/device.js';

const LIMIT = 0x1_0000;
const SIZES: readonly AccessSize[] = [1, 2, 4];

/** A target that remembers its accesses and answers with its own number. */
class Recorder implements BusTarget {
  readonly log: string[] = [];

  constructor(private readonly answer = 0) {}

  read(offset: number, size: AccessSize): number {
    this.log.push(`read ${offset} ${size}`);
    return this.answer;
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.log.push(`write ${offset} ${size} ${value}`);
  }
}

function range(base: number, size: number, target: BusTarget = new Recorder()): BusRange {
  return { space: 'port', base, size, target };
}

describe('claims', () => {
  it('are listed by address', () => {
    const bus = new Bus('port', LIMIT);
    bus.claim('b', range(0x200, 8));
    bus.claim('a', range(0x100, 8));
    bus.claim('c', range(0x108, 8));
    expect(bus.list().map(({ owner, base, size }) => [owner, base, size])).toEqual([
      ['a', 0x100, 8],
      ['c', 0x108, 8],
      ['b', 0x200, 8],
    ]);
  });

  it.each([
    ['the same', 0x100, 0x10],
    ['within', 0x104, 1],
    ['around', 0xf0, 0x30],
    ['over the start', 0xff, 2],
    ['over the end', 0x10f, 2],
  ])('that overlap another are refused, with both names: %s', (_, base, size) => {
    const bus = new Bus('port', LIMIT);
    bus.claim('pit', range(0x100, 0x10));
    expect(() => bus.claim('rtc', range(base, size))).toThrow(BusConflictError);
    expect(() => bus.claim('rtc', range(base, size))).toThrow(
      /^rtc claims port .*, which pit holds from 0x100\+0x10$/,
    );
    expect(bus.list()).toHaveLength(1);
  });

  it.each([
    [-1, 1],
    [0, 0],
    [0, -1],
    [LIMIT, 1],
    [LIMIT - 1, 2],
    [0.5, 1],
    [0, 1.5],
    [NaN, 1],
    [0, NaN],
    [0, Infinity],
  ])('of %d and %d bytes leave the bus and are refused', (base, size) => {
    expect(() => new Bus('port', LIMIT).claim('device', range(base, size))).toThrow(BusConflictError);
  });

  it('may fill the bus to its last byte', () => {
    const bus = new Bus('port', LIMIT);
    bus.claim('all', range(0, LIMIT));
    expect(bus.at(LIMIT - 1)?.owner).toBe('all');
  });

  it('can be given back, and the place taken again', () => {
    const bus = new Bus('port', LIMIT);
    const [first, second] = [new Recorder(1), new Recorder(2)];
    bus.claim('first', range(0x100, 4, first));
    expect(bus.read(0x100, 1)).toBe(1);
    bus.release(0x100);
    expect(bus.read(0x100, 1)).toBe(0xff);
    bus.claim('second', range(0x100, 4, second));
    expect(bus.read(0x100, 1)).toBe(2);
    bus.release(0x999);
    expect(bus.list()).toHaveLength(1);
  });
});

describe('accesses', () => {
  it('reach the device that claims their first byte, with the offset from its base', () => {
    const bus = new Bus('port', LIMIT);
    const target = new Recorder(0x5a);
    bus.claim('device', range(0x3f8, 8, target));
    expect(bus.read(0x3fd, 1)).toBe(0x5a);
    bus.write(0x3f8, 4, 0xdead_beef);
    bus.write(0x3ff, 2, 7);
    expect(target.log).toEqual(['read 5 1', `write 0 4 ${0xdead_beef}`, 'write 7 2 7']);
    bus.write(0x3f7, 4, 7);
    expect(target.log).toHaveLength(3);
  });

  it('find a claim that came after an access to the same address', () => {
    const bus = new Bus('port', LIMIT);
    bus.claim('low', range(0, 4));
    expect(bus.read(2, 1)).toBe(0);
    bus.claim('high', range(4, 4, new Recorder(9)));
    expect(bus.read(4, 1)).toBe(9);
    expect(bus.read(3, 1)).toBe(0);
  });

  it('go where a naive search finds them, whatever was accessed before', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('claim' as const),
        base: fc.nat(70),
        size: fc.integer({ min: 1, max: 9 }),
      }),
      fc.record({ kind: fc.constant('release' as const), base: fc.nat(70), size: fc.constant(0) }),
      fc.record({ kind: fc.constant('access' as const), base: fc.nat(70), size: fc.constantFrom(...SIZES) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const bus = new Bus('port', 64);
        const model: { base: number; size: number; id: number }[] = [];
        steps.forEach(({ kind, base, size }, id) => {
          if (kind === 'release') {
            bus.release(base);
            const index = model.findIndex(claim => claim.base === base);
            if (index >= 0) model.splice(index, 1);
          } else if (kind === 'claim') {
            const taken = model.some(claim => base < claim.base + claim.size && claim.base < base + size);
            const claim = (): void => bus.claim(`d${id}`, range(base, size, new Recorder(id)));
            if (taken || base + size > 64) expect(claim).toThrow(BusConflictError);
            else {
              claim();
              model.push({ base, size, id });
            }
          } else {
            const owner = model.find(claim => base >= claim.base && base < claim.base + claim.size);
            expect(bus.at(base)?.owner).toBe(owner && `d${owner.id}`);
            expect(bus.read(base, size)).toBe(owner?.id ?? 2 ** (8 * size) - 1);
          }
        });
      }),
    );
  });
});

describe('accesses that nobody claims', () => {
  it.each([
    [1, 0xff],
    [2, 0xffff],
    [4, 0xffff_ffff],
  ] as const)('of %d bytes read all ones', (size, ones) => {
    expect(new Bus('mmio', 2 ** 52).read(0xfed4_0000, size)).toBe(ones);
  });

  it('are counted by address and direction, in the order of their first occurrence', () => {
    const bus = new Bus('mmio', 2 ** 52);
    const high = 2 ** 52 - 4;
    bus.write(high, 4, 1);
    bus.read(high, 4);
    bus.read(high, 1);
    bus.read(0xfed4_0000, 1);
    expect(bus.misses()).toEqual([
      { space: 'mmio', address: high, direction: 'write', count: 1 },
      { space: 'mmio', address: high, direction: 'read', count: 2 },
      { space: 'mmio', address: 0xfed4_0000, direction: 'read', count: 1 },
    ]);
  });

  it('are remembered for a bounded number of addresses, so that a scan does not fill the host', () => {
    const bus = new Bus('port', LIMIT);
    for (let port = 0; port < LIMIT; port++) bus.read(port, 1);
    const { length } = bus.misses();
    expect(length).toBe(1024);
    bus.read(0, 1);
    bus.write(0, 1, 0);
    expect(bus.misses()).toHaveLength(length);
    expect(bus.misses()[0].count).toBe(2);
  });
});

describe('registerOf', () => {
  it('is what the device calls the register, or else its offset', () => {
    const bus = new Bus('port', LIMIT);
    const named = new Recorder();
    bus.claim('plain', range(0x60, 5));
    bus.claim(
      'named',
      range(0x70, 2, Object.assign(named, { registerName: (at: number, way: string) => `${way}${at}` })),
    );
    expect(registerOf(bus.at(0x64)!, 0x64, 'read')).toBe('0x4');
    expect(registerOf(bus.at(0x71)!, 0x71, 'write')).toBe('write1');
  });
});
