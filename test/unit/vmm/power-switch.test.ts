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
