import { describe, expect, it } from 'vitest';
import { DebugConsole } from '../../../../src/devices/legacy/debug-console.js';
import { PortGuest, snapshot } from './port-guest.js';

function setUp() {
  const sent: number[] = [];
  const device = new DebugConsole({ write: byte => void sent.push(byte) });
  return { sent, device, guest: new PortGuest(device) };
}

describe('DebugConsole', () => {
  it('tells that it is there', () => {
    expect(setUp().guest.in(0xe9)).toBe(0xe9);
  });

  it('passes on each byte', () => {
    const { guest, sent } = setUp();
    for (const char of 'Hi\n') guest.out(0xe9, char.charCodeAt(0));
    expect(sent).toEqual([0x48, 0x69, 0x0a]);
  });

  it('passes on only the byte at its port of a wider write', () => {
    const { guest, sent } = setUp();
    guest.out(0xe9, 0x4241, 2);
    expect(sent).toEqual([0x41]);
  });

  it('has no state: reset and load send nothing', () => {
    const { device, sent } = setUp();
    expect(snapshot(device)).toEqual({});
    device.load();
    device.reset();
    expect(sent).toEqual([]);
  });
});
