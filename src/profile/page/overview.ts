import { formatNs, formatShare } from '../report/format-time.js';
import type { PageData } from '../report/page-data.js';
import { element } from './elements.js';

const PARTS = [
  ['guest', 'in the guest'],
  ['handlers', 'in handlers'],
  ['idle', 'idle'],
  ['machine', 'machine'],
  ['profiler', 'profiler'],
] as const;

/** What was run, and where its time went. */
export function overview(data: PageData): HTMLElement {
  const { shares } = data;
  const wall = shares.wall ?? shares.guest + shares.handlers + shares.machine + shares.idle + shares.profiler;
  const tiles: [name: string, value: string, detail: string, part?: string][] = [
    ['wall time', formatNs(wall), data.ending],
    [
      'exits',
      data.exits.toLocaleString('en'),
      `${Math.round(data.exits / (wall / 1e9)).toLocaleString('en')} a second`,
    ],
    ['in the guest', formatShare(shares.guest, wall), formatNs(shares.guest), 'guest'],
    ['in handlers', formatShare(shares.handlers, wall), formatNs(shares.handlers), 'handlers'],
    ['idle', formatShare(shares.idle, wall), formatNs(shares.idle), 'idle'],
    [
      'machine, profiler',
      formatShare(shares.machine + shares.profiler, wall),
      formatNs(shares.machine + shares.profiler),
      'machine',
    ],
  ];
  return element(
    'section',
    { id: 'overview' },
    element('p', { class: 'what' }, `${data.machine}; ${data.created.slice(0, 19).replace('T', ' ')} UTC`),
    ...(data.commandLine === ''
      ? []
      : [element('p', { class: 'what' }, element('code', {}, data.commandLine))]),
    element(
      'dl',
      { class: 'tiles' },
      ...tiles.map(([name, value, detail, part]) =>
        element(
          'div',
          {},
          element('dt', {}, ...(part ? [element('span', { class: `swatch part-${part}` })] : []), name),
          element('dd', {}, value),
          element('dd', { class: 'detail' }, detail),
        ),
      ),
    ),
    element(
      'div',
      { class: 'shares', role: 'img', 'aria-label': 'Where the time went' },
      ...PARTS.map(([part, name]) => {
        const width = ((shares[part] / (wall || 1)) * 100).toFixed(2);
        return element('span', {
          class: `part-${part}`,
          style: `width:${width}%`,
          title: `${name} ${formatShare(shares[part], wall)}`,
        });
      }),
    ),
    ...data.notes.map(note => element('p', { class: 'note' }, note)),
    ...(data.counters.length === 0
      ? []
      : [
          element(
            'details',
            {},
            element('summary', {}, 'Counters'),
            element(
              'table',
              {},
              ...data.counters.map(([name, count]) =>
                element(
                  'tr',
                  {},
                  element('th', { scope: 'row' }, name),
                  element('td', {}, count.toLocaleString('en')),
                ),
              ),
            ),
          ),
        ]),
  );
}
