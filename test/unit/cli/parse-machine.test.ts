import { describe, expect, it } from 'vitest';
import { parseMachine } from '../../../src/cli/parse-machine.js';
import { ConfigError } from '../../../src/errors.js';

describe('--machine', () => {
  it.each([
    ['pc', { type: 'pc' }],
    ['pc,host-bridge=amd_hostbridge', { type: 'pc', hostBridge: 'amd_hostbridge' }],
    ['type=microvm', { type: 'microvm' }],
    ['microvm,pit=on,pic', { type: 'microvm', pit: true, pic: true }],
    ['microvm,rtc=off,auto-kernel-cmdline=off', { type: 'microvm', rtc: false, autoKernelCmdline: false }],
  ])('reads %s', (text, machine) => {
    expect(parseMachine(text)).toEqual(machine);
  });

  it.each([
    ['', /is one of pc, microvm, not ''/],
    ['q35', /is one of pc, microvm, not 'q35'/],
    ['pc,usb=on', /'usb=on' is not understood/],
    ['pc,toString=on', /'toString=on' is not understood/],
    ['pc,pit=maybe', /pit is on or off, not 'maybe'/],
    ['pc,', /'' is not understood/],
  ])('refuses %j with one line', (text, message) => {
    expect(() => parseMachine(text)).toThrow(ConfigError);
    expect(() => parseMachine(text)).toThrow(message);
  });
});
