import { describe, expect, it } from 'vitest';
import { PvPanic } from '../../../../src/devices/legacy/pvpanic.js';
import { PortGuest, snapshot } from './port-guest.js';
import { RecordingPower } from './recording-power.js';

function setUp() {
  const power = new RecordingPower();
  const device = new PvPanic(power);
  return { power, device, guest: new PortGuest(device) };
}

describe('pvpanic', () => {
  it('tells which events it understands', () => {
    expect(setUp().guest.in(0x505)).toBe(3);
  });

  it('hands on that the guest has panicked', () => {
    const { guest, power, device } = setUp();
    guest.out(0x505, 1);
    expect(power.requests).toEqual(['panic']);
    expect(snapshot(device)).toEqual({ panics: 1, crashLoads: 0 });
  });

  it('goes on while a crash kernel is loaded, and with what it does not know', () => {
    const { guest, power, device } = setUp();
    guest.out(0x505, 2);
    guest.out(0x505, 0xfc);
    expect(power.requests).toEqual([]);
    const copy = setUp();
    copy.device.load(snapshot(device));
    expect(snapshot(copy.device)).toEqual({ panics: 0, crashLoads: 1 });
    copy.device.reset();
    expect(snapshot(copy.device)).toEqual({ panics: 0, crashLoads: 0 });
  });
});
