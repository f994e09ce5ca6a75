import type { Profile } from '../format.js';
import { functionName } from './names.js';
import { sampledStacks, weightedStacks, type WeightedStack } from './weighted-stacks.js';

interface SampledProfile {
  readonly type: 'sampled';
  readonly name: string;
  readonly unit: 'none' | 'nanoseconds';
  readonly startValue: 0;
  readonly endValue: number;
  readonly samples: readonly (readonly number[])[];
  readonly weights: readonly number[];
}

/** A file for speedscope (its file-format-schema.json). */
export interface SpeedscopeFile {
  readonly $schema: 'https://www.speedscope.app/file-format-schema.json';
  readonly name: string;
  readonly exporter: string;
  readonly activeProfileIndex: 0;
  readonly shared: { readonly frames: readonly { name: string; file?: string; line?: number }[] };
  readonly profiles: readonly SampledProfile[];
}

/** One profile for exits by number, by handler time and by guest time, and one for samples of guest code. */
export function speedscopeFile(profile: Profile): SpeedscopeFile {
  const frames: { name: string; file?: string; line?: number }[] = [];
  const indices = new Map<bigint | string, number>();
  const indexOf = (key: bigint | string, make: () => (typeof frames)[number]): number => {
    const known = indices.get(key);
    if (known !== undefined) return known;
    indices.set(key, frames.length);
    return frames.push(make()) - 1;
  };
  const frameOf = (address: bigint): number =>
    indexOf(address, () => {
      const { file, line } = profile.symbols.get(address) ?? {};
      return {
        name: functionName(profile, address),
        ...(file !== undefined && { file }),
        ...(line !== undefined && { line }),
      };
    });

  const stacks = weightedStacks(profile);
  const samples = stacks.map(({ frames: addresses, site }) => [
    ...addresses.map(frameOf),
    indexOf(site, () => ({ name: site })),
  ]);
  const exits = (
    name: string,
    unit: SampledProfile['unit'],
    measure: (stack: WeightedStack) => number,
  ): SampledProfile => sampledProfile(name, unit, samples, stacks.map(measure));
  const profiles = [
    exits('exits', 'none', stack => stack.count),
    exits('time in handlers', 'nanoseconds', stack => stack.hostNs),
    exits('time in the guest before', 'nanoseconds', stack => stack.guestNs),
  ];
  const code = sampledStacks(profile);
  if (code.length > 0) {
    const counts = code.map(({ count }) => count);
    profiles.push(
      sampledProfile(
        'guest code',
        'none',
        code.map(({ frames: addresses }) => addresses.map(frameOf)),
        counts,
      ),
    );
  }
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name: profile.meta.kernel,
    exporter: `tsvmm ${profile.meta.tsvmm}`,
    activeProfileIndex: 0,
    shared: { frames },
    profiles,
  };
}

function sampledProfile(
  name: string,
  unit: SampledProfile['unit'],
  samples: readonly (readonly number[])[],
  weights: readonly number[],
): SampledProfile {
  const endValue = weights.reduce((sum, weight) => sum + weight, 0);
  return { type: 'sampled', name, unit, startValue: 0, endValue, samples, weights };
}
