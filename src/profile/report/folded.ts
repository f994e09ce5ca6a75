import type { Profile } from '../format.js';
import { functionName } from './names.js';
import { sampledStacks, weightedStacks, type WeightedStack } from './weighted-stacks.js';

/** What a stack's width in a flame graph stands for. */
export const WEIGHTS = ['count', 'time', 'guest', 'samples'] as const;
export type Weight = (typeof WEIGHTS)[number];

const MEASURE: Readonly<Record<Exclude<Weight, 'samples'>, (stack: WeightedStack) => number>> = {
  count: stack => stack.count,
  time: stack => stack.hostNs,
  guest: stack => stack.guestNs,
};

/**
 * Folded stacks, as flame graph tools read them: `outer;inner;register weight`, a line each, equal ones added up.
 * Times are in ns.
 */
export function foldedStacks(profile: Profile, weight: Weight): string {
  const sums = new Map<string, number>();
  const add = (frames: readonly string[], value: number): void => {
    if (value <= 0) return;
    const line = frames.map(escape).join(';');
    sums.set(line, (sums.get(line) ?? 0) + value);
  };
  const names = (frames: readonly bigint[]): string[] => frames.map(frame => functionName(profile, frame));
  if (weight === 'samples') {
    for (const { frames, count } of sampledStacks(profile)) add(names(frames), count);
  } else {
    for (const stack of weightedStacks(profile))
      add([...names(stack.frames), stack.site], MEASURE[weight](stack));
  }
  return Array.from(sums, ([line, value]) => `${line} ${value}\n`)
    .sort()
    .join('');
}

/** A semicolon separates frames, and a line break stacks. */
function escape(name: string): string {
  return name.replace(/[;\r\n]/g, ' ');
}
