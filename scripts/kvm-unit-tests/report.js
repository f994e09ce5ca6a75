/** @import { Outcome } from './outcome.js' */

/**
 * A test's outcomes by the names of the machines on which it ran.
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {Readonly<Record<string, Outcome>>} outcomes
 */

/**
 * A table in Markdown: a row a test, a column a machine.
 *
 * @param {readonly Row[]} rows
 * @param {readonly string[]} machines
 */
export function markdownTable(rows, machines) {
  const lines = [
    ['test', ...machines],
    ['---', ...machines.map(() => '---')],
    ...rows.map(({ name, outcomes }) => [name, ...machines.map(machine => cell(outcomes[machine]))]),
    ['**total**', ...machines.map(machine => total(rows.map(({ outcomes }) => outcomes[machine])))],
  ];
  return lines.map(cells => `| ${cells.join(' | ')} |\n`).join('');
}

/**
 * One line, for the terminal.
 *
 * @param {string} name
 * @param {string} machine
 * @param {Outcome} outcome
 */
export function progressLine(name, machine, outcome) {
  const seconds = outcome.seconds.toFixed(1).padStart(6);
  const details = [counts(outcome), outcome.note, outcome.reason].filter(
    part => part !== undefined && part !== '',
  );
  return `${outcome.verdict.padEnd(7)} ${seconds} s  ${machine.padEnd(5)} ${name} ${details.join('; ')}`.trimEnd();
}

/** @param {Outcome} outcome */
function cell(outcome) {
  const { verdict, note = '', seconds } = outcome;
  const details = [counts(outcome), note, `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`];
  return `${verdict === 'pass' ? 'pass' : `**${verdict}**`} (${details.filter(part => part !== '').join(', ')})`;
}

/** @param {Outcome} outcome */
function counts({ subtests, failed, skipped }) {
  if (subtests === 0) return '';
  const parts = [`${subtests - failed.length - skipped.length}/${subtests}`];
  if (failed.length > 0) parts.push(`${failed.length} failed`);
  if (skipped.length > 0) parts.push(`${skipped.length} skipped`);
  return parts.join(', ');
}

/** @param {readonly Outcome[]} outcomes */
function total(outcomes) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const { verdict } of outcomes) sums.set(verdict, (sums.get(verdict) ?? 0) + 1);
  return [...sums].map(([verdict, count]) => `${count} ${verdict}`).join(', ');
}
