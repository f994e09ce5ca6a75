import { InvalidArgumentError } from 'commander';
import { ConfigError, TsvmmError } from '../errors.js';
import { parseSize } from '../vmm/machine/options.js';

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, '': 1000 };

/** The longest time that a host timer can wait, in ms: 24 days. */
const MAX_TIME = 2 ** 31 - 1;

/** `30`, `1.5s`, `500ms`, `2m`: a time in milliseconds; plain numbers are seconds. */
export function parseTime(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const time = match ? Number(match[1]) * TIME_UNITS[match[2] ?? ''] : NaN;
  if (!(time > 0 && time <= MAX_TIME)) {
    throw new InvalidArgumentError('Write a time above 0 and below 24 days: 30s, 500ms or 2m.');
  }
  return time;
}

/** A whole number between `least` and `most`, written in decimal. */
export function parseCount(least: number, most: number): (text: string) => number {
  return text => {
    const count = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (!(count >= least && count <= most)) {
      throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
    }
    return count;
  };
}

/** `2024-02-29` or `2024-02-29T12:34:56`: a time of day UTC, as ms since 1970. */
export function parseDate(text: string): number {
  const match = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d:\d\d)?$/.exec(text);
  const time = match ? Date.parse(`${match[1]}${match[2] ?? 'T00:00:00'}Z`) : NaN;
  // Date.parse takes the 30th of February for a day in March.
  const valid = time >= 0 && new Date(time).toISOString().startsWith(text);
  if (!valid || text >= '2100')
    throw new InvalidArgumentError('Write a time UTC from 1970 to 2099: 2024-02-29T12:34:56.');
  return time;
}

/** A size such as 512M; commander shows which option it was. */
export function parseMemory(text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    if (!(error instanceof TsvmmError)) throw error;
    throw new InvalidArgumentError('Write a size such as 512M or 2G.');
  }
}

/** `/regular expression/flags`, or a plain text. */
export function parsePattern(text: string): string | RegExp {
  if (text === '') throw new InvalidArgumentError('An empty text matches at once.');
  const match = /^\/(.+)\/([a-z]*)$/s.exec(text);
  if (!match) return text;
  try {
    return new RegExp(match[1], match[2]);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

/** The path of a file. */
export function parsePath(text: string): string {
  if (text === '') throw new InvalidArgumentError('Write the path of a file.');
  return text;
}

/** One of a few names. */
export function parseChoice(choices: readonly string[]): (text: string) => string {
  return text => {
    if (!choices.includes(text)) throw new InvalidArgumentError(`Write one of ${choices.join(', ')}.`);
    return text;
  };
}

/** For an option that may be given once: a second value would silently replace the first. */
export function once<T>(flag: string, parse: (text: string) => T): (text: string) => T {
  let given = false;
  return text => {
    if (given) throw new ConfigError(`${flag} is given twice: give it once`);
    given = true;
    return parse(text);
  };
}

/** For an option that may be given several times: gathers its values. */
export function gather(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
