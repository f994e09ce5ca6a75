import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { choose } from '../../src/vmm/boot/index.js';
import { formatDescription, inspectImage } from '../../src/vmm/boot/inspect.js';
import { GuestMemory } from '../../src/vmm/memory/guest-memory.js';
import { guestPath } from '../guests/harness.js';

/**
 * Damaged kernels by the path that `tsvmm run` and `tsvmm inspect` take, in this process: each is loaded or refused in
 * one line. What happens inside the guest afterwards is the guest's affair.
 */

const FOLDER = new URL('../../guests/build/', import.meta.url);
const NAMES = readdirSync(FOLDER).filter(name => /^hello.*\.(elf|bzimage)$/.test(name));

const MEMORY = 16 << 20;
/** Headers and the first code of every guest lie here: most of what a loader looks at. */
const HEADERS = 0x2000;

/** One piece of damage. */
type Damage =
  | { readonly kind: 'bytes'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'cut'; readonly size: number }
  | { readonly kind: 'word'; readonly at: number; readonly value: bigint };

/** Numbers at which a sum overflows or a sign changes. */
const EDGES = [
  0n,
  1n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

const offset = fc.oneof({ weight: 4, arbitrary: fc.nat(HEADERS) }, { weight: 1, arbitrary: fc.nat(1 << 16) });

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({
    kind: fc.constant('bytes' as const),
    at: offset,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
  }),
  fc.record({ kind: fc.constant('cut' as const), size: fc.nat(1 << 16) }),
  fc.record({
    kind: fc.constant('word' as const),
    at: offset.map(at => at & ~3),
    value: fc.oneof(fc.constantFrom(...EDGES), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  }),
);

const damagedKernel = fc
  .record({ name: fc.constantFrom(...NAMES), damages: fc.array(damage, { minLength: 1, maxLength: 4 }) })
  .map(({ name, damages }) => ({ name, image: damages.reduce(inflict, readFileSync(guestPath(name))) }));

function inflict(image: Buffer, damage: Damage): Buffer {
  switch (damage.kind) {
    case 'cut':
      return image.subarray(0, damage.size);
    case 'bytes':
      image.set(
        damage.bytes.subarray(0, Math.max(0, image.length - damage.at)),
        Math.min(damage.at, image.length),
      );
      return image;
    case 'word':
      if (damage.at + 8 <= image.length) image.writeBigUInt64LE(damage.value, damage.at);
      return image;
  }
}

/** Loads an image as a machine does. */
function load(image: Uint8Array): void {
  const request = { name: 'kernel', image, commandLine: '', modules: [], cpus: 1 };
  choose(image).load(request, GuestMemory.allocate(MEMORY));
}

function expectOneLine(error: unknown): void {
  // By its code: the classes of src and of the built package are not the same.
  expect(error).toMatchObject({ code: expect.stringMatching(/^(IMAGE|CONFIG)$/) as string });
  expect((error as Error).message).toMatch(/^[^\n]+$/);
}

describe('a damaged kernel', () => {
  test('is loaded, or refused in one line', () => {
    fc.assert(
      fc.property(damagedKernel, ({ image }) => {
        try {
          load(image);
        } catch (error) {
          expectOneLine(error);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test('is described, whatever it is', () => {
    fc.assert(
      fc.property(damagedKernel, ({ image }) => {
        const description = inspectImage(image);
        // The two commands agree.
        expect(description.chosen === undefined).toBe(description.refusal !== undefined);
        expect(formatDescription(description)).toMatch(/^[ -~\n…–]*\n$/);
      }),
      { numRuns: 1500 },
    );
  });

  test('gives a machine, or an error in one line', async () => {
    await fc.assert(
      fc.asyncProperty(damagedKernel, async ({ image }) => {
        try {
          await using machine = await createMachine({ kernel: image, memory: MEMORY });
          expect(machine.memory.size).toBe(MEMORY);
        } catch (error) {
          expectOneLine(error);
        }
      }),
      { numRuns: 25 },
    );
  });
});
