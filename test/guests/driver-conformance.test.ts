import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMachine } from 'tsvmm';
import { driverReport, driverRun } from '../../src/conformance/driver/driver-report.js';
import {
  BROKEN,
  BROKEN_CHIPS,
  clauseOf,
  CORRECT,
  machineOf,
  PROVOKED,
  type DriverSetup,
} from './broken-drivers.js';
import { ACCELERATORS, guestPath } from './harness.js';

let folder: string;
let disks = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-drivers-'));
});

afterAll(() => rm(folder, { recursive: true }));

/** Runs guests/drivers, and tells how it ended and which clauses it broke. */
async function drive(setup: DriverSetup, broken?: string, strict = false) {
  // Machines run beside each other, and a disk is one machine's.
  const disk = join(folder, `disk${disks++}`);
  if (setup.device === 'blk') {
    await writeFile(disk, '');
    await truncate(disk, 1 << 20);
  }
  await using machine = await createMachine({
    kernel: guestPath('drivers.elf'),
    timeoutMs: 60_000,
    ...machineOf(setup, disk, broken, strict),
  });
  const result = await machine.run();
  const findings = await machine.driverFindings();
  const run = driverRun(setup.variant ?? 'split-ring', result, true, findings);
  const { results } = driverReport({ subject: 'drivers.elf', version: '' }, [run]);
  return { end: run.run.end, text: machine.serial.text, clauses: findings.clauses, results };
}

/** What a report says of a clause, of one run with a driver that breaks it, or with the one that keeps all. */
async function verdictOn(id: string, setup: DriverSetup, broken?: string) {
  const { results } = await (broken === undefined ? driveCorrectly(setup) : drive(setup, broken, true));
  return results.find(({ clause }) => clause.id === clauseOf(id))?.verdict;
}

const correctRuns = new Map<string, ReturnType<typeof drive>>();

/** The same run serves all clauses that it provokes. */
function driveCorrectly(setup: DriverSetup): ReturnType<typeof drive> {
  const key = JSON.stringify({ ...setup, want: String(setup.want) });
  const run = correctRuns.get(key) ?? drive(setup, undefined, true);
  correctRuns.set(key, run);
  return run;
}

// A rule is broken or kept whatever executes the driver: the software CPU is enough.
describe.skipIf(!(ACCELERATORS as readonly string[]).includes('wasm'))('checking drivers', () => {
  test.concurrent.each(Object.entries(CORRECT))(
    'finds nothing wrong with a correct driver: %s',
    async (_name, setup) => {
      const { end, text, clauses } = await drive(setup, undefined, true);
      const alarms = clauses.flatMap(({ id, violations }) => violations.map(({ what }) => `${id}: ${what}`));
      expect(alarms).toEqual([]);
      expect(clauses.some(({ checks }) => checks > 0)).toBe(true);
      expect(end, text).toBe('exit 0');
    },
  );

  test.concurrent.each(Object.entries(BROKEN))('finds a driver that breaks %s', async (id, setup) => {
    const { end, clauses } = await drive(setup, id);
    const found = clauses.find(clause => clause.id === clauseOf(id));
    expect(
      found?.violations.length,
      JSON.stringify(clauses.filter(({ violations }) => violations.length > 0).map(clause => clause.id)),
    ).toBeGreaterThan(0);
    expect(end).toBe('exit 0');
  });

  test('finds each rule of a chip that a driver breaks', async () => {
    const [[, setup]] = Object.entries(BROKEN_CHIPS);
    const ids = Object.keys(BROKEN_CHIPS);
    const { end, clauses } = await drive(setup, ids.join(','), true);
    const broken = clauses.filter(({ violations }) => violations.length > 0).map(({ id }) => id);
    expect(broken.sort()).toEqual(ids.sort());
    expect(end).toBe('exit 0');
  });

  test.concurrent.each(Object.entries(PROVOKED))('provokes a driver that breaks %s', async (id, setup) => {
    const correct = await verdictOn(id, setup);
    const broken = await verdictOn(id, setup, id);
    expect({ correct, broken }).toEqual({ correct: 'PASS', broken: 'FAIL' });
  });
});
