import { hex, ImageError } from '../errors.js';
import type { RunResult } from '../index.js';
import { Symbols } from '../vmm/boot/symbols.js';

/** What a run's end means, for people. */
const MEANING: Readonly<Record<RunResult['reason'], string>> = {
  poweroff: 'the guest powered off',
  reset: 'the guest reset the machine',
  exit: 'the guest exited',
  halted: 'the guest halted with interrupts off',
  'triple-fault': 'triple fault',
  matched: 'the awaited output came',
  timeout: 'the time is up',
  stopped: 'stopped',
  failed: 'the run cannot go on',
};

/** Ends that nobody asked for are told even without --verbose. */
const UNASKED: readonly RunResult['reason'][] = ['halted', 'triple-fault', 'timeout', 'failed'];

export interface ReportOptions {
  /** The kernel file, for symbols. */
  readonly kernel: Uint8Array;
  readonly verbose: boolean;
  tell(line: string): void;
}

/** Says on stderr how the run ended, as far as somebody wants to know. */
export function reportEnd(result: RunResult, { kernel, verbose, tell }: ReportOptions): void {
  const { reason, code, vcpu, failure, exits, elapsedMs, unclaimed } = result;
  if (verbose || UNASKED.includes(reason)) {
    const where = vcpu === undefined ? '' : ` on vCPU ${vcpu}`;
    const value = code === undefined ? '' : ` with ${code}`;
    const what = failure && failure.reason !== reason ? `: ${failure.reason}` : '';
    tell(`${MEANING[reason]}${value}${where}${what}`);
  }
  if (failure) {
    for (const line of formatDetails(failure.details)) tell(`  ${line}`);
    const symbol = symbolAt(kernel, failure.details['rip']);
    if (symbol !== undefined) tell(`  in ${symbol}`);
  }
  if (!verbose) return;
  tell(`${exits} exits in ${elapsedMs.toFixed(1)} ms`);
  for (const { space, direction, address, count } of unclaimed) {
    tell(`nobody answers ${direction} of ${space} ${hex(address)} (${count} times)`);
  }
}

/** General registers four to a line, everything else a line each. */
function formatDetails(details: Readonly<Record<string, number | bigint | string>>): string[] {
  const lines: string[] = [];
  let row: string[] = [];
  for (const [name, value] of Object.entries(details)) {
    const text = `${name} ${String(value)}`;
    if (/^r[a-z0-9]{1,3}$|^rflags$/.test(name)) row.push(text.padEnd(24));
    else {
      if (row.length > 0) lines.push(row.join(' ').trimEnd());
      row = [];
      lines.push(text);
    }
    if (row.length === 4) lines.push(row.splice(0).join(' ').trimEnd());
  }
  return lines;
}

function symbolAt(kernel: Uint8Array, rip: number | bigint | string | undefined): string | undefined {
  if (rip === undefined) return undefined;
  try {
    const match = Symbols.fromElf(kernel).lookup(BigInt(rip));
    return match && `${match.name}+${hex(match.offset)}`;
  } catch (error) {
    // Not an ELF file, or one without usable symbols: the address has to do.
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
