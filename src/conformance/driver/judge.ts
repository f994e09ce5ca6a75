import type { Clause } from '../clauses/clause.js';
import type { MemoryBytes, Violation } from '../report/report.js';

/** Where the guest is, while it is in an access to a device. */
export interface GuestPlace {
  readonly vcpu: number;
  readonly rip: bigint;
}

/** What one run tells of a clause: plain data. */
export interface ClauseFindings {
  readonly id: string;
  readonly checks: number;
  readonly violations: readonly Omit<Violation, 'run'>[];
}

/** What else is known of a violation. */
export interface Evidence {
  readonly queue?: number;
  readonly bytes?: readonly MemoryBytes[];
  readonly history?: readonly string[];
}

/** Violations of one clause that are kept apart, by device, queue and RIP: a driver that breaks one always does so. */
const MAX_VIOLATIONS = 8;

interface Entry {
  checks: number;
  readonly violations: Map<string, Omit<Violation, 'run' | 'count'> & { count: number }>;
}

/** Counts for each clause how often it was kept and how it was broken. */
export class Judge {
  private readonly entries = new Map<string, Entry>();

  /**
   * @param clauses those that may be judged
   * @param where the guest is, if it is in an access
   */
  constructor(
    clauses: readonly Clause[],
    private readonly where: () => GuestPlace | undefined,
  ) {
    for (const { id } of clauses) this.entries.set(id, { checks: 0, violations: new Map() });
  }

  kept(id: string): void {
    this.entry(id).checks++;
  }

  broken(id: string, device: string, what: string, { queue, bytes, history }: Evidence): void {
    const entry = this.entry(id);
    entry.checks++;
    const at = this.where();
    const key = `${device} ${queue ?? ''} ${at?.rip ?? ''}`;
    const known = entry.violations.get(key);
    if (known) known.count++;
    if (known || entry.violations.size === MAX_VIOLATIONS) return;
    entry.violations.set(key, {
      device,
      what,
      count: 1,
      ...(queue !== undefined && { queue }),
      ...(at && { place: { vcpu: at.vcpu, rip: `0x${at.rip.toString(16)}` } }),
      ...(bytes && { bytes }),
      ...(history && { history }),
    });
  }

  findings(): readonly ClauseFindings[] {
    return Array.from(this.entries, ([id, { checks, violations }]) => ({
      id,
      checks,
      violations: [...violations.values()],
    }));
  }

  private entry(id: string): Entry {
    const entry = this.entries.get(id);
    if (!entry) throw new RangeError(`no clause is called ${id}`);
    return entry;
  }
}
