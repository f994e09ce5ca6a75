import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEVICE_CLAUSES, deviceReport, type DeviceRun } from '../../conformance/device/device-report.js';
import { differences, differencesText } from '../../conformance/device/differences.js';
import { parseFindings } from '../../conformance/device/findings.js';
import { DISK_BYTES, type ConformanceProgram } from '../../conformance/device/programs.js';
import { ConfigError } from '../../errors.js';
import { nodeHost } from '../../host/node-host.js';
import { runQemu } from '../../host/run-qemu.js';
import { Machine } from '../../vmm/machine/machine.js';
import { Interruption } from '../interruption.js';
import { writeStdout } from '../output.js';
import { tell } from '../report-error.js';
import { version } from '../version.js';
import { deliverReport, readBaseline } from './deliver-report.js';
import type { DeviceFlags } from './device.js';

/** From dist/bundle. */
const OWN_GUESTS = new URL('../../guests/build/conformance', import.meta.url);

type Disks = readonly [string, string];

/**
 * Runs the programs on tsvmm, and on QEMU where that is asked for, and tells what was found.
 * @throws ConfigError, AcceleratorError, OutputError
 */
export async function checkDevices(
  programs: readonly ConformanceProgram[],
  flags: DeviceFlags,
): Promise<void> {
  const baseline = await readBaseline(flags, DEVICE_CLAUSES);
  const guests = flags.guests ?? fileURLToPath(OWN_GUESTS);
  const missing = programs.find(({ name }) => !existsSync(kernelOf(guests, name)));
  if (missing) {
    throw new ConfigError(`there is no ${kernelOf(guests, missing.name)}: build the guests (npm run guests)`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'tsvmm-conformance-'));
  let running: Machine | undefined;
  const interruption = new Interruption(() => void running?.stop());
  interruption.listenToSignals();
  const ours: DeviceRun[] = [];
  const theirs: DeviceRun[] = [];
  try {
    for (const program of programs) {
      if (interruption.happened) break;
      const kernel = kernelOf(guests, program.name);
      if (flags.verbose) tell(`${program.name} on tsvmm`);
      running = await Machine.create(optionsOf(program, kernel, makeDisks(folder), flags), nodeHost);
      const { reason } = await running.run();
      ours.push(runOf(program, running.serial.text, reason === 'exit', reason));
      await running.close();
      if (flags.against === undefined || interruption.happened) continue;
      if (flags.verbose) tell(`${program.name} on QEMU`);
      const { qemu, timeout: timeoutMs } = flags;
      const { text, ended } = await runQemu({
        qemu,
        kernel,
        bus: program.bus,
        disks: makeDisks(folder),
        timeoutMs,
      });
      theirs.push(runOf(program, text, ended, ended ? 'exit' : 'timeout'));
    }
  } finally {
    await running?.close();
    interruption.ignoreSignals();
    rmSync(folder, { recursive: true });
  }
  const report = deviceReport({ subject: 'tsvmm', version: version() }, ours);
  await deliverReport(report, flags, baseline);
  if (flags.against !== undefined) {
    const other = deviceReport({ subject: 'QEMU', version: version() }, theirs);
    const text = differencesText(differences(report, other), 'tsvmm', 'QEMU');
    // A report in a format for machines stays one.
    if (flags.json || flags.sarif || flags.tap) tell(text.trimEnd());
    else await writeStdout(`\n${text}`);
  }
  if (interruption.status !== undefined) process.exitCode = interruption.status;
}

function kernelOf(guests: string, name: string): string {
  return join(guests, `${name}.elf`);
}

/** Two disks as every program finds them: nothing that one wrote is there for the next. */
function makeDisks(folder: string): Disks {
  const disks = [join(folder, 'disk.img'), join(folder, 'read-only.img')] as const;
  for (const disk of disks) {
    writeFileSync(disk, Buffer.alloc(4096, 'conformance '));
    truncateSync(disk, DISK_BYTES);
  }
  return disks;
}

function optionsOf(
  { bus }: ConformanceProgram,
  kernel: string,
  [disk, readOnly]: Disks,
  { accel, timeout }: DeviceFlags,
): Parameters<typeof Machine.create>[0] {
  const common = { kernel, accel, memory: '256M', timeoutMs: timeout, rng: true };
  if (bus === 'mmio') return { ...common, pci: false };
  return {
    ...common,
    hpet: true,
    serialPorts: 2,
    disks: [{ file: disk }, { file: readOnly, readOnly: true }],
    networks: [
      { type: 'hub', name: 'conformance', queues: 2, mtu: 1500 },
      { type: 'hub', name: 'conformance' },
    ],
    consoles: [{}],
  };
}

function runOf({ name }: ConformanceProgram, text: string, ended: boolean, end: string): DeviceRun {
  const findings = parseFindings(text);
  const ok = ended && findings.complete;
  return { run: { name, end: ok || !ended ? end : 'incomplete output', ok }, findings };
}
