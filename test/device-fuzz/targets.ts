import { LEGACY_TARGETS } from './legacy-targets.js';
import type { MakeTarget } from './target.js';
import { blkSubject } from './virtio/blk-subject.js';
import { consoleSubject } from './virtio/console-subject.js';
import { netSubject } from './virtio/net-subject.js';
import { WAYS } from './virtio/registers.js';
import { rngSubject } from './virtio/rng-subject.js';
import type { MakeSubject } from './virtio/subject.js';
import { virtioTarget } from './virtio/virtio-target.js';

const VIRTIO: Readonly<Record<string, MakeSubject>> = {
  blk: blkSubject,
  net: netSubject,
  console: consoleSubject,
  rng: rngSubject,
};

/** Everything that is fuzzed, by family; a family's targets are the ways to reach it. */
export const FAMILIES: Readonly<Record<string, Readonly<Record<string, MakeTarget>>>> = {
  ...Object.fromEntries(
    Object.entries(VIRTIO).map(([name, make]) => [
      `virtio-${name}`,
      Object.fromEntries(WAYS.map(way => [`virtio-${name}/${way}`, () => virtioTarget(make, way)])),
    ]),
  ),
  ...legacyFamilies(),
};

function legacyFamilies(): Record<string, Record<string, MakeTarget>> {
  const families: Record<string, Record<string, MakeTarget>> = {};
  for (const [name, make] of Object.entries(LEGACY_TARGETS)) {
    (families[name.split('/')[0]] ??= {})[name] = make;
  }
  return families;
}

/** The targets of a family. @throws RangeError when there is no such family */
export function familyOf(name: string): Readonly<Record<string, MakeTarget>> {
  const family = FAMILIES[name];
  if (!family) throw new RangeError(`there is no device '${name}': ${Object.keys(FAMILIES).join(', ')}`);
  return family;
}
