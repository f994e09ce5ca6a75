import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RegisterBlock, type Register } from '../../../src/devices/registers.js';
import type { AccessSize } from '../../../src/vmm/device.js';

/** A device whose registers keep what was written, and that remembers who was asked. */
class Device {
  readonly values = new Map<string, number>();
  readonly log: string[] = [];

  get(name: string): number {
    this.log.push(`read ${name}`);
    return this.values.get(name) ?? 0;
  }

  set(name: string, value: number): void {
    this.log.push(`write ${name} 0x${value.toString(16)}`);
    this.values.set(name, value);
  }
}

type Ways = 'r' | 'w' | 'rw';

function register(name: string, offset: number, width: AccessSize, ways: Ways = 'rw'): Register<Device> {
  return {
    name,
    offset,
    width,
    ...(ways.includes('r') && { read: (device: Device) => device.get(name) }),
    ...(ways.includes('w') && { write: (device: Device, value: number) => device.set(name, value) }),
  };
}

/** Bytes at 0 and 1, a word at 2, a double word at 4, a read-only byte at 8 with a write-only one in its place. */
const BLOCK = new RegisterBlock<Device>([
  register('A', 0, 1),
  register('B', 1, 1),
  register('C', 2, 2),
  register('D', 4, 4),
  register('E', 8, 1, 'r'),
  register('F', 8, 1, 'w'),
  register('G', 9, 1, 'r'),
]);

function filled(): Device {
  const device = new Device();
  const values = { A: 0xa0, B: 0xb1, C: 0xc3c2, D: 0xd7d6_d5d4, E: 0xe8, G: 0x69 };
  for (const [name, value] of Object.entries(values)) device.values.set(name, value);
  return device;
}

describe('reads', () => {
  it.each<[string, number, AccessSize, number, string[]]>([
    ['a register of its own width', 4, 4, 0xd7d6_d5d4, ['D']],
    ['the bytes of a wider register', 6, 1, 0xd6, ['D']],
    ['the halves of a wider register', 6, 2, 0xd7d6, ['D']],
    ['several narrower registers', 0, 4, 0xc3c2_b1a0, ['A', 'B', 'C']],
    ['across a boundary', 3, 2, 0xd4c3, ['C', 'D']],
    ['from the middle of one to the middle of the next', 3, 4, 0xd6d5_d4c3, ['C', 'D']],
    ['a read-only register', 8, 1, 0xe8, ['E']],
    ['past the last register', 9, 2, 0xff69, ['G']],
    ['nothing at all', 12, 4, 0xffff_ffff, []],
    ['far beyond', 0xffff_fffc, 2, 0xffff, []],
  ])('%s', (_, offset, size, value, asked) => {
    const device = filled();
    expect(BLOCK.read(device, offset, size)).toBe(value);
    expect(device.log).toEqual(asked.map(name => `read ${name}`));
  });

  it('give zero where no register is, if the block says so', () => {
    const block = new RegisterBlock<Device>([register('A', 1, 1)], 0x00);
    const device = filled();
    expect(block.read(device, 0, 4)).toBe(0xa000);
    expect(block.read(device, 8, 4)).toBe(0);
  });

  it('give what the block says for write-only registers', () => {
    const block = new RegisterBlock<Device>([register('A', 0, 1, 'w'), register('B', 1, 1)]);
    expect(block.read(filled(), 0, 2)).toBe(0xb1ff);
    expect(block.read(filled(), 0, 1)).toBe(0xff);
  });
});

describe('writes', () => {
  it.each<[string, number, AccessSize, number, string[]]>([
    ['a register of its own width', 4, 4, 0xffff_fffe, ['D 0xfffffffe']],
    ['several narrower registers, lowest first', 0, 4, 0x8765_4321, ['A 0x21', 'B 0x43', 'C 0x8765']],
    ['a narrower value at the start of a register, zero-extended', 4, 1, 0x7f, ['D 0x7f']],
    ['nothing from within a register', 5, 1, 0x7f, []],
    ['nothing from within a register, two bytes', 6, 2, 0x7f7f, []],
    ['those that are covered and no part of others', 1, 4, 0x4433_2211, ['B 0x11', 'C 0x3322']],
    ['those that are covered past the end of another', 3, 2, 0x2211, []],
    ['a write-only register', 8, 1, 0x11, ['F 0x11']],
    ['past a read-only register', 8, 2, 0x2211, ['F 0x11']],
    ['nothing where a register is read-only', 9, 1, 0x22, []],
    ['nothing where no register is', 0x100, 4, 0x22, []],
  ])('%s', (_, offset, size, value, written) => {
    const device = new Device();
    BLOCK.write(device, offset, size, value);
    expect(device.log).toEqual(written.map(text => `write ${text}`));
  });

  it('reach a register that an access covers from the end of the one before', () => {
    const block = new RegisterBlock<Device>([register('A', 0, 4), register('B', 4, 1)]);
    const device = new Device();
    block.write(device, 3, 2, 0x2211);
    expect(device.log).toEqual(['write B 0x22']);
  });
});

