import { frameAddress, lookupAddress, type Point, type Profile, type Stack, type Totals } from '../format.js';
import { isExit, siteName } from './names.js';

/** Exits with one call stack that reach one site. */
export interface WeightedStack extends Totals {
  /** Addresses to look up, outermost first; empty where the guest's place is not known. */
  readonly frames: readonly bigint[];
  /** What the exits reach: the innermost frame of a flame graph. */
  readonly site: string;
}

/** Guest code that was sampled. */
export interface SampledStack {
  readonly frames: readonly bigint[];
  readonly count: number;
}

/**
 * Each exit once: with its call stack where one was taken, else with the place alone where it happened.
 */
export function weightedStacks(profile: Profile): WeightedStack[] {
  const rest = profile.totals.map(({ count, guestNs, hostNs }) => ({ count, guestNs, hostNs }));
  const stacks: WeightedStack[] = [];
  for (const { point, stack, count, guestNs, hostNs } of profile.stackTotals) {
    const origin = profile.points[point];
    if (!isExit(origin.site.reason)) continue;
    rest[point].count -= count;
    rest[point].guestNs -= guestNs;
    rest[point].hostNs -= hostNs;
    const frames = framesOf(profile.stacks[stack], origin);
    stacks.push({ frames, site: siteName(origin.site), count, guestNs, hostNs });
  }
  rest.forEach((totals, index) => {
    const point = profile.points[index];
    if (totals.count <= 0 || !isExit(point.site.reason)) return;
    const address = lookupAddress(point);
    stacks.push({ frames: address === 0n ? [] : [address], site: siteName(point.site), ...totals });
  });
  return stacks;
}

/** Samples of guest code, with their call stacks. */
export function sampledStacks(profile: Profile): SampledStack[] {
  return profile.samples.map(({ stack, count }) => ({ frames: framesOf(profile.stacks[stack]), count }));
}

function framesOf(stack: Stack, point?: Point): bigint[] {
  return stack.map((_, index) => frameAddress(stack, index, point)).reverse();
}
