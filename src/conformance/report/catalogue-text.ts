import type { Clause } from '../clauses/clause.js';

/** The catalogue for people: a clause a line. */
export function catalogueText(clauses: readonly Clause[]): string {
  const width = Math.max(...clauses.map(({ id }) => id.length));
  return clauses
    .map(({ id, level, text, means }) => {
      const how =
        means.how === 'observed'
          ? means.how
          : means.how === 'provoked'
            ? `provoked: ${means.by}`
            : `not observable: ${means.why}`;
      return `${id.padEnd(width)}  ${level.padEnd(10)}  ${text} (${how})\n`;
    })
    .join('');
}
