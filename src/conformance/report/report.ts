import type { Clause, Party } from '../clauses/clause.js';

export const VERDICTS = ['PASS', 'FAIL', 'NOT EXERCISED', 'NOT APPLICABLE'] as const;

/**
 * What came of one clause: kept wherever it was looked at, broken at least once, never looked at, or not to be looked at:
 * for what was not there, or since nothing shows it.
 */
export type Verdict = (typeof VERDICTS)[number];

/** Where in the guest something happened. */
export interface Place {
  readonly vcpu: number;
  /** Hexadecimal, with `0x`. */
  readonly rip: string;
  /** Function and offset, where there are symbols. */
  readonly symbol?: string;
}

/** Guest memory as it was when a rule was broken. */
export interface MemoryBytes {
  /** What lies there, in the specification's words: `descriptor 3`. */
  readonly what: string;
  /** Guest physical address, hexadecimal, with `0x`. */
  readonly address: string;
  /** Two digits a byte, with blanks between. */
  readonly bytes: string;
}

/** One way in which a rule was broken, at one place. */
export interface Violation {
  /** By its name in the machine, or for a device under test the guest that found it out. */
  readonly device: string;
  readonly queue?: number;
  /** What was done, in one line. */
  readonly what: string;
  readonly count: number;
  /** The run in which it was first seen, by its variant's name. */
  readonly run: string;
  readonly place?: Place;
  readonly bytes?: readonly MemoryBytes[];
  /** What happened to that queue, or that device, before: the last is the violation itself. */
  readonly history?: readonly string[];
}

export interface ClauseResult {
  readonly clause: Clause;
  readonly verdict: Verdict;
  /** How often it was looked at. */
  readonly checks: number;
  /** What it would take, or why it does not apply, for verdicts that are neither PASS nor FAIL. */
  readonly why?: string;
  readonly violations: readonly Violation[];
  /** The baseline has it: it fails as before. */
  readonly known?: boolean;
}

/** One run of the party under test. */
export interface RunReport {
  /** The variant's name; `plain` without any. */
  readonly name: string;
  /** How it ended, in a word or two. */
  readonly end: string;
  /** It ended as it should. */
  readonly ok: boolean;
  /** What makes it mean less than it seems. */
  readonly note?: string;
}

/** What was watched for a report on drivers. */
export interface WatchedPart {
  /** By its name in the machine. */
  readonly name: string;
  /** A driver took it, in one of the runs. */
  readonly driven: boolean;
}

export interface ConformanceReport {
  readonly party: Party;
  /** What was under test: a kernel's path, or what devices belong to. */
  readonly subject: string;
  readonly version: string;
  readonly runs: readonly RunReport[];
  readonly results: readonly ClauseResult[];
  /** Of drivers alone. */
  readonly watched?: readonly WatchedPart[];
}

/** Numbers of clauses by verdict. */
export interface Summary {
  readonly counts: Readonly<Record<Verdict, number>>;
  /** Failures that no baseline knows. */
  readonly fresh: readonly ClauseResult[];
  readonly failedRuns: readonly RunReport[];
}

export function summarize({ results, runs }: ConformanceReport): Summary {
  const counts = Object.fromEntries(
    VERDICTS.map(verdict => [verdict, results.filter(result => result.verdict === verdict).length]),
  ) as Record<Verdict, number>;
  return {
    counts,
    fresh: results.filter(({ verdict, known }) => verdict === 'FAIL' && known !== true),
    failedRuns: runs.filter(({ ok }) => !ok),
  };
}

/** One line, as a badge would have it. */
export function summaryLine(report: ConformanceReport): string {
  const { counts, fresh, failedRuns } = summarize(report);
  const judged = counts.PASS + counts.FAIL;
  const known = counts.FAIL - fresh.length;
  const parts = [`${counts.PASS}/${judged} clauses passed`];
  if (counts.FAIL > 0) parts.push(`${counts.FAIL} failed${known > 0 ? ` (${known} known)` : ''}`);
  parts.push(`${counts['NOT EXERCISED']} not exercised`, `${counts['NOT APPLICABLE']} not applicable`);
  if (failedRuns.length > 0)
    parts.push(`${failedRuns.length} of ${report.runs.length} runs did not end well`);
  return `${report.party} conformance: ${parts.join(', ')}`;
}

/** What had drivers and what had none: a line each, where there is something to say. */
export function watchedLines({ watched = [] }: ConformanceReport): readonly string[] {
  const names = (driven: boolean): string =>
    watched
      .filter(part => part.driven === driven)
      .map(({ name }) => name)
      .join(', ');
  const lines = [`driven: ${names(true) || 'nothing'}`, `without a driver: ${names(false)}`];
  if (watched.length === 0) return [];
  return names(false) === '' ? lines.slice(0, 1) : lines;
}

export function isStrict({ level }: Clause): boolean {
  return level === 'MUST' || level === 'MUST NOT';
}
