/** Characters of output that are kept. */
const KEPT = 1 << 20;
/** Characters by which it outgrows that before it is cut: cutting costs a copy of all of it. */
const SLACK = 1 << 18;
/** How far a match of a regular expression may reach back from new output, in characters: not all is searched again. */
const LOOK_BACK = 1 << 14;
/** The newest characters, at most and after a cut: new output is searched together with these alone. */
const MOST_RECENT = 4 * LOOK_BACK;
const LEAST_RECENT = 2 * LOOK_BACK;

/** A match, and the place behind it. */
export interface Found {
  readonly match: RegExpExecArray;
  readonly end: number;
}

/** The last mebibyte of a port's output as text. Places in it count from the first character of all output. */
export class Transcript {
  /** Characters that are kept no longer. */
  private dropped = 0;
  private old = '';
  private recent = '';

  get text(): string {
    return (this.old + this.recent).slice(-KEPT);
  }

  /** The place behind the last character. */
  get end(): number {
    return this.dropped + this.old.length + this.recent.length;
  }

  append(text: string): void {
    this.recent += text;
    if (this.recent.length <= MOST_RECENT) return;
    const cut = this.recent.length - LEAST_RECENT;
    this.old += this.recent.slice(0, cut);
    this.recent = this.recent.slice(cut);
    const excess = this.old.length + this.recent.length - KEPT;
    if (excess <= SLACK) return;
    this.old = this.old.slice(excess);
    this.dropped += excess;
  }

  /** The first match from `place` on. */
  find(pattern: string | RegExp, place: number): Found | undefined {
    const recentStart = this.dropped + this.old.length;
    // Not from its very start, which `^` would take for the start of all output.
    const inRecent = place > recentStart;
    const start = inRecent ? recentStart : this.dropped;
    const match = find(pattern, inRecent ? this.recent : this.old + this.recent, Math.max(0, place - start));
    return match ? { match, end: start + match.index + match[0].length } : undefined;
  }
}

/** The first match in `text` from `from` on, whatever state and flags for repeated use the expression has. */
export function find(pattern: string | RegExp, text: string, from: number): RegExpExecArray | null {
  const source =
    typeof pattern === 'string' ? pattern.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&') : pattern.source;
  const flags = typeof pattern === 'string' ? '' : pattern.flags.replace(/[gy]/g, '');
  const search = new RegExp(source, `${flags}g`);
  search.lastIndex = from;
  return search.exec(text);
}

/** How many of the characters that were searched before may belong to a match that new ones complete. */
export function lookBack(pattern: string | RegExp): number {
  return typeof pattern === 'string' ? Math.max(0, pattern.length - 1) : LOOK_BACK;
}
