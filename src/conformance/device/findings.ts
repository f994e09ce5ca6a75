/** What a guest program has found out about one clause. */
export interface ClauseFinding {
  readonly id: string;
  checks: number;
  /** What was there instead, once for each check that failed. */
  readonly failures: string[];
  /** Why it could not be looked at. */
  skipped?: string;
}

/** What one run of a guest program said. */
export interface ProgramFindings {
  readonly clauses: ReadonlyMap<string, ClauseFinding>;
  /** It has said all that it had to say. */
  readonly complete: boolean;
}

const LINE = /^(ok|not ok|skip) (\S+)(?: (.*))?$/;
const END = /^end (\d+)$/;

/** Reads the lines of `guests/lib/clause.h`; others, as firmware prints them, are nobody's. */
export function parseFindings(text: string): ProgramFindings {
  const clauses = new Map<string, ClauseFinding>();
  let lines = 0;
  let complete = false;
  for (const line of text.split(/\r?\n/)) {
    const end = END.exec(line);
    if (end) complete = Number(end[1]) === lines;
    const match = LINE.exec(line);
    if (!match) continue;
    lines++;
    const [, verdict, id, detail = ''] = match;
    const finding = clauses.get(id) ?? { id, checks: 0, failures: [] };
    clauses.set(id, finding);
    if (verdict === 'skip') finding.skipped = detail;
    else finding.checks++;
    if (verdict === 'not ok') finding.failures.push(detail);
  }
  return { clauses, complete };
}
