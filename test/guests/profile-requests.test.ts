import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMachine, type MachineOptions, type ProfileEvent } from 'tsvmm';
import { guestPath, onEachAccelerator } from './harness.js';
import { Peer } from './net-peer.js';

const SECTOR = 512;
const HEADER = 16;
const STATUS = 1;
const RANGE = 16;
const ETHERNET_IP_UDP = 42;
/** Of a modern network device (virtio 1.3, 5.1.6). */
const NET_HEADER = 12;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-requests-'));
});

afterEach(() => rm(folder, { recursive: true }));

onEachAccelerator('recorded requests', accel => {
  const record = async (kernel: string, options: Partial<MachineOptions>, during?: () => Promise<void>) => {
    const machine = await createMachine({
      kernel: guestPath(kernel),
      accel,
      recording: {},
      timeoutMs: 60_000,
      ...options,
    });
    const events: ProfileEvent[] = [];
    machine.recording!.onEvents(more => void events.push(...more));
    const run = machine.run();
    await Promise.race([run, during?.()]);
    const result = await run;
    await machine.close();
    expect(result, machine.serial.text).toMatchObject({ reason: 'exit', status: 0 });
    const requests = events.filter(event => event.kind === 'request');
    const counted = machine.recording!.requests();
    expect(counted.reduce((sum, { count }) => sum + count, 0)).toBe(requests.length);
    for (const { name, count, bytes, ns, maxNs, histogram } of counted) {
      const logged = requests.filter(request => request.name === name);
      expect([count, bytes]).toEqual([
        logged.length,
        logged.reduce((sum, request) => sum + request.bytes, 0),
      ]);
      expect(ns).toBeCloseTo(logged.reduce((sum, { durationNs }) => sum + durationNs, 0));
      expect(maxNs).toBe(Math.max(...logged.map(({ durationNs }) => durationNs)));
      expect([...histogram.values()].reduce((sum, n) => sum + n, 0)).toBe(count);
    }
    const { points } = machine.recording!;
    const notified = new Set(
      events.flatMap(event =>
        event.kind === 'exit' && points[event.point].site.register.startsWith('queue_notify')
          ? [event.time]
          : [],
      ),
    );
    // A packet is received without one.
    for (const { name, time } of requests)
      expect(notified.has(time) || name.endsWith(' receive'), name).toBe(true);
    for (const { time, durationNs } of requests) {
      expect(durationNs).toBeGreaterThanOrEqual(0);
      expect(time + durationNs).toBeLessThanOrEqual(result.elapsedMs * 1e6);
    }
    const milestones = events.filter(event => event.kind === 'milestone').map(({ name }) => name);
    return { requests: requests.map(({ name, bytes }) => `${name} ${bytes}`), milestones };
  };

  test('of a disk and a source of entropy are those that guests/virtio.c makes', async () => {
    const file = join(folder, 'disk.img');
    await writeFile(file, new Uint8Array(2048 * SECTOR));
    const { requests } = await record('virtio.elf', {
      append: 'interface=modern interrupt=msix disk-write=1',
      disks: [{ file, serial: 'DISK-1' }],
      rng: true,
    });
    const transfer = HEADER + 2 * SECTOR + STATUS;
    const range = HEADER + RANGE + STATUS;
    expect(requests).toEqual([
      `virtio-blk0 read ${transfer}`,
      `virtio-blk0 write zeroes ${range}`,
      `virtio-blk0 read ${transfer}`,
      `virtio-blk0 write zeroes ${range}`,
      `virtio-blk0 read ${transfer}`,
      `virtio-blk0 discard ${range}`,
      `virtio-blk0 write zeroes ${range}`,
      `virtio-blk0 discard ${range}`,
      `virtio-blk0 write ${transfer}`,
      `virtio-blk0 read ${transfer}`,
      `virtio-blk0 flush ${HEADER + STATUS}`,
      // Beyond the end: nothing is written in front of the status.
      `virtio-blk0 read ${HEADER}`,
      `virtio-blk0 get id ${HEADER + 20 + STATUS}`,
      'virtio-rng0 fill 64',
    ]);
  });

  test('of a network card are its packets, the first of which are milestones', async () => {
    const peer = new Peer();
    const sizes = [10, 700, 33];
    const { requests, milestones } = await record(
      'net.elf',
      {
        append: `interface=modern interrupt=msix frames=${sizes.length}`,
        networks: [{ type: 'custom', backend: peer }],
      },
      async () => {
        for (const size of sizes) await peer.send(new Uint8Array(size));
      },
    );
    const datagrams = (what: string): string[] =>
      sizes.map(size => `virtio-net0 ${what} ${NET_HEADER + ETHERNET_IP_UDP + size}`);
    expect(requests).toEqual(expect.arrayContaining([...datagrams('receive'), ...datagrams('send')]));
    expect(milestones.filter(name => name.startsWith('virtio-net0'))).toEqual([
      'virtio-net0 driver_ok',
      'virtio-net0 first packet sent',
      'virtio-net0 first packet received',
    ]);
  });
});
