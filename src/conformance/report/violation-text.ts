import type { Violation } from './report.js';

/** A violation in one line: where, and what. */
export function violationLine({ device, queue, what, count, place, run }: Violation): string {
  const at = place === undefined ? '' : `, at ${place.symbol ?? place.rip}`;
  const times = count > 1 ? `, ${count} times` : '';
  const where = queue === undefined ? device : `${device} queue ${queue}`;
  return `${where}: ${what}${at}${times}${run === 'plain' ? '' : ` (${run})`}`;
}

/** Everything that is known of it: a line each. */
export function violationDetails({ place, bytes = [], history = [] }: Violation): readonly string[] {
  const lines: string[] = [];
  if (place) lines.push(`vCPU ${place.vcpu}, RIP ${place.rip}${place.symbol ? ` ${place.symbol}` : ''}`);
  for (const { what, address, bytes: hex } of bytes) lines.push(`${what} at ${address}: ${hex}`);
  if (history.length > 0) lines.push('before:', ...history.map(line => `  ${line}`));
  return lines;
}
