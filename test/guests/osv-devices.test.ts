import { test } from 'vitest';
import { bootCases, type Case } from '../../scripts/osv/boot-cases.js';
import { Files } from '../../scripts/osv/files.js';
import { serverCases } from '../../scripts/osv/server-cases.js';
import { SLOW, faithful, onEachAccelerator } from './harness.js';

/** Enough to go round a ring; in npm run test:kvm each frame takes milliseconds. */
const BULK = 256 << 10;
/** So long may a boot and a load take there, with a busy host under it. */
const PATIENCE_MS = 600_000;
const HOW = 'TSVMM_OSV_FILES is not set: docs/booting-osv.md tells what the folder has';

/** Of the cases of scripts/test-osv.js one for each way in: protocol, file system, kind of device; on 1 and 4 vCPUs. */
const CHOSEN = [
  'PVH, ramfs',
  'Linux 64-bit, ramfs',
  'vmlinuz.bin by Linux 32-bit, ramfs',
  'ROFS, legacy PCI',
  'ROFS, modern PCI',
  'ROFS, microvm with ACPI',
  'HTTP and echo server, legacy PCI',
  'HTTP and echo server, modern PCI',
];

function chosenCases(): readonly Case[] {
  const names = CHOSEN.flatMap(name => [`${name}, 1 vCPU`, `${name}, 4 vCPUs`]);
  return names.map(name => {
    const found = [...bootCases, ...serverCases].find(candidate => candidate.name === name);
    if (!found) throw new Error(`scripts/osv has no case "${name}"`);
    return found;
  });
}

const folder = process.env['TSVMM_OSV_FILES'];

onEachAccelerator('OSv, application in ramfs and on disks, servers in it', accel => {
  for (const { name, needs, run } of chosenCases()) {
    test(name, { timeout: 2 * PATIENCE_MS }, async ({ skip }) => {
      if (!faithful(accel)) return skip(SLOW);
      if (!folder) return skip(HOW);
      const files = new Files(folder);
      const missing = files.missing(needs);
      if (missing.length > 0) return skip(`${folder} has no ${missing.join(', ')}`);
      // The case itself throws where the guest does not do what it should.
      await run({ files, accel, timeoutMs: PATIENCE_MS, loadMs: 0, bulk: BULK });
    });
  }
});
