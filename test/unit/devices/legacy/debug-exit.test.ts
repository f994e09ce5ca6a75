import { describe, expect, it } from 'vitest';
import { DebugExit } from '../../../../src/devices/legacy/debug-exit.js';
import { PortGuest, snapshot } from './port-guest.js';
import { RecordingPower } from './recording-power.js';

function setUp() {
  const power = new RecordingPower();
  const device = new DebugExit(power);
  return { power, device, guest: new PortGuest(device) };
}

describe('DebugExit', () => {
  it.each([
    [1, 0x4d, 0x4d],
    [2, 0xbeef, 0xbeef],
    [4, 0xdeadbeef, 0xdeadbeef],
    [4, 0, 0],
  ] as const)('hands over what is written in %i bytes: %i', (size, value, status) => {
    const { guest, power } = setUp();
    guest.out(0xf4, value, size);
    expect(power.requests).toEqual([status]);
  });

  it('ignores writes to the rest of its ports', () => {
    const { guest, power } = setUp();
    guest.out(0xf5, 1);
    guest.out(0xf6, 1, 2);
    expect(power.requests).toEqual([]);
  });

  it('reads as nothing', () => {
    const { guest } = setUp();
    expect([guest.in(0xf4), guest.in(0xf4, 4)]).toEqual([0xff, 0xffff_ffff]);
  });

  it('has no state: reset and load ask for nothing', () => {
    const { device, power } = setUp();
    expect(snapshot(device)).toEqual({});
    device.load();
    device.reset();
    expect(power.requests).toEqual([]);
  });
});
