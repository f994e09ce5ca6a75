import type { PageData } from '../report/page-data.js';

/** One frame with everything that it calls. */
export interface FlameNode {
  readonly name: string;
  readonly weight: number;
  readonly depth: number;
  readonly parent: FlameNode | undefined;
  /** Heaviest first. */
  readonly children: readonly FlameNode[];
}

interface Growing {
  name: string;
  weight: number;
  children: Map<number, Growing>;
}

/** The call tree of all stacks that have the weight. */
export function flameTree(data: PageData, weight: string): FlameNode {
  const root: Growing = { name: 'all', weight: 0, children: new Map() };
  for (const { frames, weights } of data.stacks) {
    const value = weights[weight] ?? 0;
    if (value <= 0) continue;
    root.weight += value;
    let node = root;
    for (const frame of frames) {
      let child = node.children.get(frame);
      if (!child) {
        child = { name: data.names[frame], weight: 0, children: new Map() };
        node.children.set(frame, child);
      }
      child.weight += value;
      node = child;
    }
  }
  return settle(root, undefined, 0);
}

function settle(node: Growing, parent: FlameNode | undefined, depth: number): FlameNode {
  const children: FlameNode[] = [];
  const settled: FlameNode = { name: node.name, weight: node.weight, depth, parent, children };
  const sorted = [...node.children.values()].sort((a, b) => b.weight - a.weight);
  for (const child of sorted) children.push(settle(child, settled, depth + 1));
  return settled;
}
