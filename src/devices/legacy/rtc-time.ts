/** Registers of the time, the calendar and the alarm (MC146818A data sheet, "Address map"), and the century of a PC. */
export const SECONDS = 0x00;
export const SECONDS_ALARM = 0x01;
export const MINUTES = 0x02;
export const MINUTES_ALARM = 0x03;
export const HOURS = 0x04;
export const HOURS_ALARM = 0x05;
export const DAY_OF_WEEK = 0x06;
export const DATE_OF_MONTH = 0x07;
export const MONTH = 0x08;
export const YEAR = 0x09;
export const CENTURY = 0x32;

/** How register B has the time encoded. */
export interface RtcFormat {
  /** Binary, else BCD. */
  readonly binary: boolean;
  /** 0–23 hours, else 1–12 with bit 7 for PM. */
  readonly hours24: boolean;
}

export const SECONDS_PER_DAY = 86_400;

const PM = 0x80;
/** An alarm byte from here up matches always ("don't care" codes, 0xC0 to 0xFF). */
const WILDCARD = 0xc0;

/** Writes the registers of the time `seconds` after 1970-01-01 UTC into `registers`. */
export function encodeTime(
  seconds: number,
  weekdayShift: number,
  format: RtcFormat,
  registers: Uint8Array,
): void {
  const date = new Date(seconds * 1000);
  const year = date.getUTCFullYear();
  registers[SECONDS] = encode(date.getUTCSeconds(), format);
  registers[MINUTES] = encode(date.getUTCMinutes(), format);
  registers[HOURS] = encodeHour(date.getUTCHours(), format);
  registers[DAY_OF_WEEK] = encode(((date.getUTCDay() + weekdayShift) % 7) + 1, format);
  registers[DATE_OF_MONTH] = encode(date.getUTCDate(), format);
  registers[MONTH] = encode(date.getUTCMonth() + 1, format);
  registers[YEAR] = encode(year % 100, format);
  registers[CENTURY] = encode(Math.floor(year / 100), format);
}

/**
 * The time that `registers` hold, in seconds since 1970-01-01 UTC. Values out of range carry over: the 31st of
 * April is the first of May.
 */
export function decodeTime(registers: Uint8Array, format: RtcFormat): number {
  const year = decode(registers[CENTURY], format) * 100 + decode(registers[YEAR], format);
  const date = new Date(0);
  date.setUTCFullYear(year, decode(registers[MONTH], format) - 1, decode(registers[DATE_OF_MONTH], format));
  date.setUTCHours(
    decodeHour(registers[HOURS], format),
    decode(registers[MINUTES], format),
    decode(registers[SECONDS], format),
  );
  return date.getTime() / 1000;
}

/** How far the day-of-week register is ahead of the calendar at `seconds`: it counts days by itself, 0 to 6. */
export function weekdayShiftOf(registers: Uint8Array, format: RtcFormat, seconds: number): number {
  const shown = decode(registers[DAY_OF_WEEK], format) - 1;
  return (((shown - new Date(seconds * 1000).getUTCDay()) % 7) + 7) % 7;
}

/** The first time after `seconds` that the alarm registers match; `Infinity` when they match no time of the day. */
export function nextAlarm(registers: Uint8Array, format: RtcFormat, seconds: number): number {
  const hour = registers[HOURS_ALARM] >= WILDCARD ? -1 : decodeHour(registers[HOURS_ALARM], format);
  const minute = registers[MINUTES_ALARM] >= WILDCARD ? -1 : decode(registers[MINUTES_ALARM], format);
  const second = registers[SECONDS_ALARM] >= WILDCARD ? -1 : decode(registers[SECONDS_ALARM], format);
  if (hour > 23 || minute > 59 || second > 59) return Infinity;

  // Each step goes to the next time at which one more field matches: at most 24 + 60 + 1 steps until all do.
  let at = seconds + 1;
  for (;;) {
    const ofDay = modulo(at, SECONDS_PER_DAY);
    const ofHour = ofDay % 3600;
    const ofMinute = ofDay % 60;
    if (hour >= 0 && (ofDay - ofHour) / 3600 !== hour) at += 3600 - ofHour;
    else if (minute >= 0 && (ofHour - ofMinute) / 60 !== minute) at += 60 - ofMinute;
    else if (second >= 0 && ofMinute !== second) at += second > ofMinute ? second - ofMinute : 60 - ofMinute;
    else return at;
  }
}

function encode(value: number, format: RtcFormat): number {
  return format.binary ? value : (Math.floor(value / 10) << 4) | (value % 10);
}

function decode(value: number, format: RtcFormat): number {
  return format.binary ? value : (value >> 4) * 10 + (value & 15);
}

function encodeHour(hour: number, format: RtcFormat): number {
  if (format.hours24) return encode(hour, format);
  return encode(hour % 12 || 12, format) | (hour >= 12 ? PM : 0);
}

function decodeHour(value: number, format: RtcFormat): number {
  if (format.hours24) return decode(value, format);
  return (decode(value & ~PM, format) % 12) + (value & PM ? 12 : 0);
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
