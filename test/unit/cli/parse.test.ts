import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  gather,
  once,
  parseChoice,
  parseCount,
  parseDate,
  parseMemory,
  parsePath,
  parsePattern,
  parseTime,
} from '../../../src/cli/parse.js';
import { ConfigError } from '../../../src/errors.js';

describe('a time', () => {
  it.each([
    ['30', 30_000],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['500ms', 500],
    ['2m', 120_000],
    ['24h', 86_400_000],
    ['0.5', 500],
    [String((2 ** 31 - 1) / 1000), 2 ** 31 - 1],
  ])('%s is %d ms', (text, ms) => {
    expect(parseTime(text)).toBe(ms);
  });

  it.each([
    '',
    '0',
    '0ms',
    '-1',
    '+1',
    '1d',
    's',
    '1 s',
    '1e3',
    '0x10',
    '1.',
    '.5',
    'NaN',
    'Infinity',
    '600h',
    '2147483648ms',
  ])('is not %j', text => {
    expect(() => parseTime(text)).toThrow(InvalidArgumentError);
  });
});

describe('a count', () => {
  const parse = parseCount(1, 254);

  it.each([
    ['1', 1],
    ['254', 254],
    ['007', 7],
  ])('%s is %d', (text, count) => {
    expect(parse(text)).toBe(count);
  });

  it.each(['', '0', '255', '-1', '1.5', '1e2', '0x2', ' 2', '2 ', 'two', '99999999999'])(
    'is not %j',
    text => {
      expect(() => parse(text)).toThrow(/^Write a whole number from 1 to 254\.$/);
    },
  );
});

describe('a size', () => {
  it('is read as everywhere', () => {
    expect(parseMemory('512M')).toBe(512 << 20);
    expect(() => parseMemory('much')).toThrow(/^Write a size such as 512M or 2G\.$/);
  });
});

describe('a pattern', () => {
  it('is a text, unless it is written between slashes', () => {
    expect(parsePattern('login:')).toBe('login:');
    expect(parsePattern('/')).toBe('/');
    expect(parsePattern('//')).toBe('//');
    expect(parsePattern('/usr/bin: no such file')).toBe('/usr/bin: no such file');
  });

  it('is a regular expression with its flags between slashes', () => {
    expect(parsePattern('/log.n:/i')).toEqual(/log.n:/i);
    expect(parsePattern('/a\\/b/')).toEqual(/a\/b/);
    expect(parsePattern('/a\nb/s')).toEqual(/a\nb/s);
  });

  it.each(['', '/(/', '/a/zz', '/a/ii', '/[z-a]/'])('is not %j', text => {
    expect(() => parsePattern(text)).toThrow(InvalidArgumentError);
  });
});

describe('other values', () => {
  it('a path is not empty', () => {
    expect(parsePath('./kernel')).toBe('./kernel');
    expect(() => parsePath('')).toThrow(InvalidArgumentError);
  });

  it('a choice is one of a few', () => {
    const parse = parseChoice(['auto', 'kvm']);
    expect(parse('kvm')).toBe('kvm');
    expect(() => parse('KVM')).toThrow(/^Write one of auto, kvm\.$/);
    expect(() => parse('toString')).toThrow(InvalidArgumentError);
  });

  it('what may be given once is not given twice', () => {
    const parse = once('--memory', Number);
    expect(parse('1')).toBe(1);
    expect(() => parse('2')).toThrow(ConfigError);
    expect(() => parse('2')).toThrow(/^--memory is given twice/);
  });

  it('what may be given several times is gathered in order', () => {
    expect(gather('b', gather('a', undefined))).toEqual(['a', 'b']);
  });
});

describe('parseDate', () => {
  it.each([
    ['1970-01-01', 0],
    ['2000-01-01', 946_684_800_000],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['2024-02-29T12:34:56', Date.UTC(2024, 1, 29, 12, 34, 56)],
    ['2099-12-31T23:59:59', Date.UTC(2099, 11, 31, 23, 59, 59)],
  ])('%s', (text, ms) => {
    expect(parseDate(text)).toBe(ms);
  });

  it.each([
    '',
    'now',
    '2024',
    '2024-02-30',
    '2023-02-29',
    '2024-13-01',
    '1969-12-31',
    '2100-01-01',
    '2024-01-01T24:00:00',
    '2024-01-01T12:00',
    '2024-01-01 12:00:00',
  ])('refuses %j', text => {
    expect(() => parseDate(text)).toThrow(InvalidArgumentError);
  });
});
