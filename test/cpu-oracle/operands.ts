import type { Random } from './random.js';

/** Floating-point operands of SSE: all the kinds that instructions tell apart, and what is near the edges. */

const FRACTIONS: readonly ((random: Random) => number)[] = [
  () => 0,
  () => 1,
  () => -1 >>> 0,
  () => 0x8000_0000,
  random => (1 << random.below(32)) >>> 0,
  random => -(1 << random.below(32)) >>> 0,
  random => random.next(),
  random => random.next(),
];

/** A fraction of 32 bits, left-aligned: few bits set, a run of ones, or anything. */
function fraction(random: Random): number {
  return FRACTIONS[random.below(FRACTIONS.length)](random);
}

/** A biased exponent: mostly near one another, so that operands meet; often at an edge. */
function exponent(random: Random, bias: number): number {
  switch (random.below(16)) {
    case 0:
    case 1:
      return 0;
    case 2:
      return 2 * bias + 1;
    case 3:
      return 1 + random.below(3);
    case 4:
      return 2 * bias - random.below(3);
    case 5:
      return random.below(2 * bias + 2);
    case 6:
      // Where products and quotients leave the range, and roots do not.
      return (bias >> 1) + random.below(8) - 4;
    case 7:
      return bias + (bias >> 1) + random.below(8) - 4;
    case 8:
      // Where integers end.
      return bias + [15, 22, 23, 24, 30, 31, 52, 53, 62, 63][random.below(10)];
    default:
      return bias + random.below(24) - 12;
  }
}

function single(random: Random, words: Uint32Array, at: number): void {
  const sign = random.next() & 0x8000_0000;
  words[at] = sign | (exponent(random, 127) << 23) | (fraction(random) >>> 9);
}

function double(random: Random, words: Uint32Array, at: number): void {
  const sign = random.next() & 0x8000_0000;
  const high = fraction(random);
  words[at + 1] = sign | (exponent(random, 1023) << 20) | (high >>> 12);
  // Often exactly representable as a single, or a bit beside it.
  switch (random.below(5)) {
    case 0:
      words[at] = 0;
      break;
    case 1:
      words[at] = 0x1000_0000 + random.below(3) - 1;
      break;
    case 2:
      words[at] = high === 0xffff_ffff ? 0xffff_ffff : high & 1 ? 1 : 0;
      break;
    default:
      words[at] = fraction(random);
  }
}

/** Fills whole vectors of four words with singles or doubles, some of them twice. */
export function floats(random: Random, words: Uint32Array): void {
  for (let at = 0; at < words.length; at += 4) {
    if (at >= 4 && random.chance(0.15)) {
      words.copyWithin(at, at - 4, at);
      // The same but for a sign or the last bit.
      if (random.chance(0.5)) words[at + random.below(4)] ^= random.pick([1, 0x8000_0000]);
    } else if (random.chance(0.5)) {
      for (let i = 0; i < 4; i++) single(random, words, at + i);
    } else {
      double(random, words, at);
      double(random, words, at + 2);
    }
  }
}

const DEFAULT_MXCSR = 0x1f80;
const DAZ = 0x40;
const FTZ = 0x8000;

/** Often the default, with and without flags that stick; else any rounding, DAZ, FTZ and masks. */
export function mxcsr(random: Random): number {
  const flags = random.chance(0.5) ? 0 : random.chance(0.5) ? 0x20 : random.below(64);
  if (random.chance(0.4)) return DEFAULT_MXCSR | flags;
  const masks = random.chance(0.6)
    ? 0x3f
    : random.chance(0.5)
      ? 0x3f & ~(1 << random.below(6))
      : random.below(64);
  // A flag whose exception is not masked raises nothing by itself.
  return (
    flags |
    (random.chance(0.3) ? DAZ : 0) |
    (masks << 7) |
    (random.below(4) << 13) |
    (random.chance(0.3) ? FTZ : 0)
  );
}
