import {
  lookupAddress,
  type ExitEvent,
  type Point,
  type Profile,
  type ProfileEvent,
  type RequestEvent,
} from '../format.js';
import { GuestTime, type Stretch } from './guest-time.js';
import { functionName, isExit, siteName } from './names.js';

/** Process ids of the trace: what the tracks are grouped by. */
const VCPUS = 1;
const MACHINE = 2;
const DEVICES = 3;
/** Tracks of the machine. */
const INTERRUPTS = 1;
const MILESTONES = 2;
const RECORDER = 3;

type TraceEvent = Readonly<Record<string, unknown>>;

/**
 * The event log in Chrome's trace event format, which Perfetto and chrome://tracing open, as pieces of its text: a track a
 * vCPU with the time in the guest and in the host's handlers, one for interrupts, one for the recorder's own work, and for each
 * device as many as it ever had requests at once. Times in it are microseconds.
 */
export function* traceText(profile: Profile): Generator<string> {
  yield '{"displayTimeUnit":"ns","otherData":';
  yield JSON.stringify({ kernel: profile.meta.kernel, tsvmm: profile.meta.tsvmm });
  yield ',"traceEvents":[\n';
  let separator = '';
  for (const event of traceEvents(profile)) {
    yield separator + JSON.stringify(event);
    separator = ',\n';
  }
  yield '\n]}\n';
}

function* traceEvents(profile: Profile): Generator<TraceEvent> {
  yield named('process_name', VCPUS, undefined, `vCPUs of ${profile.meta.kernel}`);
  for (let vcpu = 0; vcpu < profile.meta.cpus; vcpu++) {
    yield named('thread_name', VCPUS, vcpu, `vCPU ${vcpu}`);
  }
  yield named('process_name', MACHINE, undefined, 'machine');
  yield named('thread_name', MACHINE, INTERRUPTS, 'interrupts');
  yield named('thread_name', MACHINE, MILESTONES, 'milestones');
  yield named('thread_name', MACHINE, RECORDER, 'recorder');
  const tracks: Tracks = { devices: new RequestTracks(), guest: new GuestTime() };
  for (const event of profile.events()) yield* translate(profile, event, tracks);
}

interface Tracks {
  readonly devices: RequestTracks;
  /** Of the thread of vCPU 0. */
  readonly guest: GuestTime;
}

function* translate(
  profile: Profile,
  event: ProfileEvent,
  { devices, guest }: Tracks,
): Generator<TraceEvent> {
  switch (event.kind) {
    case 'exit':
      yield* exit(profile, event, guest);
      break;
    case 'interrupt':
      yield {
        ph: 'i',
        s: 't',
        name: `${event.how} 0x${event.vector.toString(16)}`,
        cat: 'interrupt',
        pid: MACHINE,
        tid: INTERRUPTS,
        ts: event.time / 1000,
        args: { vector: event.vector, destination: event.destination },
      };
      break;
    case 'milestone':
      yield {
        ph: 'i',
        s: 'g',
        name: event.name,
        cat: 'milestone',
        pid: MACHINE,
        tid: MILESTONES,
        ts: event.time / 1000,
      };
      break;
    case 'request':
      yield* devices.place(event);
      break;
  }
}

/** Requests of one device may overlap, slices of one track must not: each device has as many tracks as it takes. */
class RequestTracks {
  /** By device, for each of its tracks when the last request there ends. */
  private readonly devices = new Map<string, { readonly id: number; end: number }[]>();
  private count = 0;

  /** @param request those of a profile come by their ends */
  *place({ name, time, durationNs, bytes }: RequestEvent): Generator<TraceEvent> {
    if (this.count === 0) yield named('process_name', DEVICES, undefined, 'device requests');
    const device = name.split(' ', 1)[0];
    let tracks = this.devices.get(device);
    if (!tracks) this.devices.set(device, (tracks = []));
    let track = tracks.find(({ end }) => end <= time);
    if (!track) {
      track = { id: ++this.count, end: 0 };
      tracks.push(track);
      const title = tracks.length === 1 ? device : `${device} (${tracks.length})`;
      yield named('thread_name', DEVICES, track.id, title);
    }
    track.end = time + durationNs;
    yield { ...slice(name, 'request', DEVICES, track.id, time, durationNs), args: { bytes } };
  }
}

function* exit(profile: Profile, event: ExitEvent, guest: GuestTime): Generator<TraceEvent> {
  const point = profile.points[event.point];
  const { time, guestNs, hostNs } = event;
  if (point.site.reason === 'profiler') {
    guest.pause(event);
    yield slice('recorder', 'profiler', MACHINE, RECORDER, time, hostNs);
    return;
  }
  // Further vCPUs of KVM have threads of their own, which the recorder never stops.
  const ownThread = point.vcpu > 0 && profile.meta.accelerator !== 'wasm';
  const stretches: readonly Stretch[] = ownThread ? [[time - guestNs, time]] : guest.before(event);
  for (const [from, to] of stretches)
    if (to > from) yield slice('guest', 'guest', VCPUS, point.vcpu, from, to - from);
  const category = isExit(point.site.reason) ? 'exit' : point.site.reason;
  yield {
    ...slice(siteName(point.site), category, VCPUS, point.vcpu, time, hostNs),
    args: { ...placeOf(profile, point), value: event.value },
  };
}

function placeOf(profile: Profile, point: Point): Readonly<Record<string, string>> {
  if (point.rip === 0n) return {};
  return {
    rip: `0x${point.rip.toString(16)}`,
    function: functionName(profile, lookupAddress(point)),
  };
}

/** A stretch of time on a track. */
function slice(name: string, cat: string, pid: number, tid: number, startNs: number, ns: number): TraceEvent {
  return { ph: 'X', name, cat, pid, tid, ts: startNs / 1000, dur: ns / 1000 };
}

function named(
  what: 'process_name' | 'thread_name',
  pid: number,
  tid: number | undefined,
  name: string,
): TraceEvent {
  return { ph: 'M', name: what, pid, ...(tid !== undefined && { tid }), args: { name } };
}
