import type { Profile } from '../format.js';
import { isExit, siteName } from './names.js';

/** What happened from one milestone to the next. Times in ns. */
export interface Phase {
  /** The milestone with which it begins. */
  readonly name: string;
  readonly start: number;
  /** Until the next milestone, or the end of the run. */
  readonly duration: number;
  readonly exits: number;
  /** In handlers of exits. */
  readonly hostNs: number;
  /** The sites with most exits, and their numbers. */
  readonly top: readonly { readonly site: string; readonly count: number }[];
}

const TOP = 3;

interface Counting {
  readonly name: string;
  readonly start: number;
  exits: number;
  hostNs: number;
  readonly sites: Map<string, number>;
}

/** The boot, from milestone to milestone. Exits that the log had no room for are missing here. */
export function phases(profile: Profile): Phase[] {
  const milestones: Counting[] = [];
  const exits: { readonly time: number; readonly point: number; readonly hostNs: number }[] = [];
  let last = 0;
  for (const event of profile.events()) {
    if (event.kind === 'milestone') {
      milestones.push({ name: event.name, start: event.time, exits: 0, hostNs: 0, sites: new Map() });
    } else if (event.kind === 'exit') {
      exits.push(event);
      last = Math.max(last, event.time + event.hostNs);
    }
  }
  milestones.sort((a, b) => a.start - b.start);
  for (const { time, point, hostNs } of exits) {
    const { site } = profile.points[point];
    const phase = phaseAt(milestones, time);
    if (!phase || !isExit(site.reason)) continue;
    phase.exits++;
    phase.hostNs += hostNs;
    const name = siteName(site);
    phase.sites.set(name, (phase.sites.get(name) ?? 0) + 1);
  }
  const end = profile.end?.wallNs ?? last;
  return milestones.map(({ name, start, exits: count, hostNs, sites }, i) => ({
    name,
    start,
    duration: Math.max(0, (milestones[i + 1]?.start ?? end) - start),
    exits: count,
    hostNs,
    top: Array.from(sites, ([site, number]) => ({ site, count: number }))
      .sort((a, b) => b.count - a.count || (a.site < b.site ? -1 : 1))
      .slice(0, TOP),
  }));
}

/** The last one that begins at `time` or before: milestones are in their order. */
function phaseAt(milestones: readonly Counting[], time: number): Counting | undefined {
  let [low, high] = [0, milestones.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (milestones[middle].start <= time) low = middle + 1;
    else high = middle;
  }
  return milestones[low - 1];
}
