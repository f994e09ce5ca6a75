import { describe, expect, it } from 'vitest';
import { Latch } from '../../../src/vmm/latch.js';
import { onThread } from './threads.js';

describe('a latch', () => {
  it('is waited for no longer than asked for', () => {
    const latch = new Latch(Latch.allocate());
    latch.wait(1);
    latch.wait(0);
    latch.wait(-5);
    latch.open();
    latch.wait(Infinity);
    expect(new Int32Array(latch.buffer)[0]).toBe(1);
  });

  it('lets threads pass that wait, and those that come later', async () => {
    const buffer = Latch.allocate();
    const pass = (
      buffer: SharedArrayBuffer,
      { Latch }: { readonly Latch: new (buffer: SharedArrayBuffer) => Latch },
    ) => {
      new Latch(buffer).wait(Infinity);
      return true;
    };
    const early = onThread(buffer, pass);
    new Latch(buffer).open();
    new Latch(buffer).open();
    expect(await Promise.all([early, onThread(buffer, pass)])).toEqual([true, true]);
  });
});
