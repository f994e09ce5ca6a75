import { describe, expect, test } from 'vitest';
import { createMachine, readProfile, RecordingFile } from 'tsvmm';
import type { Machine, MachineOptions, RunResult } from 'tsvmm';
import { Symbols } from '../../src/vmm/boot/symbols.js';
import { lookupAddress, frameAddress, type Point, type ProfileEvent } from '../../src/profile/format.js';
import { readFileSync } from 'node:fs';
import { ACCELERATORS, guestPath, onEachAccelerator, type TestAccelerator } from './harness.js';

const KERNEL = guestPath('profile.elf');
const N = 10;

/** What guests/profile.c does: exits by function, register and direction. */
const EXPECTED: Readonly<Record<string, number>> = {
  'write_ports post-code POST_CODE write 1': 5 * N,
  'read_rtc rtc INDEX write 1': 2 * N,
  'read_rtc rtc REG_D read 1': 2 * N,
  'read_nobody   read 2': 3 * N,
  'write_mmio ioapic IOREGSEL write 4': N,
  'read_mmio ioapic IOAPICID read 4': 4 * N,
  'innermost post-code POST_CODE read 1': 7 * N,
  'marker debug-console DATA write 1': 'begin\ncounted\n'.length,
};

interface Recorded {
  readonly machine: Machine;
  readonly result: RunResult;
  readonly events: readonly ProfileEvent[];
}

async function record(accel: TestAccelerator, options: Partial<MachineOptions> = {}): Promise<Recorded> {
  const machine = await createMachine({
    kernel: KERNEL,
    accel,
    append: `n=${N}`,
    recording: {},
    timeoutMs: 60_000,
    ...options,
  });
  const events: ProfileEvent[] = [];
  machine.recording!.onEvents(more => void events.push(...more));
  const result = await machine.run();
  await machine.close();
  expect(result).toMatchObject({ reason: 'exit', status: 0 });
  return { machine, result, events };
}

const symbols = Symbols.fromElf(readFileSync(KERNEL));

function functionOf(point: Point): string {
  return symbols.lookup(lookupAddress(point))?.name ?? '?';
}

/** Counts by function and register, of the functions that the guest makes its known exits from. */
function countsByFunction(
  points: readonly Point[],
  count: (point: number) => number,
): Record<string, number> {
  const counts: Record<string, number> = {};
  points.forEach((point, i) => {
    const { device, register, direction, size } = point.site;
    const key = `${functionOf(point)} ${device} ${register} ${direction} ${size}`;
    if (key in EXPECTED) counts[key] = (counts[key] ?? 0) + count(i);
  });
  return counts;
}

