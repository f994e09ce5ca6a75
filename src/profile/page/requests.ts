import { formatBytes, formatNs } from '../report/format-time.js';
import type { PageData } from '../report/page-data.js';
import { element } from './elements.js';

const TITLES = ['requests', 'count', 'p50', 'p99', 'max', 'together', 'bytes'];

/** What devices did for their drivers; nothing for a guest that has no such devices. */
export function requestsSection({ requests }: PageData): HTMLElement | '' {
  if (requests.length === 0) return '';
  const rows = requests.map(({ device, type, count, p50, p99, max, ns, bytes }) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, `${device} ${type}`),
      element('td', {}, count.toLocaleString('en')),
      ...[p50, p99, max, ns].map(time => element('td', {}, formatNs(time))),
      element('td', {}, formatBytes(bytes)),
    ),
  );
  const head = element('tr', {}, ...TITLES.map(title => element('th', { scope: 'col' }, title)));
  return element(
    'section',
    { id: 'requests' },
    element('h2', {}, 'Device requests'),
    element(
      'div',
      { class: 'scroll', tabindex: 0 },
      element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)),
    ),
    element('p', { class: 'hint' }, 'From the notification to the completion.'),
  );
}
