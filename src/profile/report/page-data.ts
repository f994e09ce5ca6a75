import { lookupAddress, type Profile } from '../format.js';
import { deviceName, functionName, isExit, registerName, siteName, sourceLine } from './names.js';
import { damageText } from './damage.js';
import { phases, type Phase } from './phases.js';
import { requestRows, type RequestRow } from './requests.js';
import { timeShares, type TimeShares } from './shares.js';
import { timeline, type Timeline } from './timeline.js';
import { sampledStacks, weightedStacks } from './weighted-stacks.js';

/** One origin of exits, with all names that its exits can be grouped by. Times in ns. */
export interface PagePoint {
  readonly reason: string;
  readonly device: string;
  readonly register: string;
  readonly site: string;
  readonly function: string;
  readonly line: string;
  readonly vcpu: string;
  readonly count: number;
  readonly hostNs: number;
  readonly guestNs: number;
  readonly maxHostNs: number;
  /** Pairs of bucket and count: see histogram.ts. */
  readonly histogram: readonly (readonly [number, number])[];
}

/** A call stack by names, outermost first, and what it weighs in each flame graph. */
export interface PageStack {
  /** Indices into {@link PageData.names}. */
  readonly frames: readonly number[];
  readonly weights: Readonly<Record<string, number>>;
}

/** Everything that the page shows: it reads nothing else. */
export interface PageData {
  readonly kernel: string;
  readonly commandLine: string;
  readonly created: string;
  readonly machine: string;
  readonly ending: string;
  readonly notes: readonly string[];
  readonly exits: number;
  readonly shares: TimeShares;
  readonly points: readonly PagePoint[];
  readonly names: readonly string[];
  readonly stacks: readonly PageStack[];
  /** The flame graphs that there are: name of the weight, and its title. */
  readonly weights: readonly (readonly [string, string])[];
  readonly timeline: Timeline;
  readonly requests: readonly RequestRow[];
  readonly phases: readonly Phase[];
  readonly counters: readonly (readonly [string, number])[];
}

/** What the page of a profile shows. */
export function pageData(profile: Profile): PageData {
  const { meta, end } = profile;
  const points = pagePoints(profile);
  const names = new NameTable();
  const samples = sampledStacks(profile);
  const stacks = [
    ...weightedStacks(profile).map(({ frames, site, count, hostNs, guestNs }) => ({
      frames: [...frames.map(frame => names.index(functionName(profile, frame))), names.index(site)],
      weights: { time: hostNs, count, guest: guestNs },
    })),
    ...samples.map(({ frames, count }) => ({
      frames: frames.map(frame => names.index(functionName(profile, frame))),
      weights: { samples: count },
    })),
  ];
  const weights: [string, string][] = [
    ['time', 'time in handlers'],
    ['count', 'number of exits'],
    ['guest', 'time in the guest before'],
  ];
  if (samples.length > 0) weights.push(['samples', 'guest code']);
  return {
    kernel: meta.kernel,
    commandLine: meta.commandLine,
    created: meta.created,
    machine: `${meta.accelerator}, ${meta.cpus} vCPU${meta.cpus === 1 ? '' : 's'}, ${meta.memoryBytes >> 20} MiB`,
    ending: end ? `${end.reason}, status ${end.status}` : 'its end was not recorded',
    notes: notesOf(profile),
    exits: points.reduce((sum, { count }) => sum + count, 0),
    shares: timeShares(profile),
    points,
    names: names.list,
    stacks,
    weights,
    timeline: timeline(profile),
    requests: requestRows(profile),
    phases: phases(profile),
    counters: [...profile.counters],
  };
}

function pagePoints(profile: Profile): PagePoint[] {
  return profile.totals.flatMap((totals, index) => {
    const point = profile.points[index];
    const { site } = point;
    if (totals.count === 0 || !isExit(site.reason)) return [];
    const address = lookupAddress(point);
    const name = functionName(profile, address) || '?';
    return {
      reason: site.reason,
      device: deviceName(site),
      register: registerName(site),
      site: siteName(site),
      function: name,
      line: sourceLine(profile.symbols.get(address)) || name,
      vcpu: `vCPU ${point.vcpu}`,
      count: totals.count,
      hostNs: totals.hostNs,
      guestNs: totals.guestNs,
      maxHostNs: totals.maxHostNs,
      histogram: [...totals.histogram],
    };
  });
}

/** What a reader has to know before believing the numbers. */
export function notesOf({ end, damage, symbols }: Profile): string[] {
  const notes = damage ? [`The recording ${damageText(damage)}.`] : [];
  if (!end) {
    if (symbols.size === 0)
      notes.push('Functions have no names, which are at the end of a recording: --symbols FILE gives them.');
    return notes;
  }
  notes.push(...end.notes);
  if (end.lostEvents > 0)
    notes.push(`The log had no room for ${end.lostEvents} events: tables are complete, the timeline is not.`);
  if (end.mergedExits > 0) notes.push(`There was no room for the origin of ${end.mergedExits} exits.`);
  return notes;
}

class NameTable {
  readonly list: string[] = [];
  private readonly indices = new Map<string, number>();

  index(name: string): number {
    const known = this.indices.get(name);
    if (known !== undefined) return known;
    this.indices.set(name, this.list.length);
    return this.list.push(name) - 1;
  }
}
