import { describe, expect, it } from 'vitest';
import { ByteRing } from '../../../../src/vmm/byte-ring.js';
import { RingLine } from '../../../../src/vmm/machine/ring-line.js';
import { SerialInput } from '../../../../src/vmm/machine/serial-input.js';
import { onThread } from '../threads.js';

function build(patient = false) {
  const output = new ByteRing(ByteRing.allocate(8));
  const input = new ByteRing(ByteRing.allocate(8));
  const told: string[] = [];
  const line = new RingLine({
    output: output.buffer,
    input: new SerialInput(input),
    patient,
    announceOutput: () => told.push('output'),
    announceSpace: () => told.push('space'),
    announceOpen: open => told.push(`open ${open}`),
  });
  return { output, input, line, told };
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('a console port’s rings', () => {
  it('announce output when they were empty', () => {
    const { line, output, told } = build();
    expect(line.write(bytes(1, 2, 3))).toBe(3);
    expect(line.write(bytes(4))).toBe(1);
    expect(told).toEqual(['output']);
    expect(Array.from(output.read())).toEqual([1, 2, 3, 4]);
    line.put(5);
    line.put(6);
    expect(told).toEqual(['output', 'output']);
  });

  it('take as much as there is room for, and ask to be told of more', () => {
    const { line, output } = build();
    expect(line.write(new Uint8Array(6))).toBe(6);
    expect(output.takeWaiting()).toBe(false);
    expect(line.write(bytes(1, 2, 3, 4))).toBe(2);
    expect(line.write(bytes(3, 4))).toBe(0);
    output.read();
    expect(output.takeWaiting()).toBe(true);
    expect(line.write(bytes(3, 4))).toBe(2);
    expect(Array.from(output.read())).toEqual([3, 4]);
  });

  it('wait for their reader, where they are to', async () => {
    const { line, output } = build(true);
    const reader = onThread(output.buffer, (buffer, modules) => {
      const ring = new modules.ByteRing(buffer);
      const all: number[] = [];
      while (all.length < 20) all.push(...ring.read());
      return all;
    });
    expect(line.write(Uint8Array.from({ length: 20 }, (_, i) => i))).toBe(20);
    expect(await reader).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('give input, and tell its sender of the room', () => {
    const { line, input, told } = build();
    expect(line.hasInput).toBe(false);
    input.write(new Uint8Array(8).fill(7));
    input.awaitSpace();
    expect(line.hasInput).toBe(true);
    const target = new Uint8Array(5);
    expect(line.read(target)).toBe(5);
    expect(told).toEqual(['space']);
    expect(line.read(target)).toBe(3);
    expect(line.hasInput).toBe(false);
  });

  it('tell that the guest opens its end', () => {
    const { line, told } = build();
    line.guestOpened(true);
    line.guestOpened(false);
    expect(told).toEqual(['open true', 'open false']);
  });
});
