import { expect, test } from 'vitest';
import type { BusRange, DeviceContext } from 'tsvmm';
import createTestDevice from '../../../../scripts/kvm-unit-tests/test-device.js';

function setUp() {
  const raised: [number, boolean][] = [];
  const context = { irq: (gsi: number) => ({ set: (level: boolean) => void raised.push([gsi, level]) }) };
  const device = createTestDevice(context as unknown as DeviceContext);
  const at = (space: BusRange['space'], address: number) => {
    const range = device.ranges.find(
      range => range.space === space && address >= range.base && address < range.base + range.size,
    )!;
    return { target: range.target, offset: address - range.base };
  };
  return { device, raised, at };
}

test('the latch and the memory take all sizes at all offsets', () => {
  const { at } = setUp();
  for (const [space, base] of [
    ['port', 0xe0],
    ['mmio', 0xff00_1230],
  ] as const) {
    const { target, offset } = at(space, base);
    target.write(offset, 4, 0x8765_4321);
    expect(target.read(offset, 4)).toBe(0x8765_4321);
    target.write(offset + 1, 2, 0xabcd);
    expect(target.read(offset, 4)).toBe(0x87ab_cd21);
    expect(target.read(offset + 3, 1)).toBe(0x87);
  }
});

test('port 0x2000 + n drives interrupt n', () => {
  const { at, raised } = setUp();
  const { target, offset } = at('port', 0x2000 + 9);
  target.write(offset, 4, 1);
  target.write(offset, 1, 0);
  expect(raised).toEqual([
    [9, true],
    [9, false],
  ]);
});

test('its state survives saving and loading, and not a reset', () => {
  const first = setUp();
  const latch = first.at('port', 0xe0);
  latch.target.write(latch.offset, 4, 7);
  const second = setUp();
  second.device.load(structuredClone(first.device.save()));
  expect(second.at('port', 0xe0).target.read(0, 4)).toBe(7);
  second.device.reset();
  expect(second.at('port', 0xe0).target.read(0, 4)).toBe(0);
});
