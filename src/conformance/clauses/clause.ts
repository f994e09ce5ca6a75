/** Who has to keep a rule. */
export type Party = 'driver' | 'device';

/** How strictly, in the words of RFC 2119. */
export type Level = 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT';

/** How tsvmm finds out whether a rule is kept. */
export type Means =
  /** From what the party does in normal running. */
  | { readonly how: 'observed' }
  /** The other side has to provoke it: by a device variant, or by a guest that does what a driver would not. */
  | { readonly how: 'provoked'; readonly by: string }
  /** Nothing outside the party shows it. */
  | { readonly how: 'not observable'; readonly why: string };

/** One normative statement of a specification. */
export interface Clause {
  /** Stable, for baselines and reports: specification, section and a word or two, as in `virtio/2.1.1/never-clears`. */
  readonly id: string;
  /** Section number in the specification that `id` begins with. */
  readonly section: string;
  readonly party: Party;
  readonly level: Level;
  /** What it asks for, in one line of our own. */
  readonly text: string;
  readonly means: Means;
}

/** A statement as its section's list has it: its word, level, text and means. */
export type Statement = readonly [key: string, level: Level, text: string, means: Means];

export const observed: Means = { how: 'observed' };

/** @param by the device variant, or what a guest does */
export function provoked(by: string): Means {
  return { how: 'provoked', by };
}

/** @param why nothing shows it: the end of "not observable: …" */
export function hidden(why: string): Means {
  return { how: 'not observable', why };
}

/** All statements that one section of a specification makes to one party. */
export function section(
  specification: string,
  number: string,
  party: Party,
  statements: readonly Statement[],
): readonly Clause[] {
  return statements.map(([key, level, text, means]) => ({
    id: `${specification}/${number}/${key}`,
    section: number,
    party,
    level,
    text,
    means,
  }));
}
