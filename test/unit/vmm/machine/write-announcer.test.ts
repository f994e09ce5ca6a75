import { expect, test } from 'vitest';
import { WriteAnnouncer } from '../../../../src/vmm/machine/write-announcer.js';

function announcer(): { announcer: WriteAnnouncer; told: [number, number][] } {
  const told: [number, number][] = [];
  return { announcer: new WriteAnnouncer((gpa, size) => told.push([gpa, size])), told };
}

test('neighbouring writes are told at once, when the thread is through', async () => {
  const { announcer: writes, told } = announcer();
  for (let gpa = 100; gpa < 200; gpa += 4) writes.note(gpa, 4);
  writes.note(90, 10);
  expect(told).toEqual([]);
  await Promise.resolve();
  expect(told).toEqual([[90, 110]]);
  writes.note(8, 1);
  await Promise.resolve();
  expect(told).toEqual([
    [90, 110],
    [8, 1],
  ]);
});

test('distant writes are told one by one, in their order', () => {
  const { announcer: writes, told } = announcer();
  writes.note(0x1000, 8);
  writes.note(0x5000, 8);
  writes.note(0x1008, 8);
  writes.flush();
  writes.flush();
  expect(told).toEqual([
    [0x1000, 8],
    [0x5000, 8],
    [0x1008, 8],
  ]);
});
