import { formatNs, formatShare } from '../report/format-time.js';
import type { PageData } from '../report/page-data.js';
import { element, svg } from './elements.js';

const HEIGHT = 180;

/** The run from left to right: what its time went into, how many exits and interrupts, the milestones. */
export function timelineSection(data: PageData): HTMLElement {
  const { lanes, stretchNs, exits, interrupts, requests } = data.timeline;
  const count = exits.length;
  const most = Math.max(1, ...exits);
  const picture = svg('svg', {
    viewBox: `0 0 ${count} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    class: 'timeline',
    'aria-hidden': 'true',
  });
  const bottoms = new Float64Array(count);
  lanes.forEach(({ shares }, lane) => {
    const tops: string[] = [];
    const below: string[] = [];
    for (let i = 0; i < count; i++) {
      below.unshift(`${i + 1},${yOf(bottoms[i])}`, `${i},${yOf(bottoms[i])}`);
      bottoms[i] = Math.min(1, bottoms[i] + shares[i]);
      tops.push(`${i},${yOf(bottoms[i])}`, `${i + 1},${yOf(bottoms[i])}`);
    }
    picture.append(svg('polygon', { points: [...tops, ...below].join(' '), class: `lane lane-${lane}` }));
  });
  const line = exits.map((value, i) => `${i + 0.5},${HEIGHT - (value / most) * (HEIGHT - 4)}`).join(' ');
  picture.append(svg('polyline', { points: line, class: 'rate' }));
  for (const { start } of data.phases) {
    const x = Math.max(0, start / stretchNs);
    picture.append(svg('line', { x1: x, x2: x, y1: 0, y2: HEIGHT, class: 'milestone' }));
  }
  const cursor = svg('line', { y1: 0, y2: HEIGHT, class: 'cursor' });
  picture.append(cursor);

  const readout = element('p', { class: 'readout', 'aria-live': 'polite' });
  const slider = element('input', {
    type: 'range',
    min: 0,
    max: count - 1,
    value: 0,
    'aria-label': 'Place in the run',
  });
  const look = (): void => {
    const at = Number(slider.value);
    for (const side of ['x1', 'x2']) cursor.setAttribute(side, String(at + 0.5));
    const parts = lanes
      .filter(({ shares }) => shares[at] > 0)
      .map(({ name, shares }) => `${name} ${formatShare(shares[at], 1)}`);
    readout.textContent = [
      `At ${formatNs(at * stretchNs)}:`,
      `${exits[at]} exits, ${interrupts[at]} interrupts, ${requests[at]} requests in ${formatNs(stretchNs)};`,
      parts.join(', '),
    ].join(' ');
  };
  slider.addEventListener('input', look);
  picture.addEventListener('pointermove', event => {
    const { left, width } = picture.getBoundingClientRect();
    slider.value = String(Math.floor(((event.clientX - left) / width) * count));
    look();
  });
  look();
  const legend = lanes.map(({ name }, lane) =>
    element('li', {}, element('span', { class: `swatch lane-${lane}` }), name),
  );
  return element(
    'section',
    { id: 'timeline' },
    element('h2', {}, 'Timeline'),
    element(
      'ul',
      { class: 'legend' },
      ...legend,
      element('li', {}, element('span', { class: 'swatch line' }), 'exits'),
    ),
    element('div', { class: 'picture' }, picture),
    slider,
    readout,
  );
}

function yOf(share: number): string {
  return ((1 - share) * HEIGHT).toFixed(2);
}
