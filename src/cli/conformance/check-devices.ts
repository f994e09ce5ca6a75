import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEVICE_CLAUSES, deviceReport, type DeviceRun } from '../../conformance/device/device-report.js';
import { differences, differencesText } from '../../conformance/device/differences.js';
import { parseFindings } from '../../conformance/device/findings.js';
import {
  DISK_BYTES,
  GUEST_REQUEST,
  RESIZE_STEP,
  type ConformanceProgram,
} from '../../conformance/device/programs.js';
import { ConfigError } from '../../errors.js';
import { nodeHost } from '../../host/node-host.js';
import { runQemu } from '../../host/run-qemu.js';
import type { NetBackend, NetCard } from '../../net/backend.js';
import { Hub } from '../../net/hub.js';
import { Machine } from '../../vmm/machine/machine.js';
import { SerialWaitError } from '../../vmm/machine/serial-port.js';
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
  const missing = programs.map(program => kernelOf(guests, program)).find(kernel => !existsSync(kernel));
  if (missing) throw new ConfigError(`there is no ${missing}: build the guests (npm run guests)`);
  const folder = mkdtempSync(join(tmpdir(), 'tsvmm-conformance-'));
  let running: Machine | undefined;
  const interruption = new Interruption(() => void running?.stop());
  interruption.listenToSignals();
  const ours: DeviceRun[] = [];
  const theirs: DeviceRun[] = [];
  try {
    for (const program of programs) {
      if (interruption.happened) break;
      const kernel = kernelOf(guests, program);
      if (flags.verbose) tell(`${program.name} on tsvmm`);
      const segment = new Segment();
      const options = optionsOf(program, kernel, makeDisks(folder), segment, flags);
      running = await Machine.create(options, nodeHost);
      const answering = answerGuest(running, segment);
      const { reason } = await running.run();
      await answering;
      ours.push(runOf(program, running.serial.text, reason === 'exit', reason));
      await running.close();
      if (flags.against === undefined || interruption.happened) continue;
      if (flags.verbose) tell(`${program.name} on QEMU`);
      const { qemu, timeout: timeoutMs } = flags;
      const { text, ended } = await runQemu({
        qemu,
        kernel,
        program,
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

function kernelOf(guests: string, { name, file = name }: ConformanceProgram): string {
  return join(guests, `${file}.elf`);
}

/** Does what the guest asks for, until its run ends. */
async function answerGuest(machine: Machine, segment: Segment): Promise<void> {
  let size = DISK_BYTES;
  try {
    for (;;) {
      const [, request] = await machine.serial.waitFor(GUEST_REQUEST);
      if (request === 'resize') await machine.resizeDisk(0, (size += RESIZE_STEP));
      else segment.setLink(request === 'link-up');
    }
  } catch (error) {
    if (!(error instanceof SerialWaitError)) throw error;
  }
}

/** A network segment whose first cable can be pulled out. */
class Segment {
  private readonly hub = new Hub(() => undefined);
  private readonly cards: NetCard[] = [];

  connect(): NetBackend {
    const port = this.hub.connect();
    const attach = port.attach.bind(port);
    port.attach = card => {
      this.cards.push(card);
      attach(card);
    };
    return port;
  }

  setLink(up: boolean): void {
    this.cards[0].setLink(up);
  }
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
  { bus, modernOnly }: ConformanceProgram,
  kernel: string,
  [disk, readOnly]: Disks,
  segment: Segment,
  { accel, timeout }: DeviceFlags,
): Parameters<typeof Machine.create>[0] {
  const common = { kernel, accel, memory: '256M', timeoutMs: timeout };
  if (bus === 'mmio') return { ...common, pci: false, rng: true, disks: [{ file: disk }] };
  const kind = modernOnly ? 'modern' : 'transitional';
  return {
    ...common,
    hpet: true,
    serialPorts: 2,
    rng: kind,
    disks: [
      { file: disk, interface: kind },
      { file: readOnly, readOnly: true, interface: kind },
    ],
    networks: [
      { type: 'custom', backend: segment.connect(), queues: 2, mtu: 1500, interface: kind },
      { type: 'custom', backend: segment.connect(), interface: kind },
    ],
    consoles: [{}],
  };
}

function runOf({ name }: ConformanceProgram, text: string, ended: boolean, end: string): DeviceRun {
  const findings = parseFindings(text);
  const ok = ended && findings.complete;
  return { run: { name, end: ok || !ended ? end : 'incomplete output', ok }, findings };
}