onEachAccelerator('recorded exits', accel => {
  test('are as many as the guest makes, from the functions that make them', async () => {
    const { machine, result, events } = await record(accel);
    const recording = machine.recording!;
    const totals = recording.totals();
    expect(countsByFunction(recording.points, point => totals[point].count)).toEqual(EXPECTED);

    // The log says the same one by one.
    const logged = events.filter(event => event.kind === 'exit');
    const ofLog = countsByFunction(recording.points, i => logged.filter(({ point }) => point === i).length);
    expect(ofLog).toEqual(EXPECTED);
    expect(recording.lostEvents).toBe(0);

    const notExits = ['signal', 'machine', 'idle', 'profiler'];
    const counted = recording.points.reduce(
      (sum, { site }, i) => (notExits.includes(site.reason) ? sum : sum + totals[i].count),
      0,
    );
    expect(counted).toBe(result.exits);
    totals.forEach(({ count, histogram }) =>
      expect([...histogram.values()].reduce((sum, exits) => sum + exits, 0)).toBe(count),
    );
  });

  test('have values', async () => {
    const { machine, events } = await record(accel);
    const { points } = machine.recording!;
    const values = events
      .filter(event => event.kind === 'exit')
      .filter(({ point }) => points[point].site.register === 'REG_D')
      .map(({ value }) => value);
    // Register D: valid RAM and time (MC146818A).
    expect(values).toEqual(Array.from({ length: 2 * N }, () => 0x80));
  });

  test('have times that add up to those of the run', async () => {
    // Long enough that the start does not count.
    const { machine, result } = await record(accel, { append: `n=${accel === 'kvm' ? 100 : 1000}` });
    const sum = machine.recording!.totals().reduce((ns, { guestNs, hostNs }) => ns + guestNs + hostNs, 0);
    expect(sum / 1e6 / result.elapsedMs).toBeGreaterThan(0.98);
    expect(sum / 1e6 / result.elapsedMs).toBeLessThan(1.02);
  });

  test('have call stacks by frame pointers', async () => {
    const { machine } = await record(accel, { recording: { stacks: 'all' } });
    const recording = machine.recording!;
    const counts = new Map<string, number>();
    for (const { point, stack, count } of recording.stackTotals()) {
      const frames = recording.stacks[stack];
      const names = frames.map(
        (_, i) => symbols.lookup(frameAddress(frames, i, recording.points[point]))?.name,
      );
      if (names[0] !== 'innermost' || recording.points[point].site.reason !== 'pio') continue;
      const key = names.slice(0, 3).join(' < ');
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
    expect(counts).toEqual(
      new Map([
        ['innermost < from_one < kmain', 6 * N],
        ['innermost < from_another < kmain', N],
      ]),
    );
  });

  test('are the same in a file', async () => {
    await using machine = await createMachine({ kernel: KERNEL, accel, append: `n=${N}`, recording: {}, timeoutMs: 60_000 });
    
    const pieces: Uint8Array[] = [];
    const file = new RecordingFile(
      machine.recording!,
      {
        tsvmm: '0',
        created: new Date(0).toISOString(),
        kernel: KERNEL,
        commandLine: '',
        bootProtocol: machine.bootProtocol.name,
        accelerator: accel,
        cpus: 1,
        memoryBytes: machine.memory.size,
        icount: false,
        stacks: 'sampled',
        samplePeriod: 0,
      },
      bytes => pieces.push(bytes),
    );
    const result = await machine.run();
    file.finish(
      {
        reason: result.reason,
        status: result.status,
        wallNs: result.elapsedMs * 1e6,
        exits: result.exits,
        lostEvents: 0,
        mergedExits: 0,
        notes: [],
      },
      { images: [], symbols: new Map() },
      machine.recording!.interrupts(),
    );
    const profile = readProfile(Buffer.concat(pieces));
    expect(countsByFunction(profile.points, i => profile.totals[i].count)).toEqual(EXPECTED);
    const exits = [...profile.events()].filter(event => event.kind === 'exit');
    expect(countsByFunction(profile.points, i => exits.filter(({ point }) => point === i).length)).toEqual(EXPECTED);
    expect(profile.stackTotals.every(({ stack }) => profile.stacks[stack].length > 0)).toBe(true);
    expect(profile.end).toMatchObject({ reason: 'exit', exits: result.exits });
  }); // prettier-ignore

  test('have the milestones that the guest writes', async () => {
    const { events } = await record(accel);
    const milestones = events.filter(event => event.kind === 'milestone');
    expect(milestones.map(({ name }) => name)).toEqual([
      'first guest instruction',
      'begin',
      'POST code 0x5a',
      'counted',
      'com1 first byte',
    ]);
    const times = milestones.map(({ time }) => time);
    expect(times.toSorted((a, b) => a - b)).toEqual(times);
  });
});

// Not in the machine of the KVM tests, which has neither time nor memory for it.
describe.runIf((ACCELERATORS as readonly string[]).includes('wasm'))('the log of exits', () => {
  test('has every event where the guest waits for its reader', async () => {
    const { machine, result, events } = await record('wasm', {
      append: 'n=8000',
      recording: { lossless: true, stacks: 'none' },
    });
    expect(result.exits).toBeGreaterThan(150_000);
    expect(machine.recording!.lostEvents).toBe(0);
    const exits = events.filter(event => event.kind === 'exit');
    const totals = machine.recording!.totals().reduce((sum, { count }) => sum + count, 0);
    expect(exits.length).toBe(totals);
  });
});

onEachAccelerator('call stacks of code without frame pointers', accel => {
  const path = guestPath('frames.elf');
  const whole = readFileSync(path);
  /** Without the name of the section nothing finds it. */
  const bare = Buffer.from(whole.toString('latin1').replace('.eh_frame\0', '.nothing\0'), 'latin1');

  test.each([
    ['the kernel tells', whole, []],
    ['a debug file tells', bare, [path]],
  ])('are those that call frame information of %s', async (_name, kernel, debugFiles) => {
    const { machine } = await record(accel, { kernel, recording: { stacks: 'all', debugFiles } });
    const functions = Symbols.fromElf(whole);
    const recording = machine.recording!;
    const { points, stacks } = recording;
    const counts = new Map<string, number>();
    for (const { point, stack, count } of recording.stackTotals()) {
      const names = stacks[stack].map(
        (_, i) => functions.lookup(frameAddress(stacks[stack], i, points[point]))?.name ?? '?',
      );
      if (names[0] !== 'leaf' || points[point].site.reason !== 'pio') continue;
      const path = names.slice(0, names.indexOf('kmain') + 1).join(' < ');
      counts.set(path, (counts.get(path) ?? 0) + count);
    }
    const recursive = Array.from({ length: 6 }, () => 'recursive').join(' < ');
    expect(Object.fromEntries(counts)).toEqual(
      Object.fromEntries(
        ['large', 'variable', 'aligned', 'many', recursive].map(by => [
          `leaf < ${by} < with_decoy < kmain`,
          N,
        ]),
      ),
    );
  });
});

onEachAccelerator('exits of several vCPUs', accel => {
  const CPUS = 3;
  const UNIT = 400;

  test('are those that each of them makes, and their times add up to the run', async () => {
    const kernel = guestPath('smp-exits.elf');
    const { machine, result } = await record(accel, { kernel, cpus: CPUS, append: `n=${UNIT}` });
    const functions = Symbols.fromElf(readFileSync(kernel));
    const recording = machine.recording!;
    const totals = recording.totals();
    const counts = new Array<number>(CPUS).fill(0);
    const times = new Array<number>(CPUS).fill(0);
    recording.points.forEach((point, i) => {
      const { count, guestNs, hostNs } = totals[i];
      times[point.vcpu] += guestNs + hostNs;
      const name = functions.lookup(lookupAddress(point))?.name;
      if (name === 'make_exits' && point.site.register === 'POST_CODE') counts[point.vcpu] += count;
    });
    expect(counts).toEqual([UNIT, 2 * UNIT, 3 * UNIT]);
    // vCPUs of KVM run beside each other, those of the software CPU in turn on one thread.
    const clocks = accel === 'kvm' ? times : [times.reduce((sum, ns) => sum + ns, 0)];
    const shares = clocks.map(ns => ns / 1e6 / result.elapsedMs);
    expect(Math.min(...shares), shares.join(', ')).toBeGreaterThan(0.98);
    expect(Math.max(...shares), shares.join(', ')).toBeLessThan(1.02);
  });
});

onEachAccelerator('sleep of a guest', accel => {
  test('is idle time, not time in the guest', async ({ skip }) => {
    await using machine = await createMachine({
      kernel: guestPath('idle.elf'),
      accel,
      recording: {},
      timeoutMs: 1500,
    });
    const result = await machine.run();
    expect(result.reason).toBe('timeout');
    if (accel === 'kvm' && result.counters?.['KVM halt_wait_ns'] === undefined)
      return skip('this KVM does not tell how long vCPUs are halted');
    const recording = machine.recording!;
    const totals = recording.totals();
    const sum = (of: (i: number) => number): number => totals.reduce((ns, _, i) => ns + of(i), 0);
    const idle = sum(i => (recording.points[i].site.reason === 'idle' ? totals[i].hostNs : 0));
    const guest = sum(i => totals[i].guestNs);
    // It does nothing else from its first check on.
    expect(idle).toBeGreaterThan(guest);
    expect(sum(i => totals[i].guestNs + totals[i].hostNs) / 1e6 / result.elapsedMs).toBeCloseTo(1, 1);
  });
});
