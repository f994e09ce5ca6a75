import { describe, expect, it } from 'vitest';
import { CoreRunner } from '../../cpu-oracle/core-runner.js';
import { DONE, TestCase } from '../../cpu-oracle/layout.js';
import { Random } from '../../cpu-oracle/random.js';

/*
 * The transcendental functions against sums of their series in 320-bit fixed point: results must be the exact ones,
 * rounded to nearest. Only an exact value within 2^−40 units of a tie could fail by chance.
 */

const BITS = 320n;
const ONE = 1n << BITS;
const BIAS = 0x3fff;

const multiply = (a: bigint, b: bigint): bigint => (a * b) >> BITS;
const divide = (a: bigint, b: bigint): bigint => (a << BITS) / b;

/** Σ term(k) until it vanishes; `next` makes a term from the one before. */
function sum(first: bigint, next: (term: bigint, k: bigint) => bigint): bigint {
  let total = 0n;
  let term = first;
  for (let k = 1n; term !== 0n && term !== -1n; k++) {
    total += term;
    term = next(term, k);
  }
  return total;
}

const sine = (x: bigint): bigint => sum(x, (t, k) => -multiply(multiply(t, x), x) / (2n * k * (2n * k + 1n)));
const cosine = (x: bigint): bigint =>
  sum(ONE, (t, k) => -multiply(multiply(t, x), x) / (2n * k * (2n * k - 1n)));
const exponential = (x: bigint): bigint => sum(ONE, (t, k) => multiply(t, x) / k);

/** Σ ± x^(2k+1) ÷ (2k + 1). */
function odd(x: bigint, alternating: boolean): bigint {
  const square = multiply(x, x);
  let power = x;
  let total = 0n;
  for (let k = 0n; power !== 0n && power !== -1n; k++) {
    const term = power / (2n * k + 1n);
    total += alternating && k % 2n === 1n ? -term : term;
    power = multiply(power, square);
  }
  return total;
}
const LN2 = 2n * odd(ONE / 3n, false);
const PI = 16n * odd(ONE / 5n, true) - 4n * odd(ONE / 239n, true);
const HALF_PI = PI / 2n;
/** The processors' π/2 has 66 bits. */
const HARDWARE_HALF_PI = (HALF_PI >> (BITS - 65n)) << (BITS - 65n);

function log2(x: bigint): bigint {
  let n = 0n;
  while (x >= 2n * ONE) {
    x >>= 1n;
    n++;
  }
  while (x < ONE) {
    x <<= 1n;
    n--;
  }
  return n * ONE + divide(2n * odd(divide(x - ONE, x + ONE), false), LN2);
}
function arctangent(x: bigint): bigint {
  if (x < 0n) return -arctangent(-x);
  if (x > ONE) return HALF_PI - arctangent(divide(ONE, x));
  // Halved three times: atan x = 2 · atan(x ÷ (1 + √(1 + x²))).
  let halved = x;
  for (let i = 0; i < 3; i++) halved = divide(halved, ONE + root(ONE + multiply(halved, halved)));
  return 8n * odd(halved, true);
}
function root(x: bigint): bigint {
  const radicand = x << BITS;
  let r = 1n << BITS;
  for (;;) {
    const better = (r + radicand / r) >> 1n;
    if (better === r || better === r + 1n || better === r - 1n) return better;
    r = better;
  }
}
/** sin(x + turn · π/2), x reduced as processors do it. */
function sineOf(x: bigint, turn: number): bigint {
  if (x < 0n) return turn ? sineOf(-x, turn) : -sineOf(-x, turn);
  const multiple = (2n * x + HARDWARE_HALF_PI) / (2n * HARDWARE_HALF_PI);
  const rest = x - multiple * HARDWARE_HALF_PI;
  const quadrant = (Number(multiple & 3n) + turn) & 3;
  const value = quadrant & 1 ? cosine(rest) : sine(rest);
  return quadrant & 2 ? -value : value;
}

interface Extended {
  readonly se: number;
  readonly sig: bigint;
}

function toFixed({ se, sig }: Extended): bigint {
  const shift = BITS + BigInt((se & 0x7fff) - BIAS - 63);
  const value = shift < 0n ? sig >> -shift : sig << shift;
  return se & 0x8000 ? -value : value;
}
function toExtended(value: bigint): Extended {
  const magnitude = value < 0n ? -value : value;
  const length = magnitude.toString(2).length;
  const drop = BigInt(length - 64);
  let sig = magnitude >> drop;
  let e = length - 1 - Number(BITS) + BIAS;
  if ((magnitude >> (drop - 1n)) & 1n) sig++;
  if (sig >> 64n) {
    sig >>= 1n;
    e++;
  }
  return { se: (value < 0n ? 0x8000 : 0) | e, sig };
}

