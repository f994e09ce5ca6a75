import { addHistogram, percentile } from '../histogram.js';
import { formatNs, formatShare } from '../report/format-time.js';
import type { PageData, PagePoint } from '../report/page-data.js';
import { choice, element } from './elements.js';

const GROUPINGS = [
  ['register', 'register'],
  ['site', 'register and access'],
  ['device', 'device'],
  ['function', 'guest function'],
  ['line', 'source line'],
  ['reason', 'reason'],
  ['vcpu', 'vCPU'],
] as const;
type Grouping = (typeof GROUPINGS)[number][0];

/** Rows that are shown at first, and at most. */
const FEW_ROWS = 15;
const MOST_ROWS = 1000;

interface Row {
  readonly key: string;
  count: number;
  hostNs: number;
  guestNs: number;
  maxHostNs: number;
  readonly histogram: Map<number, number>;
}

interface Column {
  readonly name: string;
  readonly title: string;
  readonly value: (row: Row) => number | string;
  readonly text: (row: Row, all: Row) => string;
}

const COLUMNS: readonly Column[] = [
  { name: 'key', title: 'exits of', value: row => row.key, text: row => row.key },
  { name: 'count', title: 'count', value: row => row.count, text: row => row.count.toLocaleString('en') },
  { name: 'time', title: 'time', value: row => row.hostNs, text: row => formatNs(row.hostNs) },
  {
    name: 'share',
    title: 'of time',
    value: row => row.hostNs,
    text: (row, all) => formatShare(row.hostNs, all.hostNs),
  },
  { name: 'p50', title: 'p50', value: row => quantile(row, 0.5), text: row => formatNs(quantile(row, 0.5)) },
  {
    name: 'p99',
    title: 'p99',
    value: row => quantile(row, 0.99),
    text: row => formatNs(quantile(row, 0.99)),
  },
  { name: 'max', title: 'max', value: row => row.maxHostNs, text: row => formatNs(row.maxHostNs) },
  { name: 'guest', title: 'guest before', value: row => row.guestNs, text: row => formatNs(row.guestNs) },
];

/** All exits by what one chooses, in any order, filtered by a text. */
export function tableSection(data: PageData): HTMLElement {
  let grouping: Grouping = 'register';
  let [order, descending] = ['time', true];
  const filter = element('input', {
    type: 'search',
    'aria-label': 'Show rows with this text',
    placeholder: 'filter',
  });
  const head = element('tr');
  const body = element('tbody');
  let all = false;
  const more = element('p', { class: 'hint' });
  const moreButton = element('button', {
    class: 'plain',
    onclick: () => {
      all = !all;
      draw();
    },
  });

  const draw = (): void => {
    const rows = group(data.points, grouping);
    const sum = group(data.points, undefined)[0] ?? emptyRow('');
    const column = COLUMNS.find(({ name }) => name === order)!;
    const wanted = filter.value.toLowerCase();
    const shown = rows
      .filter(({ key }) => key.toLowerCase().includes(wanted))
      .sort((a, b) => {
        const [x, y] = [column.value(a), column.value(b)];
        const less = x < y ? -1 : x > y ? 1 : 0;
        return descending ? -less : less;
      });
    body.replaceChildren(
      ...shown.slice(0, all ? MOST_ROWS : FEW_ROWS).map(row =>
        element(
          'tr',
          {},
          ...COLUMNS.map(({ name, text }) => {
            if (name === 'key') return element('th', { scope: 'row' }, text(row, sum));
            const share = name === 'share' ? (row.hostNs / (sum.hostNs || 1)) * 100 : undefined;
            return element(
              'td',
              share === undefined ? {} : { class: 'share', style: `--share:${share.toFixed(1)}%` },
              text(row, sum),
            );
          }),
        ),
      ),
    );
    more.hidden = shown.length <= FEW_ROWS;
    moreButton.textContent = all ? `Show the first ${FEW_ROWS}` : `Show all ${shown.length}`;
    more.replaceChildren(
      shown.length > MOST_ROWS && all ? `The first ${MOST_ROWS} of ${shown.length} rows. ` : '',
      moreButton,
    );
    head.replaceChildren(...COLUMNS.map(header));
  };
  const header = ({ name, title }: Column): HTMLElement => {
    const sorted = name === order ? (descending ? 'descending' : 'ascending') : 'none';
    const sort = (): void => {
      descending = name === order ? !descending : name !== 'key';
      order = name;
      draw();
      head.querySelector<HTMLButtonElement>(`[data-column=${name}]`)?.focus();
    };
    return element(
      'th',
      { scope: 'col', 'aria-sort': sorted },
      element('button', { class: 'plain', 'data-column': name, onclick: sort }, title),
    );
  };
  filter.addEventListener('input', draw);
  draw();
  return element(
    'section',
    { id: 'exits' },
    element('h2', {}, 'Exits'),
    element(
      'div',
      { class: 'controls' },
      choice('By', GROUPINGS, value => {
        grouping = value as Grouping;
        draw();
      }),
      filter,
    ),
    element('div', { class: 'scroll', tabindex: 0 }, element('table', {}, element('thead', {}, head), body)),
    more,
  );
}

function group(points: readonly PagePoint[], grouping: Grouping | undefined): Row[] {
  const rows = new Map<string, Row>();
  for (const point of points) {
    const key = grouping === undefined ? 'all' : point[grouping];
    let row = rows.get(key);
    if (!row) rows.set(key, (row = emptyRow(key)));
    row.count += point.count;
    row.hostNs += point.hostNs;
    row.guestNs += point.guestNs;
    row.maxHostNs = Math.max(row.maxHostNs, point.maxHostNs);
    addHistogram(row.histogram, new Map(point.histogram));
  }
  return [...rows.values()];
}

function emptyRow(key: string): Row {
  return { key, count: 0, hostNs: 0, guestNs: 0, maxHostNs: 0, histogram: new Map() };
}

function quantile(row: Row, share: number): number {
  return Math.min(percentile(row.histogram, share), row.maxHostNs);
}
