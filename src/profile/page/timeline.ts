import { formatNs, formatNumber, formatShare } from '../report/format-time.js';
import type { PageData } from '../report/page-data.js';
import { element, svg } from './elements.js';

/** In units of the picture, which is as high as its style says. */
const HEIGHT = 180;
const STRIP = 40;
const TICKS = 4;
/** Share of the width that the name of a milestone takes. */
const LABEL = 0.1;
/** Lanes that have their colours on every page; those of devices have theirs by their order. */
const COMMON = ['guest', 'other devices', 'machine', 'idle', 'profiler'];

/** The run from left to right: what its time went into, and below that how many exits, interrupts and requests there were. */
export function timelineSection(data: PageData): HTMLElement {
  const { lanes, stretchNs, exits, interrupts, requests } = data.timeline;
  const count = exits.length;
  const picture = chart(count, HEIGHT, 'timeline');
  const bottoms = new Float64Array(count);
  lanes.forEach(({ shares }, lane) => {
    const tops: string[] = [];
    const below: string[] = [];
    for (let i = 0; i < count; i++) {
      below.unshift(`${i + 1},${yOf(bottoms[i])}`, `${i},${yOf(bottoms[i])}`);
      bottoms[i] = Math.min(1, bottoms[i] + shares[i]);
      tops.push(`${i},${yOf(bottoms[i])}`, `${i + 1},${yOf(bottoms[i])}`);
    }
    picture.append(
      svg('polygon', {
        points: [...tops, ...below].join(' '),
        class: `lane ${laneClass(lanes[lane].name, lane)}`,
      }),
    );
  });
  // What came before the run has no place in it.
  const places = data.phases
    .filter(({ start }) => start >= 0)
    .map(({ name, start }) => ({ name, at: start / stretchNs }));
  for (const { at } of places) {
    picture.append(svg('line', { x1: at, x2: at, y1: 0, y2: HEIGHT, class: 'milestone' }));
  }
  const strips = [
    ['exits', exits],
    ['interrupts', interrupts],
    ['requests', requests],
  ] as const;
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
    element('li', {}, element('span', { class: `swatch ${laneClass(name, lane)}` }), name),
  );
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) =>
    element('span', {}, i === 0 ? '0' : formatNs((i / TICKS) * count * stretchNs)),
  );
  return element(
    'section',
    { id: 'timeline' },
    element('h2', {}, 'Timeline'),
    element('ul', { class: 'legend' }, ...legend),
    element(
      'div',
      { class: 'picture' },
      milestoneNames(places, count),
      picture,
      ...strips.filter(([, values]) => values.some(value => value > 0)).map(strip),
      element('div', { class: 'ticks', 'aria-hidden': 'true' }, ...ticks),
    ),
    slider,
    readout,
  );
}

function yOf(share: number): string {
  return ((1 - share) * HEIGHT).toFixed(2);
}

function laneClass(name: string, index: number): string {
  return COMMON.includes(name) ? `lane-${name.replace(' ', '-')}` : `lane-${index}`;
}

/** A picture without a scale of its own. @param width in stretches */
function chart(width: number, height: number, name: string): SVGSVGElement {
  return svg('svg', {
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: 'none',
    class: name,
    'aria-hidden': 'true',
  });
}

/** How many of something there were in each stretch, beside their name and their greatest number. */
function strip([name, values]: readonly [string, readonly number[]]): HTMLElement {
  const most = Math.max(...values);
  const picture = chart(values.length, STRIP, 'bars');
  const bars = values.flatMap((value, i) => {
    const top = (STRIP * (1 - value / most)).toFixed(1);
    return value > 0 ? [`M${i} ${STRIP}V${top}H${i + 1}V${STRIP}Z`] : [];
  });
  picture.append(svg('path', { d: bars.join('') }));
  const text = `${name}, ${formatNumber(most)} at most`;
  return element('div', { class: 'strip' }, element('span', {}, text), picture);
}

interface Place {
  readonly name: string;
  /** In stretches. */
  readonly at: number;
}

/** The names of as many milestones as there is room for, each above its line. */
function milestoneNames(places: readonly Place[], width: number): HTMLElement {
  const shown: Place[] = [];
  let end = 0;
  for (const place of places) {
    if (place.at / width < end || place.at > width) continue;
    shown.push(place);
    end = place.at / width + LABEL;
  }
  const names = shown.map(({ name, at }, i) => {
    const left = at / width;
    const next = (shown[i + 1]?.at ?? width) / width;
    // Near the right edge it stands before its line.
    const style =
      left > 1 - LABEL
        ? `right:${(1 - left) * 100}%;max-width:${LABEL * 100}%`
        : `left:${left * 100}%;max-width:${(next - left) * 100 - 0.5}%`;
    return element('span', { style }, name);
  });
  return element('div', { class: 'marks', 'aria-hidden': 'true' }, ...names);
}
