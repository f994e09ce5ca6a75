import { InvalidArgumentError } from 'commander';
import { parseSize } from '../vmm/machine/options.js';
import { TsvmmError } from '../errors.js';

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, '': 1000 };

/** `30`, `1.5s`, `500ms`, `2m`: a time in milliseconds; plain numbers are seconds. */
export function parseTime(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const time = match ? Number(match[1]) * TIME_UNITS[match[2] ?? ''] : NaN;
  if (!(time > 0 && time < 2 ** 31)) throw new InvalidArgumentError('write a time such as 30s, 500ms or 2m.');
  return time;
}

/** A whole number, written in decimal. */
export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('write a whole number.');
  return Number(text);
}

/** A size such as 512M; commander shows which option it was. */
export function parseMemory(text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof TsvmmError ? `${error.message}.` : String(error));
  }
}

/** `/regular expression/flags`, or a plain text. */
export function parsePattern(text: string): string | RegExp {
  const match = /^\/(.+)\/([imsu]*)$/s.exec(text);
  if (!match) {
    if (text === '') throw new InvalidArgumentError('an empty text matches at once.');
    return text;
  }
  try {
    return new RegExp(match[1], match[2]);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

/** Gathers an option that may be given several times. */
export function gather(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
