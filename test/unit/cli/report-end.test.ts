import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { reportEnd } from '../../../src/cli/report-end.js';
import type { EndReason, RunResult } from '../../../src/vmm/run-result.js';
import { ascii, concat, elf, symbol } from '../vmm/boot/images.js';

const NO_KERNEL = '/nowhere/kernel.elf';
const REASONS: readonly EndReason[] = [
  ...(['poweroff', 'reset', 'exit', 'halted', 'triple-fault'] as const),
  ...(['matched', 'timeout', 'stopped', 'failed'] as const),
];

/** An ELF file with one function in its symbol table. */
function kernelWithSymbol(name: string, value: bigint, size: number): Uint8Array {
  const GLOBAL_FUNC = 0x12;
  return elf({
    sections: [
      { name: '.text', type: 1, flags: 6, data: new Uint8Array(0x100) },
      {
        name: '.symtab',
        type: 2,
        link: 3,
        data: concat(new Uint8Array(24), symbol(64, { name: 1, value, size, info: GLOBAL_FUNC, section: 1 })),
      },
      { name: '.strtab', type: 3, data: ascii(`\0${name}\0`) },
    ],
  });
}

function result(end: Partial<RunResult> & Pick<RunResult, 'reason'>): RunResult {
  return { status: 0, exits: 12, elapsedMs: 3.456, unclaimed: [], ...end };
}

describe('the report of how a run ended', () => {
  let told = '';
  beforeEach(() => {
    told = '';
    vi.spyOn(process.stderr, 'write').mockImplementation(text => {
      told += String(text);
      return true;
    });
  });
  afterEach(() => vi.restoreAllMocks());

  async function report(end: RunResult, verbose = false, kernel = NO_KERNEL): Promise<string[]> {
    await reportEnd(end, kernel, verbose);
    return told.split('\n').slice(0, -1);
  }

  it.each(['poweroff', 'reset', 'exit', 'matched', 'stopped'] as const)(
    'is silent where it was asked for: %s',
    async reason => {
      expect(await report(result({ reason, code: 0 }))).toEqual([]);
    },
  );

  it.each([
    ['halted', 'tsvmm: the guest halted with interrupts off'],
    ['timeout', 'tsvmm: the time is up'],
  ] as const)('is a line where nobody asked for it: %s', async (reason, line) => {
    expect(await report(result({ reason }))).toEqual([line]);
  });

  it.each(REASONS)('says something for every end with --verbose: %s', async reason => {
    const lines = await report(result({ reason }), true);
    expect(lines[0]).toMatch(/^tsvmm: [a-z ]+$/);
    expect(lines[1]).toBe('tsvmm: 12 exits in 3.5 ms');
  });

  it("has the guest's own value", async () => {
    const [line] = await report(result({ reason: 'exit', code: 4096, status: 255 }), true);
    expect(line).toBe('tsvmm: the guest exited with 4096');
  });

  it('lists what nobody answered', async () => {
    const unclaimed = [
      { space: 'port', address: 0x2f00, direction: 'read', count: 3 },
      { space: 'mmio', address: 0xfed4_0000, direction: 'write', count: 1 },
    ] as const;
    const lines = await report(result({ reason: 'poweroff', unclaimed }), true);
    expect(lines.slice(2)).toEqual([
      'tsvmm: nobody answers read of port 0x2f00 (3 times)',
      'tsvmm: nobody answers write of mmio 0xfed40000 (1 times)',
    ]);
  });

  it('shows where and why, the registers four to a line', async () => {
    const details = {
      hardware_entry_failure_reason: '0x80000021',
      rax: '0x1',
      rcx: '0x2',
      rdx: '0x3',
      rbx: '0x4',
      r8: '0x5',
      rip: '0x6',
      cr0: '0x33',
    };
    const failure = { reason: "KVM_EXIT_FAIL_ENTRY: the processor refused the guest's state", details };
    const lines = await report(result({ reason: 'failed', vcpu: 1, failure }));
    expect(lines.map(line => line.replace(/ +/g, ' '))).toEqual([
      "tsvmm: the run cannot go on on vCPU 1: KVM_EXIT_FAIL_ENTRY: the processor refused the guest's state",
      'tsvmm: hardware_entry_failure_reason 0x80000021',
      'tsvmm: rax 0x1 rcx 0x2 rdx 0x3 rbx 0x4',
      'tsvmm: r8 0x5 rip 0x6',
      'tsvmm: cr0 0x33',
    ]);
  });

  it('does not say the same twice', async () => {
    const failure = { reason: 'triple-fault', details: {} };
    expect(await report(result({ reason: 'triple-fault', vcpu: 0, failure }))).toEqual([
      'tsvmm: triple fault on vCPU 0',
    ]);
  });

  describe('of a vCPU that stopped at an address', () => {
    let folder: string;
    let kernel: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'tsvmm-report-'));
      kernel = join(folder, 'kernel.elf');
      writeFileSync(kernel, kernelWithSymbol('page_fault', 0xffff_ffff_8100_0040n, 0x20));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    async function reportAt(rip: bigint, file: string): Promise<string[]> {
      const failure = { reason: 'KVM_EXIT_SHUTDOWN', details: { rip: `0x${rip.toString(16)}` } };
      return report(result({ reason: 'failed', vcpu: 0, failure }), false, file);
    }

    it('names the function', async () => {
      const lines = await reportAt(0xffff_ffff_8100_0052n, kernel);
      expect(lines.at(-1)).toBe('tsvmm:   in page_fault+0x12');
    });

    it('does with the address where no function is, the file is no kernel, or it is gone', async () => {
      for (const file of [kernel, import.meta.filename, join(folder, 'gone')]) {
        const lines = await reportAt(0x1000n, file);
        expect(lines.at(-1)).toBe('tsvmm:   rip 0x1000');
        told = '';
      }
    });
  });
});
