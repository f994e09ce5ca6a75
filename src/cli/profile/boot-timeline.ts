import type { Point, ProfileEvent, Site } from '../../profile/format.js';
import { formatNs } from './format-values.js';

/** Registers that are told of between two milestones. */
const TOP = 3;

interface Segment {
  readonly name: string;
  readonly time: number;
  exits: number;
  hostNs: number;
  readonly bySite: Map<Site, number>;
}

/** The milestones of a boot and what happened between them. */
export class BootTimeline {
  private readonly segments: Segment[] = [];

  /** A milestone that the machine's thread does not know of. */
  milestone(name: string, time: number): void {
    this.segments.push({ name, time, exits: 0, hostNs: 0, bySite: new Map() });
  }

  take(events: readonly ProfileEvent[], { points }: { readonly points: readonly Point[] }): void {
    for (const event of events) {
      if (event.kind === 'milestone') this.milestone(event.name, event.time);
      if (event.kind !== 'exit') continue;
      const { site } = points[event.point];
      const segment = this.segments.at(-1);
      if (!segment || ['machine', 'idle', 'profiler', 'signal'].includes(site.reason)) continue;
      segment.exits++;
      segment.hostNs += event.hostNs;
      segment.bySite.set(site, (segment.bySite.get(site) ?? 0) + 1);
    }
  }

  /**
   * Lines for people: each milestone, the time since the start of the VMM and since the milestone before, and the exits until the next.
   * @param start when the VMM started, in ns before the run: negative
   */
  lines(start: number): string[] {
    const segments = this.segments.toSorted((a, b) => a.time - b.time);
    const width = Math.max(...segments.map(({ name }) => name.length), 9);
    return segments.flatMap((segment, i) => {
      const since = i === 0 ? 0 : segment.time - segments[i - 1].time;
      const line = `${formatNs(Math.max(0, segment.time - start)).padStart(8)} ${`+${formatNs(since)}`.padStart(9)}  ${segment.name.padEnd(width)}`;
      return [`${line}${exitsOf(segment)}`.trimEnd()];
    });
  }
}

function exitsOf({ exits, hostNs, bySite }: Segment): string {
  if (exits === 0) return '';
  const top = [...bySite]
    .sort(([, a], [, b]) => b - a)
    .slice(0, TOP)
    .map(([site, count]) => `${count} ${describeSite(site)}`);
  return `  then ${exits} exits, ${formatNs(hostNs)}: ${top.join(', ')}`;
}

function describeSite({ reason, device, register, direction, address }: Site): string {
  if (direction === 'none') return reason;
  const where = device === '' ? `nobody 0x${address.toString(16)}` : `${device} ${register}`;
  return `${direction === 'read' ? 'reads of' : 'writes to'} ${where}`;
}
