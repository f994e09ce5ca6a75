import { describe, expect, it } from 'vitest';
import * as errors from '../../../../src/errors.js';
import { reviveError, serializeError } from '../../../../src/vmm/machine/serialize-error.js';

/** The error as it arrives on the other thread. */
function travel(error: unknown): Error {
  return reviveError(structuredClone(serializeError(error)));
}

describe('an error between threads', () => {
  it.each([
    new errors.ConfigError('no such vCPU', { index: 3 }),
    new errors.ImageError('truncated', { offset: 12 }),
    new errors.AcceleratorError('no /dev/kvm', { path: '/dev/kvm' }),
    new errors.BusConflictError('both claim port 0x60', { base: 0x60 }),
  ])('keeps its class, code, data and stack: $name', error => {
    const arrived = travel(error);
    expect(arrived).toBeInstanceOf(error.constructor);
    expect(arrived).toMatchObject({
      code: error.code,
      message: error.message,
      data: error.data,
      stack: error.stack,
    });
  });

  it('keeps its code where its class is unknown', () => {
    const arrived = travel(new errors.TsvmmError('KVM', 'KVM_RUN failed', { errno: 14 }));
    expect(arrived).toBeInstanceOf(errors.TsvmmError);
    expect(arrived).toMatchObject({ code: 'KVM', data: { errno: 14 } });
  });

  it('keeps message and stack where it is none of ours', () => {
    const error = new RangeError('out of range');
    expect(travel(error)).toMatchObject({ message: 'out of range', stack: error.stack });
    expect(travel(error)).not.toBeInstanceOf(errors.TsvmmError);
  });

  it('is made of whatever else was thrown', () => {
    expect(travel('just a text').message).toBe('just a text');
    expect(travel(undefined).message).toBe('undefined');
  });
});
