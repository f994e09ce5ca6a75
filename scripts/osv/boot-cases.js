import { check } from '../cases/errors.js';
import { output, withMachine } from '../cases/machine.js';
import { checkCpus, checkEnd } from './machine.js';

/** @import { Machine, MachineOptions } from 'tsvmm' */
/** @import { FileKey, Files } from './files.js' */

/**
 * What a case runs with.
 *
 * @typedef {object} Context
 * @property {Files} files
 * @property {'wasm' | 'kvm'} accel
 * @property {number} timeoutMs of a boot
 * @property {number} loadMs how long a server is under load
 * @property {number} bulk bytes of a large answer and of a large request
 *
 * One row of the matrix.
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {readonly FileKey[]} needs
 * @property {(context: Context) => Promise<string>} run says what was seen; throws `CheckFailed`
 */

const SAYS = 'Hello from C code\n';
const CPU_COUNTS = [1, 4];
const PCI_KINDS = /** @type {const} */ (['legacy', 'transitional', 'modern']);
const RAMFS = '--verbose --rootfs=ramfs /hello';
const ROFS = '--verbose --rootfs=rofs /hello';
/** General configuration register: the main counter runs (IA-PC HPET specification 1.0a, 2.3.5). */
const HPET_ENABLED = 1;
/** MSR of KVM's clock of a vCPU; bit 0: it is kept up to date (Linux, Documentation/virt/kvm/x86/msr.rst). */
const KVM_SYSTEM_TIME = 0x4b56_4d01;

/**
 * @param {string} name
 * @param {FileKey} kernel
 * @param {Omit<MachineOptions, 'kernel'>} options
 * @param {{ disk?: { readonly key: FileKey, readonly interface?: import('tsvmm').DiskOption['interface'] }, also?: (machine: Machine) => Promise<void> }} [more]
 * @returns {Case}
 */
function bootCase(name, kernel, options, { disk, also } = {}) {
  const { cpus = 1 } = options;
  return {
    name: `${name}, ${cpus} vCPU${cpus === 1 ? '' : 's'}`,
    needs: disk === undefined ? [kernel] : [kernel, disk.key],
    async run({ files, accel, timeoutMs }) {
      const all = {
        ...options,
        accel,
        timeoutMs,
        kernel: files.path(kernel),
        ...(disk && {
          disks: [
            {
              file: files.path(disk.key),
              snapshot: true,
              ...(disk.interface && { interface: disk.interface }),
            },
          ],
        }),
      };
      return withMachine(all, async (machine, run) => {
        const result = await run;
        check(
          output(machine).includes(SAYS),
          `the application said nothing; the run ended by ${result.reason}`,
        );
        checkCpus(machine, cpus);
        checkEnd(result, options);
        await also?.(machine);
        return `${Math.round(result.elapsedMs)} ms, ${result.exits} exits`;
      });
    },
  };
}

/** @param {Machine} machine */
async function usedHpet(machine) {
  const { config } = /** @type {{ config: number }} */ (await machine.device('hpet'));
  check((config & HPET_ENABLED) !== 0, 'the HPET was never started');
}

/** @param {Machine} machine */
async function usedKvmclock(machine) {
  const { msrs } = await machine.vcpu();
  const clock = msrs?.get(KVM_SYSTEM_TIME) ?? 0n;
  check((clock & 1n) !== 0n, "KVM's clock was never started");
}

/** By each protocol, from the file system within the kernel. */
const protocols = CPU_COUNTS.flatMap(cpus => [
  bootCase('PVH, ramfs', 'ramfsHello', { boot: 'pvh', cpus, append: RAMFS }),
  bootCase('Linux 64-bit, ramfs', 'ramfsHello', { boot: 'linux-elf', cpus, append: RAMFS }),
  bootCase('vmlinuz.bin by Linux 32-bit, ramfs', 'ramfsHelloVmlinuz', {
    boot: 'linux32',
    cpus,
    append: RAMFS,
  }),
]);

const microvm = /** @type {const} */ ({ machine: 'microvm' });

/** From a disk, by each kind of virtio block device. */
const disks = CPU_COUNTS.flatMap(cpus => [
  ...PCI_KINDS.map(kind =>
    bootCase(
      `ROFS, ${kind} PCI`,
      'kernel',
      { cpus, append: ROFS },
      { disk: { key: 'helloDisk', interface: kind } },
    ),
  ),
  bootCase(
    'ROFS, MMIO beside PCI',
    'kernel',
    { cpus, append: ROFS },
    { disk: { key: 'helloDisk', interface: 'mmio' } },
  ),
  bootCase(
    'ROFS, modern PCI, Linux 64-bit',
    'kernel',
    { boot: 'linux-elf', cpus, append: ROFS },
    { disk: { key: 'helloDisk', interface: 'modern' } },
  ),
  bootCase(
    'ROFS, modern PCI, vmlinuz.bin',
    'vmlinuz',
    { boot: 'linux32', cpus, append: ROFS },
    { disk: { key: 'helloDisk', interface: 'modern' } },
  ),
  bootCase(
    'ROFS, microvm with ACPI',
    'kernel',
    { ...microvm, cpus, append: `--nopci ${ROFS}` },
    { disk: { key: 'helloDisk' } },
  ),
  bootCase(
    'ROFS, microvm without ACPI',
    'kernel',
    { ...microvm, acpi: false, cpus, append: `--nopci ${ROFS}` },
    { disk: { key: 'helloDisk' } },
  ),
  bootCase(
    'ROFS, PC without ACPI',
    'kernel',
    { acpi: false, cpus, append: ROFS },
    { disk: { key: 'helloDisk' } },
  ),
]);

/** With one clock alone. */
const clocks = CPU_COUNTS.flatMap(cpus => [
  bootCase(
    'HPET alone, 64-bit',
    'ramfsHello',
    { cpus, cpu: { kvm: false }, append: RAMFS },
    { also: usedHpet },
  ),
  bootCase(
    'HPET alone, 32-bit',
    'ramfsHello',
    { cpus, cpu: { kvm: false }, hpet: { width: 32 }, append: RAMFS },
    { also: usedHpet },
  ),
  bootCase('kvmclock alone', 'ramfsHello', { cpus, hpet: false, append: RAMFS }, { also: usedKvmclock }),
]);

export const bootCases = [...protocols, ...disks, ...clocks];
