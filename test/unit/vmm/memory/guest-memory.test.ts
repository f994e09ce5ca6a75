import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, GuestMemoryError } from '../../../../src/errors.js';
import { addressOf } from '../../../../src/host/libc.js';
import {
  GuestMemory,
  HIGH_RAM_START,
  MMIO_HOLE_START,
  PAGE_SIZE,
} from '../../../../src/vmm/memory/guest-memory.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

type Size = 1 | 2 | 4 | 8;
const SIZES: readonly Size[] = [1, 2, 4, 8];

function read(memory: GuestMemory, gpa: number, size: Size): bigint {
  if (size === 8) return memory.read64(gpa);
  const method = ({ 1: 'read8', 2: 'read16', 4: 'read32' } as const)[size];
  return BigInt(memory[method](gpa));
}

function write(memory: GuestMemory, gpa: number, size: Size, value: bigint): void {
  if (size === 8) return memory.write64(gpa, value);
  const method = ({ 1: 'write8', 2: 'write16', 4: 'write32' } as const)[size];
  return memory[method](gpa, Number(value));
}

/** Every way to reach `size` bytes at `gpa`. */
function accesses(memory: GuestMemory, gpa: number, size: Size): (() => unknown)[] {
  return [
    () => read(memory, gpa, size),
    () => write(memory, gpa, size, 1n),
    () => memory.bytes(gpa, size),
    () => memory.write(gpa, new Uint8Array(size)),
  ];
}

function expectRefused(memory: GuestMemory, gpa: number, size: Size): void {
  expect(memory.contains(gpa, size)).toBe(false);
  for (const access of accesses(memory, gpa, size)) {
    expect(access, `${size} bytes at ${gpa}`).toThrow(GuestMemoryError);
  }
}

function expectAllowed(memory: GuestMemory, gpa: number, size: Size): void {
  expect(memory.contains(gpa, size)).toBe(true);
  for (const access of accesses(memory, gpa, size)) {
    expect(access, `${size} bytes at ${gpa}`).not.toThrow();
  }
}

describe('the size of guest RAM', () => {
  it.each([0, -1, NaN, Infinity, 2 * MIB - 1, 2 ** 40 + 1])('refuses %d bytes', size => {
    expect(() => GuestMemory.allocate(size)).toThrow(ConfigError);
  });

  it('is rounded up to pages', () => {
    const memory = GuestMemory.allocate(2 * MIB + 1);
    expect(memory.size).toBe(2 * MIB + PAGE_SIZE);
    expect(memory.segments).toMatchObject([{ gpa: 0, size: 2 * MIB + PAGE_SIZE }]);
  });

  it('goes on above 4 GiB where it would reach the hole', () => {
    expect(GuestMemory.allocate(MMIO_HOLE_START).segments).toHaveLength(1);
    const { segments } = GuestMemory.allocate(MMIO_HOLE_START + PAGE_SIZE);
    expect(segments).toMatchObject([
      { gpa: 0, size: MMIO_HOLE_START },
      { gpa: HIGH_RAM_START, size: PAGE_SIZE },
    ]);
  });

  it('is split into shared memories of at most 4 GiB, without a gap above the hole', () => {
    const { segments, size } = GuestMemory.allocate(9 * GIB);
    expect(size).toBe(9 * GIB);
    expect(segments).toMatchObject([
      { gpa: 0, size: 3 * GIB },
      { gpa: 4 * GIB, size: 4 * GIB },
      { gpa: 8 * GIB, size: 2 * GIB },
    ]);
  });
});

