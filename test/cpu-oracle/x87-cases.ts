import { SCRATCH, WINDOW, type TestCase } from './layout.js';
import type { Random } from './random.js';

/** Random x87 instructions: every escape byte with every ModRM.reg in memory and every ModRM byte of registers. */

const BIAS = 0x3fff;
const INTEGER_BIT = 1n << 63n;

/** An 80-bit operand. */
export interface Extended {
  readonly se: number;
  readonly sig: bigint;
}

/** D9's functions whose results processors round in ways of their own. */
export const TRANSCENDENTAL: readonly number[] = [0xf0, 0xf1, 0xf2, 0xf3, 0xf9, 0xfb, 0xfe, 0xff];

export function isTranscendental(code: Uint8Array): boolean {
  const escape = code.indexOf(0xd9);
  return escape >= 0 && escape <= 2 && TRANSCENDENTAL.includes(code[escape + 1]);
}

function significand(random: Random): bigint {
  const word = (BigInt(random.next()) << 32n) | BigInt(random.next());
  switch (random.below(8)) {
    case 0:
      return 0n;
    case 1:
      return BigInt.asUintN(63, -1n << BigInt(random.below(63)));
    case 2:
      return BigInt.asUintN(63, (1n << BigInt(random.below(63))) - BigInt(random.below(2)));
    case 3:
      // Near the places where single and double precision round.
      return BigInt.asUintN(
        63,
        (word << random.pick([39n, 40n, 41n, 10n, 11n, 12n])) + BigInt(random.below(3)) - 1n,
      );
    case 4:
      return BigInt.asUintN(63, word << BigInt(random.below(63)));
    default:
      return BigInt.asUintN(63, word);
  }
}

export function extended(random: Random): Extended {
  const sign = random.below(2) << 15;
  const fraction = significand(random);
  const normal = (e: number): Extended => ({ se: sign | e, sig: INTEGER_BIT | fraction });
  switch (random.below(24)) {
    case 0:
      return { se: sign, sig: 0n };
    case 1:
      return { se: sign, sig: fraction };
    case 2:
      return { se: sign, sig: fraction >> BigInt(random.below(63)) };
    case 3:
      // Pseudo-denormal.
      return { se: sign, sig: INTEGER_BIT | fraction };
    case 4:
      return { se: sign | 0x7fff, sig: INTEGER_BIT };
    case 5:
      return { se: sign | 0x7fff, sig: INTEGER_BIT | (1n << 62n) | fraction };
    case 6:
      return { se: sign | 0x7fff, sig: INTEGER_BIT | BigInt.asUintN(62, fraction) };
    case 7:
      // Unnormal, pseudo-infinity, pseudo-NaN.
      return { se: sign | random.pick([0x7fff, 1, BIAS, random.below(0x7fff) + 1]), sig: fraction };
    case 8:
      return normal(1 + random.below(0x7ffe));
    case 9:
      return normal(random.pick([1, 2, 3, 30, 63, 64, 65, 0x7ffe, 0x7ffd, 0x7ff0, 0x7fbe]));
    case 10:
      // Where singles and doubles end.
      return normal(BIAS + random.pick([-149, -126, 127, -1074, -1022, 1023]) + random.below(5) - 2);
    case 11:
      return normal(BIAS + random.pick([15, 31, 62, 63, 59]) + random.below(3) - 1);
    case 12:
      return { se: sign | (BIAS + random.below(3) - 1), sig: INTEGER_BIT };
    case 13:
      return { se: sign | BIAS, sig: INTEGER_BIT };
    case 14: {
      // A small integer and half.
      const n = BigInt(random.below(4096) + 1);
      const length = n.toString(2).length;
      return { se: sign | (BIAS + length - 2), sig: n << BigInt(64 - length) };
    }
    case 15:
      return normal(BIAS + random.below(130) - 65);
    default:
      return normal(BIAS + random.below(40) - 20);
  }
}

function narrowFloat(random: Random, exponentBits: number, fractionBits: number): bigint {
  const sign = BigInt(random.below(2));
  const top = (1 << exponentBits) - 1;
  const e = random.pick([
    0,
    0,
    top,
    1,
    top - 1,
    top >> 1,
    (top >> 1) + random.below(20) - 10,
    random.below(top),
    random.below(top),
  ]);
  const fraction = BigInt.asUintN(
    fractionBits,
    significand(random) >> (random.chance(0.5) ? BigInt(63 - fractionBits) : 0n),
  );
  return (((sign << BigInt(exponentBits)) | BigInt(e)) << BigInt(fractionBits)) | fraction;
}

function controlWord(random: Random): number {
  if (random.chance(0.3)) return 0x37f;
  const masks = random.chance(0.7) ? 0x3f : random.below(64);
  const precision = random.chance(0.5) ? 3 : random.below(4);
  return 0x40 | masks | (precision << 8) | (random.below(4) << 10) | (random.below(2) << 12);
}

