import { describe, expect, it } from 'vitest';
import { parseCpu } from '../../../src/cli/parse-cpu.js';
import { parseHpet } from '../../../src/cli/parse-hpet.js';
import { ConfigError } from '../../../src/errors.js';

describe('--hpet', () => {
  it.each([
    ['off', false],
    ['on', {}],
    ['64', { width: 64 }],
    ['32,timers=8,msi=off', { width: 32, timers: 8, msi: false }],
  ])('reads %s', (text, hpet) => {
    expect(parseHpet(text)).toEqual(hpet);
  });

  it.each([
    ['', /'' is not understood/],
    ['16', /'16' is not understood/],
    ['off,timers=3', /'off,timers=3' is not understood/],
    ['64,irq=2', /'irq=2' is not understood/],
    ['64,msi=1', /msi is on or off, not '1'/],
  ])('refuses %j with one line', (text, message) => {
    expect(() => parseHpet(text)).toThrow(ConfigError);
    expect(() => parseHpet(text)).toThrow(message);
  });
});

describe('--cpu', () => {
  it.each([
    ['host', {}],
    ['max,-kvmclock', { kvmclock: false }],
    ['host,+kvmclock,kvm=off', { kvmclock: true, kvm: false }],
  ])('reads %s', (text, cpu) => {
    expect(parseCpu(text)).toEqual(cpu);
  });

  it.each([
    ['486', /is host or max, not '486'/],
    ['host,-avx', /'-avx' is not understood/],
    ['host,kvm=maybe', /kvm is on or off, not 'maybe'/],
  ])('refuses %j with one line', (text, message) => {
    expect(() => parseCpu(text)).toThrow(ConfigError);
    expect(() => parseCpu(text)).toThrow(message);
  });
});
