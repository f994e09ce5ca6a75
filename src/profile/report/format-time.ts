const UNITS: readonly (readonly [unit: string, ns: number])[] = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
];

/** A duration in ns for people, in three digits: `1.25 ms`. */
export function formatNs(ns: number): string {
  const [unit, size] = UNITS.find(([, least]) => Math.abs(ns) >= least) ?? UNITS[UNITS.length - 1];
  return `${formatNumber(ns / size)} ${unit}`;
}

/** Three digits, or all that stand before the point. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toString();
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** A part of a whole as per cent: `12.3 %`. */
export function formatShare(part: number, whole: number): string {
  return whole > 0 ? `${((part / whole) * 100).toFixed(1)} %` : '';
}

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes for people: `1.25 MiB`. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  for (; value >= 1024 && unit < BINARY_UNITS.length - 1; unit++) value /= 1024;
  return `${formatNumber(value)} ${BINARY_UNITS[unit]}`;
}
