/** One step of a guest, or of the outside world: what it does, and three numbers below 2^32 that say how. */
export interface Step {
  readonly name: string;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** A kind of step that a target understands. */
export interface Operation {
  readonly name: string;
  /** How often it is chosen, in relation to the others. */
  readonly weight: number;
  /** @returns how many register accesses, ring writes and the like it stood for; 1 by default */
  readonly run: (a: number, b: number, c: number) => number | void;
}

/** A step as a line of a corpus has it: `name a b c`, without zeroes at the end. */
export function formatStep({ name, a, b, c }: Step): string {
  const numbers = c !== 0 ? [a, b, c] : b !== 0 ? [a, b] : a !== 0 ? [a] : [];
  return [name, ...numbers].join(' ');
}

/** @throws RangeError for what {@link formatStep} does not write */
export function parseStep(text: string): Step {
  const [name, ...numbers] = text.split(' ');
  const [a = 0, b = 0, c = 0] = numbers.map(Number);
  for (const value of [a, b, c]) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
      throw new RangeError(`bad step '${text}'`);
  }
  return { name, a, b, c };
}

/** Numbers at which devices have been seen to fail: limits of widths, of pages, of rings and of sectors. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 63, 64, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024,
  1025, 4095, 4096, 4097, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0x1_0000, 0x1_0001, 0x7fff_ffff,
  0x8000_0000, 0x8000_0001, 0xffff_f000, 0xffff_fffe, 0xffff_ffff, 0xfee0_0000, 0xfec0_0000, 0xfed0_0000,
  0xe000_0000, 0x0010_0000, 0x001f_ffff, 0x0020_0000, 0xbfff_ffff, 0xc000_0000,
] as const;

/** A value out of 32 random bits: an edge, one bit, a small number, or the bits themselves. */
export function valueOf(random: number): number {
  switch (random >>> 30) {
    case 0:
      return EDGES[(random & 0xff_ffff) % EDGES.length];
    case 1:
      return (1 << (random & 31)) >>> 0;
    case 2:
      return random & 0xff;
    default:
      return Math.imul(random, 0x9e37_79b1) >>> 0;
  }
}

export function pick<T>(list: readonly T[], random: number): T {
  return list[random % list.length];
}
