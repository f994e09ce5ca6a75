import {
  Function as PprofFunction,
  Line,
  Location,
  Profile as Pprof,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format';
import type { Profile } from '../format.js';
import { functionName } from './names.js';
import { sampledStacks, weightedStacks } from './weighted-stacks.js';

/**
 * A profile in pprof's format, profile.proto, not compressed. Each exit is a sample with three values: their number, the
 * time in the host's handler, the guest's time before it; the register that it reaches is the innermost frame. Samples
 * of guest code have a fourth.
 */
export function pprofBytes(profile: Profile): Uint8Array {
  const table = new PprofTables(profile);
  const sampled = sampledStacks(profile);
  const types: [string, string][] = [
    ['exits', 'count'],
    ['handler', 'nanoseconds'],
    ['guest', 'nanoseconds'],
  ];
  if (sampled.length > 0) types.push(['samples', 'count']);
  const values = (...of: number[]): number[] => [...of, 0, 0, 0, 0].slice(0, types.length);
  const sample = [
    ...weightedStacks(profile).map(({ frames, site, count, hostNs, guestNs }) => {
      const locationId = [table.named(site), ...table.frames(frames)];
      return new Sample({ locationId, value: values(count, hostNs, guestNs) });
    }),
    ...sampled.map(
      ({ frames, count }) => new Sample({ locationId: table.frames(frames), value: values(0, 0, 0, count) }),
    ),
  ];
  const { strings } = table;
  const valueType = ([type, unit]: readonly [string, string]): ValueType =>
    new ValueType({ type: strings.dedup(type), unit: strings.dedup(unit) });
  return new Pprof({
    sampleType: types.map(valueType),
    sample,
    location: table.locations,
    function: table.functions,
    stringTable: strings,
    timeNanos: BigInt(Date.parse(profile.meta.created)) * 1_000_000n,
    durationNanos: profile.end?.wallNs ?? 0,
    periodType: valueType(types[0]),
    period: 1,
    defaultSampleType: strings.dedup('exits'),
  }).encode();
}

/** Functions and locations by number, from 1. */
class PprofTables {
  readonly strings = new StringTable();
  readonly functions: PprofFunction[] = [];
  readonly locations: Location[] = [];
  private readonly functionIds = new Map<string, number>();
  private readonly locationIds = new Map<bigint | string, number>();

  constructor(private readonly profile: Profile) {}

  /** The locations of a stack, innermost first. */
  frames(addresses: readonly bigint[]): number[] {
    return addresses.map(address => this.location(address)).reverse();
  }

  /** A location that stands for no address. */
  named(name: string): number {
    return this.add(name, 0n, this.functionId(name, ''), 0);
  }

  private location(address: bigint): number {
    const symbol = this.profile.symbols.get(address);
    const id = this.functionId(functionName(this.profile, address), symbol?.file ?? '');
    return this.add(address, address, id, symbol?.line ?? 0);
  }

  private add(key: bigint | string, address: bigint, functionId: number, line: number): number {
    const known = this.locationIds.get(key);
    if (known !== undefined) return known;
    const id = this.locations.length + 1;
    this.locations.push(new Location({ id, address, line: [new Line({ functionId, line })] }));
    this.locationIds.set(key, id);
    return id;
  }

  private functionId(name: string, file: string): number {
    const key = `${name}\0${file}`;
    const known = this.functionIds.get(key);
    if (known !== undefined) return known;
    const id = this.functions.length + 1;
    const text = this.strings.dedup(name);
    this.functions.push(
      new PprofFunction({ id, name: text, systemName: text, filename: this.strings.dedup(file) }),
    );
    this.functionIds.set(key, id);
    return id;
  }
}
