/** A duration in at most five characters and its unit: `853ns`, `12.3us`, `4.56ms`, `7.89s`. */
export function formatNs(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)}ns`;
  for (const [unit, scale] of [
    ['us', 1e3],
    ['ms', 1e6],
  ] as const) {
    if (ns < scale * 999.5) return `${threeDigits(ns / scale)}${unit}`;
  }
  return `${threeDigits(ns / 1e9)}s`;
}

/** Seconds with microseconds, as strace writes times. */
export function formatTime(ns: number): string {
  return (ns / 1e9).toFixed(6);
}

function threeDigits(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}
