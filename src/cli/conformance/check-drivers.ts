import type { DriverFindings } from '../../conformance/driver/driver-watch.js';
import { driverReport, driverRun, type DriverRun } from '../../conformance/driver/driver-report.js';
import { DRIVER_CLAUSES } from '../../conformance/clauses/driver-clauses.js';
import { loadDemangler } from '../../host/demangle.js';
import { nodeHost } from '../../host/node-host.js';
import { openKernelSymbols, openSymbolFile } from '../../host/symbol-files.js';
import { loadedImages } from '../../profile/symbols/loaded-images.js';
import type { SymbolFile } from '../../profile/symbols/symbol-file.js';
import { Symbolizer } from '../../profile/symbols/symbolizer.js';
import { Machine } from '../../vmm/machine/machine.js';
import { Interruption } from '../interruption.js';
import { tell } from '../report-error.js';
import type { planMachine } from '../run.js';
import { version } from '../version.js';
import { deliverReport, readBaseline } from './deliver-report.js';
import { checkGuestOutput, showGuestOutput } from './guest-output.js';
import type { ReportFlags } from './report-options.js';

export interface CheckRequest {
  readonly kernel: string;
  readonly plan: ReturnType<typeof planMachine>;
  /** The plain run, and those with variants. */
  readonly variants: readonly string[];
  readonly flags: ReportFlags & { readonly verbose?: true };
  /** Files of symbols besides the kernel. */
  readonly symbols: readonly string[];
}

/**
 * Runs the kernel once for each variant, and tells what was found.
 * @throws ConfigError, ImageError, AcceleratorError, OutputError
 */
export async function checkDrivers({ kernel, plan, variants, flags, symbols }: CheckRequest): Promise<void> {
  const baseline = await readBaseline(flags, DRIVER_CLAUSES);
  const given = await Promise.all(symbols.map(openSymbolFile));
  const own = await openKernelSymbols(kernel);
  const files = own ? [...given, own] : given;
  checkGuestOutput([...plan.serial, ...plan.consoles.map(({ spec }) => spec)]);
  let running: Machine | undefined;
  const interruption = new Interruption(() => void running?.stop());
  interruption.listenToSignals();
  const runs: DriverRun[] = [];
  try {
    for (const [i, variant] of variants.entries()) {
      if (flags.verbose || process.stderr.isTTY) tell(`run ${i + 1} of ${variants.length}: ${variant}`);
      running = await Machine.create({ ...plan.options, driverCheck: { variant } }, nodeHost);
      if (!interruption.happened) runs.push(await runVariant(running, variant, plan, files));
      await running.close();
      if (interruption.happened) break;
    }
  } finally {
    await running?.close();
    interruption.ignoreSignals();
  }
  await deliverReport(driverReport({ subject: kernel, version: version() }, runs), flags, baseline);
  if (interruption.status !== undefined) process.exitCode = interruption.status;
}

async function runVariant(
  machine: Machine,
  variant: string,
  { options, serial }: CheckRequest['plan'],
  files: readonly SymbolFile[],
): Promise<DriverRun> {
  const hide = await showGuestOutput(machine, serial);
  try {
    const result = await machine.run();
    const findings = await withSymbols(machine, await machine.driverFindings(), files);
    return driverRun(variant, result, said(machine, options.exitOn), findings);
  } finally {
    hide();
  }
}

/** The awaited output came, if one was awaited; the guest may have ended before it was noticed. */
function said({ serial }: Machine, pattern: string | RegExp | undefined): boolean {
  if (pattern === undefined) return true;
  return typeof pattern === 'string' ? serial.text.includes(pattern) : serial.text.search(pattern) >= 0;
}

/** The findings with a function's name at each place. */
async function withSymbols(
  machine: Machine,
  findings: DriverFindings,
  files: readonly SymbolFile[],
): Promise<DriverFindings> {
  const [{ images }, demangle] = await Promise.all([loadedImages(machine, files), loadDemangler()]);
  const symbolizer = new Symbolizer(images, demangle);
  return {
    ...findings,
    clauses: findings.clauses.map(clause => ({
      ...clause,
      violations: clause.violations.map(violation => {
        const { place } = violation;
        const symbol = place && symbolizer.name(BigInt(place.rip));
        return symbol === undefined ? violation : { ...violation, place: { ...place!, symbol } };
      }),
    })),
  };
}
