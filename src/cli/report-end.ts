import { hex, TsvmmError } from '../errors.js';
import type { RunResult } from '../vmm/run-result.js';
import { tell } from './report-error.js';

/** What a run's end means, for people. */
const MEANING: Readonly<Record<RunResult['reason'], string>> = {
  poweroff: 'the guest powered off',
  reset: 'the guest reset the machine',
  exit: 'the guest exited',
  panicked: 'the guest panicked',
  halted: 'the guest halted with interrupts off',
  'triple-fault': 'triple fault',
  matched: 'the awaited output came',
  timeout: 'the time is up',
  stopped: 'stopped',
  failed: 'the run cannot go on',
};

/** Ends that nobody asked for are told even without --verbose. */
const UNASKED: readonly RunResult['reason'][] = ['panicked', 'halted', 'triple-fault', 'timeout', 'failed'];

/**
 * Says on stderr how the run ended, as far as somebody wants to know.
 * @param kernel the kernel's path; read again for its symbols when there is an address to explain
 */
export async function reportEnd(result: RunResult, kernel: string, verbose: boolean): Promise<void> {
  const { reason, code, vcpu, failure, exits, instructions, elapsedMs, unclaimed } = result;
  if (verbose || UNASKED.includes(reason)) {
    const where = vcpu === undefined ? '' : ` on vCPU ${vcpu}`;
    const value = code === undefined || reason === 'panicked' ? '' : ` with ${code}`;
    const what = failure && failure.reason !== reason ? `: ${failure.reason}` : '';
    tell(`${MEANING[reason]}${value}${where}${what}`);
  }
  if (failure) {
    for (const line of formatDetails(failure.details)) tell(`  ${line}`);
    const symbol = await symbolAt(kernel, failure.details['rip']);
    if (symbol !== undefined) tell(`  in ${symbol}`);
  }
  if (!verbose) return;
  const counted = instructions === undefined ? '' : `${instructions} instructions and `;
  tell(`${counted}${exits} exits in ${elapsedMs.toFixed(1)} ms`);
  for (const { space, direction, address, count } of unclaimed) {
    tell(`nobody answers ${direction} of ${space} ${hex(address)} (${count} times)`);
  }
}

/** General registers four to a line, everything else a line each. */
function formatDetails(details: Readonly<Record<string, number | bigint | string>>): string[] {
  const lines: string[] = [];
  const row: string[] = [];
  const endRow = (): void => {
    if (row.length > 0) lines.push(row.splice(0).join(' ').trimEnd());
  };
  for (const [name, value] of Object.entries(details)) {
    const text = `${name} ${String(value)}`;
    if (/^r[a-z0-9]{1,2}$|^rflags$/.test(name)) {
      row.push(text.padEnd(24));
      if (row.length === 4) endRow();
    } else {
      endRow();
      lines.push(text);
    }
  }
  endRow();
  return lines;
}

async function symbolAt(
  kernel: string,
  rip: number | bigint | string | undefined,
): Promise<string | undefined> {
  if (rip === undefined) return undefined;
  const [{ readWholeFile }, { Symbols }] = await Promise.all([
    import('../host/read-file.js'),
    import('../vmm/boot/symbols.js'),
  ]);
  try {
    const match = Symbols.fromElf(await readWholeFile(kernel, 'kernel')).lookup(BigInt(rip));
    return match && `${match.name}+${hex(match.offset)}`;
  } catch (error) {
    // Not an ELF file, one without usable symbols, or gone by now: the address has to do.
    if (error instanceof TsvmmError) return undefined;
    throw error;
  }
}
