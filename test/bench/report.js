import { cpus, release } from 'node:os';
import { formatColumns } from './table.js';

/**
 * One line of the report.
 * @typedef {object} Figure
 * @property {string} name what was measured
 * @property {number} value tsvmm's
 * @property {number} [peer] what it is compared with, in the same unit
 * @property {string} [peerName]
 * @property {string} unit
 * @property {number} [compared] tsvmm against its peer, as `bar` means it
 * @property {Bar} [bar]
 */

/**
 * What a figure is to be. Ratios are to the peer; differences and values have the figure's unit.
 * @typedef {{ readonly kind: 'ratio' | 'difference' | 'value' } &
 *   ({ readonly most: number } | { readonly least: number })} Bar
 */

/**
 * @param {string} name
 * @param {string} unit
 * @param {number} value
 * @param {Partial<Figure>} [more]
 * @returns {Figure}
 */
export function figure(name, unit, value, more = {}) {
  return { name, unit, value, ...more };
}

/** @param {Figure} figure */
function isMet({ bar, value, compared }) {
  if (bar === undefined) return undefined;
  const judged = bar.kind === 'value' ? value : (compared ?? NaN);
  return 'most' in bar ? judged <= bar.most : judged >= bar.least;
}

/** What a reader must know of the host to compare two reports. */
function host() {
  const [processor] = cpus();
  return {
    processor: processor?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    linux: release(),
    node: process.version,
  };
}

/** @param {readonly Figure[]} figures */
export function formatTable(figures) {
  const rows = [
    ['', 'tsvmm', 'peer', '', 'compared', 'bar', ''],
    ...figures.map(figure => [
      figure.name,
      `${format(figure.value)} ${figure.unit}`,
      figure.peer === undefined ? '' : `${format(figure.peer)} ${figure.unit}`,
      figure.peerName ?? '',
      formatCompared(figure),
      formatBar(figure),
      { true: 'met', false: 'missed', undefined: '' }[String(isMet(figure))] ?? '',
    ]),
  ];
  return formatColumns(rows, [false, true, true, false, true, true, false]);
}

/** @param {readonly Figure[]} figures */
export function toJson(figures) {
  return JSON.stringify({ host: host(), figures: figures.map(f => ({ ...f, met: isMet(f) })) }, null, 2);
}

/** @param {Figure} figure */
function formatCompared({ compared, unit, bar }) {
  if (compared === undefined) return '';
  return bar?.kind === 'difference' ? `+${format(compared)} ${unit}` : `× ${compared.toFixed(3)}`;
}

/** @param {Figure} figure */
function formatBar({ bar, unit }) {
  if (!bar) return '';
  const limit = 'most' in bar ? bar.most : bar.least;
  const text = {
    ratio: `× ${limit.toFixed(2)}`,
    difference: `+${limit} ${unit}`,
    value: `${limit} ${unit}`,
  }[bar.kind];
  return 'most' in bar ? text : `≥ ${text}`;
}

/** @param {number} value */
function format(value) {
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  return value.toFixed(digits);
}
