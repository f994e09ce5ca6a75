import { formatNs, formatNumber, formatShare } from '../report/format-time.js';
import type { PageData } from '../report/page-data.js';
import { choice, element } from './elements.js';
import { flameTree, type FlameNode } from './flame-tree.js';

/** Narrower frames are not drawn: nobody could see or point at them. */
const NARROWEST = 0.0015;
/** In narrower ones there is no room for a name. */
const READABLE = 0.02;
/** In pixels. */
const ROW_HEIGHT = 22;

/** The flame graph: the root at the top, a click or Enter zooms in, Escape out, arrow keys go from frame to frame. */
export function flameSection(data: PageData): HTMLElement {
  let weight = data.weights[0][0];
  let root = flameTree(data, weight);
  let shown = root;
  const graph = element('div', { class: 'flame', role: 'tree', 'aria-label': 'Flame graph' });
  const readout = element('p', { class: 'readout', 'aria-live': 'polite' });
  const buttons = new Map<FlameNode, HTMLButtonElement>();

  const text = (value: number): string =>
    weight === 'time' || weight === 'guest' ? formatNs(value) : formatNumber(value);
  const describe = (node: FlameNode): string =>
    `${node.name}: ${text(node.weight)}, ${formatShare(node.weight, root.weight)} of all`;

  const zoom = (node: FlameNode): void => {
    shown = node;
    draw();
    buttons.get(node)?.focus();
  };
  const draw = (): void => {
    buttons.clear();
    const frames: HTMLButtonElement[] = [];
    let deepest = 0;
    const add = (node: FlameNode, left: number, width: number, row: number): void => {
      deepest = Math.max(deepest, row);
      const frame = element(
        'button',
        {
          class: ['frame', node.children.length === 0 ? 'leaf' : '', width < READABLE ? 'thin' : ''].join(
            ' ',
          ),
          role: 'treeitem',
          tabindex: node === shown ? 0 : -1,
          title: describe(node),
          style: `left:${left * 100}%;width:${width * 100}%;top:${row * ROW_HEIGHT}px;--shade:${shade(node.name)}`,
          onclick: () => zoom(node),
        },
        node.name,
      );
      frame.addEventListener('focus', () => (readout.textContent = describe(node)));
      frame.addEventListener('mouseenter', () => (readout.textContent = describe(node)));
      frame.addEventListener('keydown', event => move(event, node));
      buttons.set(node, frame);
      frames.push(frame);
    };
    const addWithCallees = (node: FlameNode, left: number, width: number, row: number): void => {
      if (width < NARROWEST) return;
      add(node, left, width, row);
      let at = left;
      for (const child of node.children) {
        const share = (child.weight / node.weight) * width;
        addWithCallees(child, at, share, row + 1);
        at += share;
      }
    };
    const above = ancestors(shown);
    above.forEach((node, row) => add(node, 0, 1, row));
    if (root.weight > 0) addWithCallees(shown, 0, 1, above.length);
    graph.replaceChildren(...frames);
    graph.style.height = `${(deepest + 1) * ROW_HEIGHT}px`;
    readout.textContent = root.weight > 0 ? describe(shown) : 'Nothing was recorded for this.';
  };
  const move = (event: KeyboardEvent, node: FlameNode): void => {
    const siblings = node.parent?.children ?? [];
    const place = siblings.indexOf(node);
    const next: Readonly<Record<string, FlameNode | undefined>> = {
      ArrowDown: node.children[0],
      ArrowUp: node.parent,
      ArrowRight: siblings[place + 1],
      ArrowLeft: siblings[place - 1],
    };
    if (event.key === 'Escape') zoom(root);
    else if (event.key in next) focus(next[event.key]);
    else return;
    event.preventDefault();
  };
  const focus = (node: FlameNode | undefined): void => {
    const button = node && buttons.get(node);
    if (!button) return;
    for (const other of buttons.values()) other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
  };

  const options = data.weights.filter(([name]) =>
    data.stacks.some(({ weights }) => (weights[name] ?? 0) > 0),
  );
  const chooser = choice('Width is', options.length > 0 ? options : data.weights, value => {
    weight = value;
    root = flameTree(data, weight);
    shown = root;
    draw();
  });
  const reset = element('button', { class: 'plain', onclick: () => zoom(root) }, 'Show all');
  draw();
  return element(
    'section',
    { id: 'flame' },
    element('h2', {}, 'Flame graph'),
    element('div', { class: 'controls' }, chooser, reset),
    readout,
    element('div', { class: 'scroll' }, graph),
    element('p', { class: 'hint' }, 'Arrow keys move, Enter zooms in, Escape shows all.'),
  );
}

function ancestors(node: FlameNode): FlameNode[] {
  const list: FlameNode[] = [];
  for (let at = node.parent; at; at = at.parent) list.unshift(at);
  return list;
}

/** Frames of one name have one shade. 0 to 1 */
function shade(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
  return (hash % 100) / 100;
}
