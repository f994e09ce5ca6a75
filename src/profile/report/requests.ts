import type { Profile } from '../format.js';
import { percentile } from '../histogram.js';

/** All requests of one device and kind: from the driver's notification to their completion. Times in ns. */
export interface RequestRow {
  readonly device: string;
  /** `read`, `send`, … */
  readonly type: string;
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Of all together: more than the run took where a device had several at once. */
  readonly ns: number;
  /** Read and written by the device, headers included. */
  readonly bytes: number;
}

/** What devices did for their drivers: by device, the kind that took longest first. */
export function requestRows({ requests }: Profile): RequestRow[] {
  return requests
    .map(({ name, count, ns, maxNs, bytes, histogram }) => {
      const [device, type] = split(name);
      const [p50, p99] = [0.5, 0.99].map(quantile => Math.min(percentile(histogram, quantile), maxNs));
      return { device, type, count, p50, p99, max: maxNs, ns, bytes };
    })
    .sort((a, b) => compare(a.device, b.device) || b.ns - a.ns || compare(a.type, b.type));
}

/** No device's name has a blank in it, kinds of requests have. */
function split(name: string): readonly [device: string, type: string] {
  const end = name.indexOf(' ');
  return end < 0 ? [name, ''] : [name.slice(0, end), name.slice(end + 1)];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
