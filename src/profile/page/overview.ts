import { formatNs, formatShare } from '../report/format-time.js';
import type { PageData } from '../report/page-data.js';
import { element } from './elements.js';

/** What was run, and where its time went. */
export function overview(data: PageData): HTMLElement {
  const { shares } = data;
  const wall = shares.wall ?? shares.guest + shares.handlers + shares.machine + shares.idle + shares.profiler;
  const tiles: [string, string, string][] = [
    ['wall time', formatNs(wall), data.ending],
    [
      'exits',
      data.exits.toLocaleString('en'),
      `${Math.round(data.exits / (wall / 1e9)).toLocaleString('en')} a second`,
    ],
    ['in the guest', formatShare(shares.guest, wall), formatNs(shares.guest)],
    ['in handlers', formatShare(shares.handlers, wall), formatNs(shares.handlers)],
    ['idle', formatShare(shares.idle, wall), formatNs(shares.idle)],
    [
      'machine and profiler',
      formatShare(shares.machine + shares.profiler, wall),
      formatNs(shares.machine + shares.profiler),
    ],
  ];
  return element(
    'section',
    { id: 'overview' },
    element('p', { class: 'what' }, `${data.machine}; ${data.created}`),
    ...(data.commandLine === ''
      ? []
      : [element('p', { class: 'what' }, element('code', {}, data.commandLine))]),
    element(
      'dl',
      { class: 'tiles' },
      ...tiles.map(([name, value, detail]) =>
        element(
          'div',
          {},
          element('dt', {}, name),
          element('dd', {}, value),
          element('dd', { class: 'detail' }, detail),
        ),
      ),
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
