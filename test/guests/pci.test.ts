import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { allowedToFail, onEachAccelerator, runGuest, type GuestRun } from './harness.js';
import { failedChecks, guestValue } from './protocol.js';

/** What a KVM without hardware virtualization does otherwise: it may deliver a level that is down by then once more. */
const NOT_ON_EMULATING_KVM = ['pin-read-deasserts', 'shared-none-left'];
const CHECKS = 165;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsvmm-pci-'));
  await writeFile(join(folder, 'disk.img'), new Uint8Array(64 * 1024));
});

afterEach(() => rm(folder, { recursive: true }));

onEachAccelerator('PCI as a guest drives it', accel => {
  /** Devices in slots 2 to 5: the first and the last share an interrupt. */
  const devices = () => ({
    disks: [{}, { vectors: 0 }, {}].map(disk => ({
      file: join(folder, 'disk.img'),
      readOnly: true,
      ...disk,
    })),
    rng: true,
  });

  const expectSuccess = ({ report, text }: GuestRun): void => {
    expect(report.ended, text).toBe(true);
    expect(report.checks).toHaveLength(CHECKS);
    expect(allowedToFail(accel, NOT_ON_EMULATING_KVM), text).toEqual(
      expect.arrayContaining(failedChecks(report)),
    );
  };

  test('configuration space, base addresses, the command register, MSI-X and interrupt pins', async () => {
    const run = await runGuest('pci.elf', { accel, ...devices() });
    expectSuccess(run);
    const { report } = run;
    expect(guestValue(report, 'ecam')).toBe('0xe0000000');
    expect(guestValue(report, 'host-bridge')).toBe('0x12751275');
    expect(guestValue(report, 'isa-bridge')).toBe('0x70008086');
  });

  test('with several processors, and AMD’s host bridge', async () => {
    const machine = { type: 'pc', hostBridge: 'amd_hostbridge' } as const;
    const run = await runGuest('pci.elf', { accel, cpus: 2, machine, ...devices() });
    expectSuccess(run);
    expect(guestValue(run.report, 'host-bridge')).toBe('0x74321022');
  });
});
