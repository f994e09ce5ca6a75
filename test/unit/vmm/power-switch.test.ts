import { describe, expect, it } from 'vitest';
import { PowerSwitch } from '../../../src/vmm/power-switch.js';

describe('the power switch', () => {
  it.each([
    ['poweroff', (power: PowerSwitch) => power.poweroff(), { reason: 'poweroff' }],
    ['reset', (power: PowerSwitch) => power.reset(), { reason: 'reset' }],
    ['exit', (power: PowerSwitch) => power.exit(0xffff_ffff), { reason: 'exit', code: 0xffff_ffff }],
    ['finish', (power: PowerSwitch) => power.finish({ reason: 'timeout' }), { reason: 'timeout' }],
  ] as const)('ends the run: %s', (_, act, end) => {
    let calls = 0;
    const power = new PowerSwitch(() => calls++);
    expect(power.end).toBeUndefined();
    act(power);
    expect(power.end).toEqual(end);
    expect(calls).toBe(1);
  });

  it('restarts the machine at a reset, where that is wanted, until the run is over', () => {
    let calls = 0;
    const power = new PowerSwitch(() => calls++, 'reboot');
    expect([power.off, power.takeRestart()]).toEqual([false, false]);
    power.reset();
    power.reset();
    expect([power.off, power.end, calls]).toEqual([true, undefined, 1]);
    expect([power.takeRestart(), power.off, power.takeRestart()]).toEqual([true, false, false]);
    power.restart();
    power.poweroff();
    expect([power.takeRestart(), power.off, power.end]).toEqual([false, true, { reason: 'poweroff' }]);
  });

  it('takes the first word', () => {
    let calls = 0;
    const power = new PowerSwitch(() => calls++);
    power.exit(3);
    power.reset();
    power.poweroff();
    expect(power.end).toEqual({ reason: 'exit', code: 3 });
    expect(calls).toBe(1);
  });
});
