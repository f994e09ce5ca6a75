import * as L from '../../src/cpu/core/layout.js';
import { Op } from '../../src/cpu/core/decode/operation.js';
import type { CoreRunner } from './core-runner.js';
import { TestCase, type CpuMode } from './layout.js';

/** Operations, and single forms, that cannot be compared, and why. */
const EXEMPT: ReadonlyMap<string, string> = new Map([
  ...['RDTSC', 'RDTSCP', 'RDRAND', 'RDSEED', 'RDPID'].map(op => [op, 'another result each time'] as const),
  ...['CPUID', 'XGETBV'].map(op => [op, 'the processor is another one'] as const),
  ...['RDPKRU', 'WRPKRU'].map(op => [op, 'Linux need not have switched protection keys on'] as const),
  ...['SYSCALL', 'SYSENTER', 'SYSEXIT'].map(op => [op, 'Linux answers, or the processors differ'] as const),
  ...['SGDT', 'SIDT', 'SLDT', 'STR', 'SMSW'].map(op => [op, 'Linux emulates it for UMIP'] as const),
  ['VMCALL', 'a hypervisor may answer'],
  ['INT1', 'Linux takes it for a single step'],
  ...['CALLFI form 7 size 3', 'JMPFI form 7 size 3', 'LOADSEG form 4 size 3'].map(
    form => [form, "AMD's processors have no far pointers of ten bytes"] as const,
  ),
  ['BSWAP form 1 size 1', 'undefined'],
  ['XSAVEOPT', 'what it leaves out depends on what was restored before'],
]);

/** Not instructions of the guest. */
const INTERNAL = ['INVALID', 'END', 'STOP', 'UD'];

/** Columns of the opcode maps, by mandatory prefix. */
const PREFIXES: readonly (readonly number[])[] = [[], [0x66], [0xf3], [0xf2]];
const ESCAPES: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
/** Prefixes, and the opcodes that lead into another map. */
const NO_OPCODES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
const REX_W = 0x48;
const MODRM_MEMORY = 0x00;
const MODRM_REGISTER = 0xc0;

/** Which forms (operation, shape of the operands, operand size) the decoder makes, and which of them have been run. */
export class Coverage {
  private readonly seen = new Set<string>();
  private known: ReadonlySet<string> | undefined;

  constructor(private readonly core: CoreRunner) {}

  /** The case that has just been run. */
  note(): void {
    this.seen.add(this.lastForm());
  }

  /** Forms that have not been run and should have been. */
  missing(): string[] {
    return [...this.decoded()].filter(
      form => !this.seen.has(form) && !EXEMPT.has(form) && !EXEMPT.has(operationOf(form)),
    );
  }

  /** Operations and forms with a reason that are compared all the same, or do not exist. */
  needlessExemptions(): string[] {
    const compared = new Set([...this.seen, ...[...this.seen].map(operationOf)]);
    return [...EXEMPT.keys()].filter(name => compared.has(name) || !(operationOf(name) in Op));
  }

  private lastForm(): string {
    const { operation, form, size } = this.core.lastRecord();
    return `${nameOf(operation)} form ${form} size ${size}`;
  }

  /** Everything that the opcode maps decode to in 64-bit and in 32-bit mode. */
  private decoded(): ReadonlySet<string> {
    if (this.known) return this.known;
    const forms = new Set<string>();
    const entries = new DataView(this.core.table(L.OPCODES, ESCAPES.length * 256 * 4 * 4).buffer);
    const test = new TestCase();
    const decode = (code: readonly number[], mode: CpuMode): void => {
      test.setCode(code, mode);
      this.core.run(test);
      const form = this.lastForm();
      if (!INTERNAL.includes(operationOf(form))) forms.add(form);
    };
    ESCAPES.forEach((escape, map) => {
      for (let opcode = 0; opcode < 256; opcode++) {
        if (map === 0 && (NO_OPCODES.includes(opcode) || opcode === 0x0f)) continue;
        const entry = (column: number): number =>
          entries.getUint32(((map * 256 + opcode) * 4 + column) * 4, true);
        PREFIXES.forEach((prefix, column) => {
          if (entry(column) === 0) return;
          for (const mode of [0, 1] as const) {
            for (const rex of mode === 0 ? [[], [REX_W]] : [[]]) {
              if (mode === 1 && map === 0 && (opcode & 0xf0) === 0x40) decode([...prefix, opcode], 1);
              else if (mode === 1 || map > 0 || (opcode & 0xf0) !== 0x40)
                this.decodeOperands([...prefix, ...rex, ...escape, opcode], mode, decode);
            }
          }
        });
      }
    });
    this.known = forms;
    return forms;
  }

  /** With every ModRM.reg, in memory and in a register. */
  private decodeOperands(
    opcode: readonly number[],
    mode: CpuMode,
    decode: (code: readonly number[], mode: CpuMode) => void,
  ): void {
    for (let reg = 0; reg < 8; reg++) {
      for (const modrm of [MODRM_MEMORY, MODRM_REGISTER])
        decode([...opcode, modrm | (reg << 3), 0, 0, 0, 0, 0], mode);
    }
  }
}

function operationOf(form: string): string {
  return form.split(' ')[0];
}

/** x87's operations have no names: escape byte and ModRM.reg, in memory or not. */
function nameOf(operation: number): string {
  const fpu = (from: number, kind: string): string | undefined =>
    operation >= from && operation < from + 64
      ? `FPU_${kind}_${(0xd8 + ((operation - from) >> 3)).toString(16)}/${(operation - from) & 7}`
      : undefined;
  return fpu(Op.FPU_M, 'M') ?? fpu(Op.FPU_R, 'R') ?? Op[operation];
}
