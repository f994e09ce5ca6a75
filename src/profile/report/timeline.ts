import type { ExitEvent, Profile } from '../format.js';
import { GuestTime } from './guest-time.js';
import { deviceName, isExit } from './names.js';

/** What the machine's thread did, in stretches of one length. */
export interface Timeline {
  /** Length of one stretch in ns. */
  readonly stretchNs: number;
  /** What it did: `guest`, devices, `machine`, `idle`, and for each stretch the share of it, 0 to 1. */
  readonly lanes: readonly { readonly name: string; readonly shares: readonly number[] }[];
  /** For each stretch. */
  readonly exits: readonly number[];
  readonly interrupts: readonly number[];
  /** Requests that a device began. */
  readonly requests: readonly number[];
}

const STRETCHES = 400;
/** Devices that have a lane of their own: those whose handlers take most time. */
const LANES = 6;

/** Of KVM's machines vCPU 0 and the devices; of a software CPU, where one thread does it all, everything. */
export function timeline(profile: Profile): Timeline {
  const ownThread = profile.meta.accelerator === 'wasm' ? Infinity : 1;
  const wall = profile.end?.wallNs ?? lastTime(profile);
  const stretchNs = Math.max(1, wall / STRETCHES);
  const lanes = new Map(laneNames(profile).map(name => [name, new Float64Array(STRETCHES)]));
  const exits = new Array<number>(STRETCHES).fill(0);
  const interrupts = new Array<number>(STRETCHES).fill(0);
  const requests = new Array<number>(STRETCHES).fill(0);
  const stretchAt = (time: number): number =>
    Math.min(STRETCHES - 1, Math.max(0, Math.floor(time / stretchNs)));

  const spread = (lane: Float64Array, from: number, to: number): void => {
    for (let i = stretchAt(from); i <= stretchAt(to); i++) {
      const overlap = Math.min(to, (i + 1) * stretchNs) - Math.max(from, i * stretchNs);
      if (overlap > 0) lane[i] += overlap / stretchNs;
    }
  };
  const guestTime = new GuestTime();
  const laneOf = ({ point }: ExitEvent): Float64Array => {
    const { site } = profile.points[point];
    const name = isExit(site.reason) ? deviceName(site) : site.reason;
    return lanes.get(name) ?? lanes.get('other devices')!;
  };
  for (const event of profile.events()) {
    if (event.kind === 'interrupt') {
      if (event.how !== 'taken') interrupts[stretchAt(event.time)]++;
    } else if (event.kind === 'request') {
      requests[stretchAt(event.time)]++;
    } else if (event.kind === 'exit') {
      const { site, vcpu } = profile.points[event.point];
      if (isExit(site.reason)) exits[stretchAt(event.time)]++;
      if (vcpu >= ownThread) continue;
      if (site.reason === 'profiler') guestTime.pause(event);
      else for (const [from, to] of guestTime.before(event)) spread(lanes.get('guest')!, from, to);
      spread(laneOf(event), event.time, event.time + event.hostNs);
    }
  }
  return {
    stretchNs,
    lanes: Array.from(lanes, ([name, shares]) => ({ name, shares: Array.from(shares, round) })).filter(
      ({ shares }) => shares.some(share => share > 0),
    ),
    exits,
    interrupts,
    requests,
  };
}

function laneNames(profile: Profile): string[] {
  const sums = new Map<string, number>();
  profile.totals.forEach(({ hostNs }, index) => {
    const { site } = profile.points[index];
    if (!isExit(site.reason)) return;
    const name = deviceName(site);
    sums.set(name, (sums.get(name) ?? 0) + hostNs);
  });
  const devices = [...sums].sort(([, a], [, b]) => b - a).slice(0, LANES);
  return ['guest', ...devices.map(([name]) => name), 'other devices', 'machine', 'idle', 'profiler'];
}

function lastTime(profile: Profile): number {
  let last = 0;
  for (const event of profile.events()) {
    if (event.kind === 'exit') last = Math.max(last, event.time + event.hostNs);
  }
  return last;
}

/** Four digits are more than a screen can show. */
function round(share: number): number {
  return Math.round(share * 1e4) / 1e4;
}
