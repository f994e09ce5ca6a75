import { describe, expect, it } from 'vitest';
import { PostCode } from '../../../../src/devices/legacy/post-code.js';
import { PortGuest, snapshot } from './port-guest.js';

function setUp() {
  const device = new PostCode();
  return { device, guest: new PortGuest(device) };
}

describe('PostCode', () => {
  it('reads 0 before the first code', () => {
    const { device, guest } = setUp();
    expect([guest.in(0x80), device.last, device.history()]).toEqual([0, 0, []]);
  });

  it('reads the last code', () => {
    const { device, guest } = setUp();
    guest.out(0x80, 0x12);
    guest.out(0x80, 0x34);
    expect([guest.in(0x80), device.last, device.history()]).toEqual([0x34, 0x34, [0x12, 0x34]]);
  });

  it('remembers the last sixteen', () => {
    const { device, guest } = setUp();
    for (let code = 0; code < 40; code++) guest.out(0x80, code);
    expect(device.history()).toEqual(Array.from({ length: 16 }, (_, i) => 24 + i));
    expect(guest.in(0x80)).toBe(39);
  });

  it.each([0, 5, 16, 23])('goes on after save and load with %i codes', count => {
    const { device, guest } = setUp();
    for (let code = 1; code <= count; code++) guest.out(0x80, code);
    const copy = setUp();
    copy.guest.out(0x80, 0xee);
    copy.device.load(snapshot(device));
    guest.out(0x80, 0x77);
    copy.guest.out(0x80, 0x77);
    expect(copy.device.history()).toEqual(device.history());
    expect(device.history()).toHaveLength(Math.min(count + 1, 16));
  });

  it('forgets in a reset', () => {
    const { device, guest } = setUp();
    guest.out(0x80, 0x55);
    device.reset();
    expect([guest.in(0x80), device.history()]).toEqual([0, []]);
  });
});
