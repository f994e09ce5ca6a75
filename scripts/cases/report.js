/**
 * What became of a case.
 *
 * @typedef {object} Outcome
 * @property {string} name
 * @property {'pass' | 'fail' | 'skip'} verdict
 * @property {string} details what was seen, or why not
 * @property {number} seconds wall time
 */

/** @param {Outcome} outcome */
export function progressLine({ name, verdict, details, seconds }) {
  return `${verdict.padEnd(5)} ${seconds.toFixed(1).padStart(6)} s  ${name}: ${details}`;
}

/**
 * All of them in Markdown.
 *
 * @param {readonly Outcome[]} outcomes
 */
export function markdownTable(outcomes) {
  const rows = [
    ['case', 'result', 'time', 'seen'],
    ['---', '---', '---', '---'],
    ...outcomes.map(({ name, verdict, details, seconds }) => [
      name,
      verdict === 'pass' ? verdict : `**${verdict}**`,
      verdict === 'skip' ? '' : `${seconds.toFixed(1)} s`,
      details.replaceAll('|', '\\|'),
    ]),
  ];
  return rows.map(cells => `| ${cells.join(' | ')} |\n`).join('');
}

/** @param {readonly Outcome[]} outcomes */
export function summary(outcomes) {
  const count = (/** @type {string} */ verdict) =>
    outcomes.filter(outcome => outcome.verdict === verdict).length;
  return `${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`;
}
