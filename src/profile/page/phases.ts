import { formatNs } from '../report/format-time.js';
import type { PageData } from '../report/page-data.js';
import { element } from './elements.js';

/** The boot, from milestone to milestone. */
export function phasesSection(data: PageData): HTMLElement {
  const rows = data.phases.map(({ name, start, duration, exits, hostNs, top }) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      element('td', {}, formatNs(start)),
      element('td', {}, formatNs(duration)),
      element('td', {}, exits.toLocaleString('en')),
      element('td', {}, formatNs(hostNs)),
      element('td', { class: 'text' }, top.map(({ site, count }) => `${site} × ${count}`).join(', ')),
    ),
  );
  const titles = ['milestone', 'at', 'until the next', 'exits', 'in handlers', 'most of them'];
  const head = element('tr', {}, ...titles.map(title => element('th', { scope: 'col' }, title)));
  return element(
    'section',
    { id: 'boot' },
    element('h2', {}, 'Boot'),
    rows.length > 0
      ? element(
          'div',
          { class: 'scroll', tabindex: 0 },
          element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)),
        )
      : element('p', {}, 'No milestones were recorded.'),
  );
}