/** Significands of all lengths, 2^low ≤ |x| < 2^high. */
function operand(random: Random, low: number, high: number, signs = true): Extended {
  const sig =
    (1n << 63n) |
    BigInt.asUintN(
      63,
      ((BigInt(random.next()) << 32n) | BigInt(random.next())) << BigInt(random.pick([0, 0, 0, 20, 45])),
    );
  return { se: (signs && random.chance(0.5) ? 0x8000 : 0) | (BIAS + low + random.below(high - low)), sig };
}

const core = new CoreRunner();

/** Executes D9 `modrm` with ST(0) and ST(1). */
function execute(modrm: number, st0: Extended, st1?: Extended): Extended[] {
  const test = new TestCase();
  const { fx } = test.state;
  fx.setUint16(0, 0x37f, true);
  fx.setUint8(4, st1 ? 3 : 1);
  test.state.mxcsr = 0x1f80;
  test.state.rflags = 2;
  [st0, ...(st1 ? [st1] : [])].forEach(({ se, sig }, i) => {
    fx.setBigUint64(32 + i * 16, sig, true);
    fx.setUint16(40 + i * 16, se, true);
  });
  test.setCode([0xd9, modrm], 0);
  const outcome = core.run(test);
  expect(outcome.vector).toBe(DONE);
  const after = outcome.state.fx;
  return [0, 1].map(i => ({
    se: after.getUint16(40 + i * 16, true),
    sig: after.getBigUint64(32 + i * 16, true),
  }));
}

const ROUNDS = 150;

function check(
  name: string,
  modrm: number,
  operands: (random: Random) => [Extended, Extended?],
  exact: (x: bigint, y: bigint) => bigint,
): void {
  it(name, () => {
    const random = new Random(modrm);
    for (let i = 0; i < ROUNDS; i++) {
      const [st0, st1] = operands(random);
      const expected = toExtended(exact(toFixed(st0), st1 ? toFixed(st1) : 0n));
      const pushes = modrm === 0xf2;
      expect(
        execute(modrm, st0, st1)[pushes ? 1 : 0],
        `${st0.se.toString(16)}:${st0.sig.toString(16)}`,
      ).toEqual(expected);
    }
  });
}

describe('x87 transcendental functions are correctly rounded', () => {
  check(
    'F2XM1',
    0xf0,
    r => [operand(r, -40, 0)],
    x => exponential(multiply(x, LN2)) - ONE,
  );
  check(
    'FYL2X',
    0xf1,
    r => [operand(r, -30, 30, false), operand(r, -20, 20)],
    (x, y) => multiply(y, log2(x)),
  );
  check(
    'FYL2XP1',
    0xf9,
    r => [operand(r, -40, -2), operand(r, -20, 20)],
    (x, y) => multiply(y, log2(ONE + x)),
  );
  check(
    'FSIN',
    0xfe,
    r => [operand(r, -30, 20)],
    x => sineOf(x, 0),
  );
  check(
    'FCOS',
    0xff,
    r => [operand(r, -30, 20)],
    x => sineOf(x, 1),
  );
  check(
    'FSIN of large arguments',
    0xfe,
    r => [operand(r, 40, 63)],
    x => sineOf(x, 0),
  );
  check(
    'FPTAN',
    0xf2,
    r => [operand(r, -30, 20)],
    x => divide(sineOf(x, 0), sineOf(x, 1)),
  );
  check(
    'FPATAN',
    0xf3,
    r => [operand(r, -15, 15), operand(r, -15, 15)],
    (x, y) => {
      const angle = arctangent(divide(y, x));
      return x > 0n ? angle : y < 0n ? angle - PI : angle + PI;
    },
  );
  it('FSINCOS', () => {
    const random = new Random(1);
    for (let i = 0; i < ROUNDS; i++) {
      const x = operand(random, -30, 20);
      expect(execute(0xfb, x)).toEqual([
        toExtended(sineOf(toFixed(x), 1)),
        toExtended(sineOf(toFixed(x), 0)),
      ]);
    }
  });
});
