import { describe, expect, it } from 'vitest';
import { ResetControl } from '../../../../src/devices/legacy/reset-control.js';
import { PortGuest, snapshot } from './port-guest.js';
import { RecordingPower } from './recording-power.js';

const RST_CNT = 0xcf9;

function setUp() {
  const power = new RecordingPower();
  const device = new ResetControl(power);
  return { power, device, guest: new PortGuest(device) };
}

describe('ResetControl', () => {
  it('claims one port, next to PCI configuration', () => {
    const { device } = setUp();
    expect(device.ranges).toMatchObject([{ space: 'port', base: RST_CNT, size: 1 }]);
  });

  it.each([0x04, 0x06, 0x0e])('resets when RST_CPU rises: %i', value => {
    const { guest, power } = setUp();
    guest.out(RST_CNT, value);
    expect(power.requests).toEqual(['reset']);
  });

  it('resets as Linux does it: the kind first, then the pulse', () => {
    const { guest, power } = setUp();
    const kept = guest.in(RST_CNT) & ~0x0e;
    guest.out(RST_CNT, kept | 0x02);
    expect(power.requests).toEqual([]);
    guest.out(RST_CNT, kept | 0x06);
    expect(power.requests).toEqual(['reset']);
  });

  it('does not reset without RST_CPU, nor while it stays set', () => {
    const { guest, power } = setUp();
    guest.out(RST_CNT, 0xfb);
    expect(power.requests).toEqual([]);
    guest.out(RST_CNT, 0x06);
    guest.out(RST_CNT, 0x0e);
    expect(power.requests).toEqual(['reset']);
    guest.out(RST_CNT, 0x02);
    guest.out(RST_CNT, 0x06);
    expect(power.requests).toEqual(['reset', 'reset']);
  });

  it('reads back its defined bits', () => {
    const { guest } = setUp();
    guest.out(RST_CNT, 0xff);
    expect(guest.in(RST_CNT)).toBe(0x0e);
  });

  it('keeps its bits in a snapshot and loses them in a reset', () => {
    const { guest, device } = setUp();
    guest.out(RST_CNT, 0x06);
    const copy = setUp();
    copy.device.load(snapshot(device));
    expect(copy.guest.in(RST_CNT)).toBe(0x06);
    // RST_CPU was set already: no edge.
    copy.guest.out(RST_CNT, 0x06);
    expect(copy.power.requests).toEqual([]);
    copy.device.reset();
    expect(copy.guest.in(RST_CNT)).toBe(0);
  });
});