describe('a bound block', () => {
  it('is a bus target of one device', () => {
    const [one, two] = [filled(), new Device()];
    const target = BLOCK.bind(one);
    BLOCK.bind(two).write(0, 1, 0x55);
    target.write(1, 1, 0x66);
    expect(target.read(0, 2)).toBe(0x66a0);
    expect(two.values.get('A')).toBe(0x55);
  });

  it('names registers by direction where two share an offset, and by the other where one is missing', () => {
    const target = BLOCK.bind(filled());
    expect(target.registerName?.(8, 'read')).toBe('E');
    expect(target.registerName?.(8, 'write')).toBe('F');
    expect(target.registerName?.(9, 'write')).toBe('G');
    expect(target.registerName?.(6, 'read')).toBe('D');
    expect(target.registerName?.(0x1f, 'read')).toBe('+0x1f');
  });
});

describe('a block', () => {
  it('refuses registers that overlap in one direction', () => {
    const overlapping = (a: Ways, b: Ways) => () =>
      new RegisterBlock([register('A', 0, 4, a), register('B', 2, 2, b)]);
    expect(overlapping('rw', 'r')).toThrow(/A and B overlap/);
    expect(overlapping('w', 'rw')).toThrow(/A and B overlap/);
    expect(overlapping('r', 'w')).not.toThrow();
  });
});

/** Registers side by side, some places empty. */
const layouts = fc
  .array(fc.constantFrom<[AccessSize, boolean]>([1, true], [1, false], [2, true], [4, true]), {
    maxLength: 12,
  })
  .map(parts => {
    const registers: Register<Device>[] = [];
    let at = 0;
    for (const [width, present] of parts) {
      if (present) registers.push(register(`R${at}`, at, width));
      at += width;
    }
    return { registers, size: at };
  });

describe('any access', () => {
  it('reads the bytes that a naive memory has, and asks each register at most once', () => {
    fc.assert(
      fc.property(
        layouts,
        fc.array(fc.nat(0xff), { minLength: 64, maxLength: 64 }),
        fc.nat(52),
        fc.constantFrom<AccessSize>(1, 2, 4),
        ({ registers }, bytes, offset, size) => {
          const device = new Device();
          const memory = Array<number>(64).fill(0xff);
          for (const { name, offset: at, width } of registers) {
            for (let i = 0; i < width; i++) memory[at + i] = bytes[at + i];
            const value = Array.from({ length: width }, (_, i) => bytes[at + i] * 2 ** (8 * i));
            device.values.set(
              name,
              value.reduce((sum, part) => sum + part, 0),
            );
          }
          const expected = Array.from({ length: size }, (_, i) => memory[offset + i] * 2 ** (8 * i));
          expect(new RegisterBlock(registers).read(device, offset, size)).toBe(
            expected.reduce((a, b) => a + b, 0),
          );
          expect(new Set(device.log).size).toBe(device.log.length);
        },
      ),
    );
  });

  it('writes registers that it covers whole, and one that it starts', () => {
    fc.assert(
      fc.property(
        layouts,
        fc.nat(52),
        fc.constantFrom<AccessSize>(1, 2, 4),
        fc.nat(0xffff_ffff),
        ({ registers }, offset, size, seed) => {
          const value = size === 4 ? seed : seed % 2 ** (8 * size);
          const device = new Device();
          new RegisterBlock(registers).write(device, offset, size, value);
          const end = offset + size;
          const expected = registers
            .filter(
              ({ offset: at, width }) =>
                (at >= offset && at + width <= end) || (at === offset && width > size),
            )
            .map(({ name, offset: at, width }) => {
              const part = Math.floor(value / 2 ** (8 * (at - offset))) % 2 ** (8 * width);
              return `write ${name} 0x${part.toString(16)}`;
            });
          expect(device.log).toEqual(expected);
        },
      ),
    );
  });
});