describe('the edges of guest RAM', () => {
  const memory = GuestMemory.allocate(MMIO_HOLE_START + 2 * MIB);
  const top = HIGH_RAM_START + 2 * MIB;

  it.each(SIZES)('lets accesses of %d bytes reach the last byte of each segment and none beyond', size => {
    for (const end of [MMIO_HOLE_START, top]) {
      expectAllowed(memory, end - size, size);
      for (let over = 1; over <= size; over++) expectRefused(memory, end - size + over, size);
    }
  });

  it.each(SIZES)(
    'lets accesses of %d bytes start at the first byte of each segment and none before',
    size => {
      for (const start of [0, HIGH_RAM_START]) {
        expectAllowed(memory, start, size);
        for (let before = 1; before <= size; before++) expectRefused(memory, start - before, size);
      }
    },
  );

  it.each([
    NaN,
    Infinity,
    -Infinity,
    -1,
    -0.5,
    MMIO_HOLE_START,
    0xffff_ffff,
    2 ** 52,
    2 ** 53,
    2 ** 64,
    1e300,
  ])('refuses address %d', gpa => {
    for (const size of SIZES) expectRefused(memory, gpa, size);
  });

  it.each([-1, NaN, Infinity, -Infinity, 2 ** 53])('refuses %d bytes', size => {
    for (const gpa of [0, PAGE_SIZE, HIGH_RAM_START]) {
      expect(memory.contains(gpa, size)).toBe(false);
      expect(() => memory.bytes(gpa, size)).toThrow(GuestMemoryError);
    }
  });

  it('takes the byte in which a fractional address lies, so that nothing beyond the end is reached', () => {
    for (const end of [MMIO_HOLE_START, top]) {
      memory.write8(end - 1, 0x5a);
      expect(memory.bytes(end - 1.5, 1.5)).toHaveLength(1);
      expect(memory.read16(end - 2.5) >> 8).toBe(memory.read8(end - 2));
      for (const size of [2, 4, 8] as const) expectRefused(memory, end - size + 0.5, size);
    }
    expect(memory.read8(MMIO_HOLE_START - 0.5)).toBe(0x5a);
  });

  it('gives an empty view at the very end', () => {
    expect(memory.bytes(MMIO_HOLE_START, 0)).toHaveLength(0);
    expect(memory.bytes(top, 0)).toHaveLength(0);
    expect(() => memory.bytes(top + 1, 0)).toThrow(GuestMemoryError);
  });

  it('says which address and how many bytes', () => {
    let error: unknown;
    try {
      memory.read32(0xfee0_0000);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(GuestMemoryError);
    expect(error).toMatchObject({
      code: 'GUEST_MEMORY',
      message: 'no guest RAM at 0xfee00000 (4 bytes)',
      data: { gpa: 0xfee0_0000, size: 4 },
    });
  });

  it('refuses an access across two shared memories', () => {
    const large = GuestMemory.allocate(8 * GIB);
    expectRefused(large, 8 * GIB - 1, 2);
    expectAllowed(large, 8 * GIB, 2);
  });
});

describe('values', () => {
  const memory = GuestMemory.allocate(MMIO_HOLE_START + 2 * MIB);

  it('are little-endian', () => {
    memory.write(0x1000, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(memory.read8(0x1000)).toBe(1);
    expect(memory.read16(0x1000)).toBe(0x0201);
    expect(memory.read32(0x1000)).toBe(0x0403_0201);
    expect(memory.read64(0x1000)).toBe(0x0807_0605_0403_0201n);
  });

  it('come back as written, wherever they lie', () => {
    const place = fc
      .record({
        base: fc.constantFrom(
          0,
          MMIO_HOLE_START - PAGE_SIZE,
          HIGH_RAM_START,
          HIGH_RAM_START + 2 * MIB - PAGE_SIZE,
        ),
        offset: fc.integer({ min: 0, max: PAGE_SIZE - 8 }),
      })
      .map(({ base, offset }) => base + offset);
    fc.assert(
      fc.property(
        place,
        fc.constantFrom(...SIZES),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (gpa, size, value) => {
          const fitting = BigInt.asUintN(8 * size, value);
          memory.bytes(gpa, 8).fill(0xee);
          write(memory, gpa, size, fitting);
          expect(read(memory, gpa, size)).toBe(fitting);
          expect(memory.bytes(gpa + size, 8 - size)).toEqual(
            new Uint8Array(new SharedArrayBuffer(8 - size)).fill(0xee),
          );
        },
      ),
    );
  });
});

describe('sharing', () => {
  it('gives views that copy nothing', () => {
    const memory = GuestMemory.allocate(MMIO_HOLE_START + 2 * MIB);
    for (const gpa of [0x2000, HIGH_RAM_START + 0x2000]) {
      const view = memory.bytes(gpa, 4);
      memory.write32(gpa, 0x1234_5678);
      expect(Array.from(view)).toEqual([0x78, 0x56, 0x34, 0x12]);
      view[0] = 0xff;
      expect(memory.read8(gpa)).toBe(0xff);
      expect(addressOf(memory.bytes(gpa, 4))).toBe(addressOf(view));
    }
  });

  it('lets another view of the handle see the same bytes', () => {
    const memory = GuestMemory.allocate(2 * MIB);
    const other = new GuestMemory(memory.handle);
    memory.write64(0x3000, 0x1122_3344_5566_7788n);
    expect(other.read64(0x3000)).toBe(0x1122_3344_5566_7788n);
    expect(other.size).toBe(memory.size);
  });

  it('starts each segment on a page of the host, as KVM demands it', () => {
    for (const reserve of [0, 65_536]) {
      const { segments } = GuestMemory.allocate(MMIO_HOLE_START + 2 * MIB, reserve);
      for (const { buffer, offset } of segments) {
        expect((addressOf(new Uint8Array(buffer)) + BigInt(offset)) % BigInt(PAGE_SIZE)).toBe(0n);
      }
    }
  });

  it('keeps what is reserved for an accelerator apart from the RAM', () => {
    const memory = GuestMemory.allocate(2 * MIB, 65_536);
    const [{ buffer, offset, gpa }] = memory.segments;
    expect({ offset, gpa }).toEqual({ offset: 65_536, gpa: 0 });
    memory.bytes(0, memory.size).fill(0xff);
    memory.write8(0, 0x11);
    expect(new Uint8Array(buffer, 0, 65_536).every(byte => byte === 0)).toBe(true);
    expect(new Uint8Array(buffer)[65_536]).toBe(0x11);
    expectRefused(memory, -1, 1);
  });
});

describe('cleared memory', () => {
  it('is zero from end to end, and what lies in front of it is left alone', () => {
    const memory = GuestMemory.allocate(4 << 20, 65_536);
    const [{ buffer }] = memory.segments;
    new Uint8Array(buffer)[65_535] = 0xaa;
    for (const gpa of [0, 4095, 4096, 0x1_2345, (4 << 20) - 1]) memory.write8(gpa, 0xff);
    memory.clear();
    expect(memory.bytes(0, memory.size).every(byte => byte === 0)).toBe(true);
    expect(new Uint8Array(buffer)[65_535]).toBe(0xaa);
  });
});

describe('what is written', () => {
  it('is told to who listens, whatever its size, once it is there', () => {
    const memory = GuestMemory.allocate(4 << 20);
    const told: [number, number, number][] = [];
    memory.listener = (gpa, size) => told.push([gpa, size, memory.read8(gpa)]);
    memory.write8(1, 11);
    memory.write16(2, 12);
    memory.write32(4, 13);
    memory.write64(8, 14n);
    memory.write(0x1000, Uint8Array.of(15, 16, 17));
    memory.bytes(0x2000, 100).fill(18);
    memory.written(0x2000, 100);
    expect(told).toEqual([
      [1, 1, 11],
      [2, 2, 12],
      [4, 4, 13],
      [8, 8, 14],
      [0x1000, 3, 15],
      [0x2000, 100, 18],
    ]);
  });

  it('is told for RAM only', () => {
    const memory = GuestMemory.allocate(4 << 20);
    memory.listener = () => expect.unreachable();
    expect(() => memory.written(4 << 20, 1)).toThrow(GuestMemoryError);
    expect(() => memory.written(NaN, 1)).toThrow(GuestMemoryError);
    expect(() => memory.write8(4 << 20, 1)).toThrow(GuestMemoryError);
  });
});
