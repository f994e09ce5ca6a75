import { expect, test } from 'vitest';
import { ByteRing } from '../../../../src/vmm/byte-ring.js';
import { SerialInput } from '../../../../src/vmm/machine/serial-input.js';

function drain(input: SerialInput): number[] {
  const bytes: number[] = [];
  for (let byte = input.shift(); byte >= 0; byte = input.shift()) bytes.push(byte);
  return bytes;
}

test('what was in the ring comes first, then what was given, then what the ring gets later', () => {
  const ring = new ByteRing(ByteRing.allocate(16));
  const input = new SerialInput(ring);
  ring.write(Uint8Array.of(1, 2, 3));
  expect(input.shift()).toBe(1);
  input.give(Uint8Array.of(4, 5));
  ring.write(Uint8Array.of(6));
  expect(drain(input)).toEqual([2, 3, 4, 5, 6]);
  ring.write(Uint8Array.of(7));
  expect(drain(input)).toEqual([7]);
});

test('what is given back comes again first', () => {
  const ring = new ByteRing(ByteRing.allocate(16));
  const input = new SerialInput(ring);
  ring.write(Uint8Array.of(1, 2, 3));
  expect([input.shift(), input.shift()]).toEqual([1, 2]);
  input.giveBack([1, 2]);
  expect(input.length).toBe(3);
  expect(input.shift()).toBe(1);
  input.giveBack([1]);
  expect(drain(input)).toEqual([1, 2, 3]);
});
