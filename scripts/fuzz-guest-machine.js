// The machine of guests/fuzz: each kind of device, by each way that leads to it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {Omit<import('tsvmm').MachineOptions, 'kernel'>} Options */

const INTERFACES = /** @type {const} */ (['transitional', 'modern', 'legacy', 'mmio', 'mmio-legacy']);
const DISK_BYTES = 64 << 10;
const TIMEOUT_MS = 600_000;

/**
 * @param {object} run
 * @param {string} run.folder where its disks are made
 * @param {'kvm' | 'wasm'} run.accel
 * @param {number} run.seed
 * @param {number} run.operations
 * @param {boolean} [run.counted] time is counted in instructions: all that happens follows from the seed, and so there
 *   is nobody at the other end of the cables
 * @returns {Options}
 */
export function fuzzMachine({ folder, accel, seed, operations, counted = false }) {
  const disks = INTERFACES.map(kind => {
    const file = join(folder, `${kind}.img`);
    writeFileSync(file, new Uint8Array(DISK_BYTES));
    return { file, interface: kind };
  });
  return {
    accel,
    memory: '64M',
    append: `seed=${seed} operations=${operations}`,
    hpet: true,
    serialPorts: 4,
    rng: true,
    disks,
    networks: INTERFACES.map((kind, i) => ({
      interface: kind,
      queues: i === 0 ? 2 : 1,
      ...(counted ? { type: 'none' } : { type: 'hub', name: 'fuzz' }),
    })),
    consoles: [{}, {}],
    timeoutMs: TIMEOUT_MS,
    ...(counted && { icount: { shift: 6 } }),
  };
}