function statusWord(random: Random, control: number): number {
  const flags = random.chance(0.6) ? 0 : random.below(128);
  const allowed = random.chance(0.9) ? flags & (control | 0x40) : flags;
  const pending = (allowed & ~control & 0x3f) !== 0 ? 0x8080 : 0;
  return allowed | pending | (random.below(8) << 11) | (random.below(8) << 8) | (random.below(2) << 14);
}

/** Writes what the instruction at `memory` is likely to read as something meaningful. */
function operand(random: Random, escape: number, reg: number, view: DataView, at: number): void {
  const integer = random.word();
  if (escape === 0 || (escape === 1 && reg < 4)) view.setUint32(at, Number(narrowFloat(random, 8, 23)), true);
  else if (escape === 4 || (escape === 5 && reg === 0))
    view.setBigUint64(at, narrowFloat(random, 11, 52), true);
  else if ((escape === 3 && reg === 5) || (escape === 7 && reg === 4)) {
    if (escape === 3) {
      const value = extended(random);
      view.setBigUint64(at, value.sig, true);
      view.setUint16(at + 8, value.se, true);
    } else {
      for (let i = 0; i < 9; i++) view.setUint8(at + i, random.below(10) * 16 + random.below(10));
      view.setUint8(at + 9, random.pick([0, 0x80, 0x7f, 0xff]));
      if (random.chance(0.1)) view.setBigUint64(at, 0n, true);
    }
  } else view.setBigUint64(at, integer, true);
  if (escape === 1 && reg === 5)
    view.setUint16(at, random.chance(0.8) ? controlWord(random) : random.below(65536), true);
}

/** FLDENV's and FRSTOR's operand. */
function environment(random: Random, view: DataView, at: number, word: boolean): void {
  const step = word ? 2 : 4;
  const control = controlWord(random);
  view.setUint16(at, control, true);
  view.setUint16(at + step, random.chance(0.5) ? statusWord(random, control) : random.below(65536), true);
  view.setUint16(at + 2 * step, random.pick([0xffff, 0, random.below(65536)]), true);
  for (let i = 0; i < 8; i++) {
    const value = extended(random);
    const to = at + 7 * step + i * 10;
    view.setBigUint64(to, value.sig, true);
    view.setUint16(to + 8, value.se, true);
  }
}

/**
 * Makes `test` a random x87 instruction.
 * @param only ModRM bytes of D9 to choose from, for what is tested apart
 */
export function fillX87(random: Random, test: TestCase, only?: readonly number[]): void {
  const escape = only ? 1 : random.below(8);
  const inMemory = !only && random.chance(0.4);
  const reg = random.below(8);
  const modrm = only ? random.pick(only) : inMemory ? (reg << 3) | 7 : 0xc0 | random.below(64);
  const code: number[] = [];
  const word = inMemory && random.chance(0.15);
  if (word) code.push(0x66);
  if (random.chance(0.05)) code.push(0x48);
  code.push(0xd8 + escape, modrm);
  if (!only && random.chance(0.01)) code.splice(0, code.length, 0x9b);

  const { state } = test;
  state.clear();
  const { memory, gpr, fx } = state;
  random.fill(new Uint32Array(memory.buffer, memory.byteOffset, WINDOW / 4));
  const at = 64 + random.below(16);
  const view = new DataView(memory.buffer, memory.byteOffset, WINDOW);
  operand(random, escape, reg, view, at);
  if (reg === 4 && (escape === 1 || escape === 5)) environment(random, view, at, word);

  for (let n = 0; n < 16; n++) random.word64(gpr, 2 * n);
  state.setRegister(4, BigInt(SCRATCH + 256));
  state.setRegister(7, BigInt(random.chance(0.99) ? SCRATCH + at : SCRATCH + 4092));

  const control = controlWord(random);
  fx.setUint16(0, control, true);
  fx.setUint16(2, statusWord(random, control), true);
  fx.setUint8(
    4,
    random.chance(0.7) ? 0xff : random.chance(0.5) ? random.below(256) : 0xfe << random.below(8),
  );
  fx.setUint16(6, random.below(2048), true);
  fx.setUint32(8, random.next() >>> 1, true);
  fx.setUint32(16, random.next() >>> 1, true);
  state.mxcsr = 0x1f80;
  const values = Array.from({ length: 8 }, () => extended(random));
  if (random.chance(0.1))
    values[1] = { se: values[0].se ^ (random.below(2) << 15), sig: values[0].sig + BigInt(random.below(2)) };
  values.forEach(({ se, sig }, i) => {
    fx.setBigUint64(32 + i * 16, BigInt.asUintN(64, sig), true);
    fx.setUint16(40 + i * 16, se, true);
  });
  // Pushes need an empty register.
  if (random.chance(0.4)) {
    const top = (fx.getUint16(2, true) >> 11) & 7;
    fx.setUint8(4, fx.getUint8(4) & ~(1 << ((top + 7) & 7)));
  }
  state.rflags = (random.next() & 0x8d5) | 0x202;
  test.setCode(code, 0);
  test.undefinedFlags = 0;
  test.approximate = false;
}
