import { Random } from './random.js';

/**
 * Random sequences of the commonest instructions, with branches, loops and calls among them: what single instructions
 * cannot show, such as flags that nobody reads, or instructions that are executed along with the next one.
 */
export interface Sequences {
  /** Assembly of a function `sequences`: R14 points to the results, R15 to SCRATCH_BYTES of zeroes. Clobbers all. */
  readonly source: string;
  /** What it writes: RESULT_WORDS words of 64 bits for each time that a sequence has run, the last of them RFLAGS. */
  readonly results: readonly { readonly text: string; readonly flags: bigint }[];
}

const REGISTERS = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9'] as const;
const NARROW: Record<string, readonly [string, string]> = {
  rax: ['eax', 'al'],
  rbx: ['ebx', 'bl'],
  rcx: ['ecx', 'cl'],
  rdx: ['edx', 'dl'],
  rsi: ['esi', 'sil'],
  rdi: ['edi', 'dil'],
  r8: ['r8d', 'r8b'],
  r9: ['r9d', 'r9b'],
};
export const RESULT_WORDS = REGISTERS.length + 1;
export const SCRATCH_BYTES = 4096;
const PASSES = 3;
const LENGTH = 12;

const CF = 1n,
  PF = 4n,
  AF = 0x10n,
  ZF = 0x40n,
  SF = 0x80n,
  OF = 0x800n;
const ALL = CF | PF | AF | ZF | SF | OF;
const CONDITIONS: readonly (readonly [string, bigint])[] = [
  ['b', CF],
  ['ae', CF],
  ['e', ZF],
  ['ne', ZF],
  ['be', CF | ZF],
  ['a', CF | ZF],
  ['s', SF],
  ['ns', SF],
  ['p', PF],
  ['np', PF],
  ['l', SF | OF],
  ['ge', SF | OF],
  ['le', SF | OF | ZF],
  ['g', SF | OF | ZF],
  ['o', OF],
  ['no', OF],
];

class Writer {
  private lines: string[] = [];
  private label = 0;
  /** Flags that the manuals leave undefined after the instructions so far. */
  undefined = 0n;

  constructor(private readonly random: Random) {}

  take(): string {
    const text = this.lines.join('\n');
    this.lines = [];
    return text;
  }

  step(): void {
    const { random } = this;
    switch (random.below(16)) {
      case 0:
      case 1:
      case 2:
        return this.arithmetic(random.pick(['add', 'sub', 'and', 'or', 'xor', 'add', 'sub', 'cmp', 'test']));
      case 3:
        return this.compareAndBranch();
      case 4:
        return this.move();
      case 5:
        return this.line(`mov ${this.register(64)}, ${this.register(64)}`);
      case 6:
        return this.shift();
      case 7:
        return this.unary();
      case 8:
        return this.product();
      case 9:
        return this.conditional();
      case 10:
        return this.stack();
      case 11:
        return this.withCarry();
      case 12:
        return this.call();
      case 13:
        return this.loop();
      case 14:
        return this.line(
          `lea ${this.register(random.pick([32, 64]))}, [${this.register(64)} + ${this.register(64)} * ${1 << random.below(4)} + ${random.below(512) - 256}]`,
        );
      default:
        return this.extend();
    }
  }

  private line(text: string): void {
    this.lines.push(` ${text}`);
  }
  private register(bits: number): string {
    const name = this.random.pick(REGISTERS);
    return bits === 64 ? name : NARROW[name][bits === 32 ? 0 : 1];
  }
  private memory(bits: number): string {
    return `${{ 8: 'byte', 32: 'dword', 64: 'qword' }[bits]} ptr [r15 + ${this.random.below(SCRATCH_BYTES - 8)}]`;
  }
  private immediate(bits: number): number {
    return bits === 8
      ? this.random.below(256) - 128
      : this.random.pick([0, 1, -1, 64, this.random.next() | 0]);
  }
  private defines(flags: bigint): void {
    this.undefined &= ~flags;
  }

  private arithmetic(operation: string): void {
    const bits = this.random.pick([8, 32, 32, 64, 64]);
    const first = this.register(bits);
    const operands = [
      `${first}, ${this.register(bits)}`,
      `${first}, ${first}`,
      `${first}, ${this.immediate(bits)}`,
    ];
    operands.push(`${this.memory(bits)}, ${first}`, `${this.memory(bits)}, ${this.immediate(bits)}`);
    if (operation !== 'test') operands.push(`${first}, ${this.memory(bits)}`);
    this.line(`${operation} ${this.random.pick(operands)}`);
    this.defines(ALL);
    if (['and', 'or', 'xor', 'test'].includes(operation)) this.undefined |= AF;
  }
  private compareAndBranch(): void {
    this.arithmetic(this.random.pick(['cmp', 'test', 'add', 'sub', 'and', 'cmp']));
    this.skip(this.random.pick(CONDITIONS)[0]);
  }
  /** A branch over an instruction. */
  private skip(condition: string): void {
    const end = `.Lskip${this.label++}_\\@`;
    const before = this.undefined;
    this.line(`j${condition} ${end}`);
    this.step();
    this.lines.push(`${end}:`);
    this.undefined |= before;
  }
  private move(): void {
    const bits = this.random.pick([8, 32, 64]);
    const register = this.register(bits);
    this.line(
      `mov ${this.random.pick([`${register}, ${this.memory(bits)}`, `${this.memory(bits)}, ${register}`, `${register}, ${this.immediate(bits)}`, `${this.memory(bits)}, ${this.immediate(bits)}`])}`,
    );
  }
  private extend(): void {
    const target = this.register(32);
    const from = this.random.pick([this.register(8), this.memory(8)]);
    const wide = this.random.pick([this.register(32), this.memory(32)]);
    this.line(
      this.random.pick([
        `movzx ${target}, ${from}`,
        `movsx ${target}, ${from}`,
        `movsxd ${this.register(64)}, ${wide}`,
      ]),
    );
  }
  private shift(): void {
    const bits = this.random.pick([32, 64]);
    const operation = this.random.pick(['shl', 'shr', 'sar', 'shl', 'shr', 'rol', 'ror']);
    const count = this.random.pick(['1', 'cl', String(this.random.below(bits))]);
    this.line(`${operation} ${this.register(bits)}, ${count}`);
    if (count === '0') return;
    const rotates = operation.startsWith('ro');
    // What a count of zero would have left as it was may be undefined still.
    if (count !== 'cl') this.defines(rotates ? CF | OF : ALL);
    if (count !== '1') this.undefined |= OF;
    if (!rotates) this.undefined |= AF;
  }
  private unary(): void {
    const operation = this.random.pick(['inc', 'dec', 'neg', 'not']);
    this.line(`${operation} ${this.register(this.random.pick([32, 64]))}`);
    if (operation !== 'not') this.defines(operation === 'neg' ? ALL : ALL & ~CF);
  }
  private product(): void {
    const bits = this.random.pick([32, 64]);
    this.line(
      `imul ${this.register(bits)}, ${this.register(bits)}${this.random.chance(0.5) ? `, ${this.immediate(32)}` : ''}`,
    );
    this.defines(CF | OF);
    this.undefined |= ZF | SF | PF | AF;
  }
  private conditional(): void {
    const known = CONDITIONS.filter(([, flags]) => (flags & this.undefined) === 0n);
    if (known.length === 0) return;
    const [condition] = this.random.pick(known);
    const bits = this.random.pick([32, 64]);
    if (this.random.chance(0.3)) this.skip(condition);
    else if (this.random.chance(0.5)) this.line(`set${condition} ${this.register(8)}`);
    else this.line(`cmov${condition} ${this.register(bits)}, ${this.register(bits)}`);
  }
  private stack(): void {
    const depth = 1 + this.random.below(4);
    for (let i = 0; i < depth; i++) this.line(`push ${this.register(64)}`);
    this.arithmetic('add');
    for (let i = 0; i < depth; i++) this.line(`pop ${this.register(64)}`);
  }
  private withCarry(): void {
    if (this.undefined & CF) return;
    const bits = this.random.pick([32, 64]);
    this.line(
      `${this.random.pick(['adc', 'sbb'])} ${this.register(bits)}, ${this.random.pick([this.register(bits), String(this.immediate(32))])}`,
    );
    this.defines(ALL);
  }
  private call(): void {
    const [inner, after] = [`.Linner${this.label}_\\@`, `.Lafter${this.label++}_\\@`];
    if (this.random.chance(0.5)) this.line(`call ${inner}`);
    else this.line(`lea r10, [rip + ${inner}]\n call r10`);
    this.line(`jmp ${after}`);
    this.lines.push(`${inner}:`);
    this.arithmetic('sub');
    this.line('ret');
    this.lines.push(`${after}:`);
  }
  private loop(): void {
    const start = `.Lloop${this.label++}_\\@`;
    this.line('mov r11d, 3');
    this.lines.push(`${start}:`);
    this.arithmetic('cmp');
    const counter = this.random.pick(['dec r11d', 'sub r11d, 1', 'add r11d, -1']);
    this.line(`mov ${this.register(64)}, ${this.register(64)}`);
    this.arithmetic(this.random.pick(['add', 'xor']));
    this.line(counter);
    this.line(`jnz ${start}`);
    this.defines(ALL);
  }
}

export function randomSequences(seed: number, count: number): Sequences {
  const random = new Random(seed);
  const writer = new Writer(random);
  const results: { text: string; flags: bigint }[] = [];
  let source = 'sequences:\n mov r13d, ' + PASSES + '\n.Lpass:\n';
  for (let i = 0; i < count; i++) {
    // The first instruction defines all flags.
    writer.undefined = 0n;
    const load = REGISTERS.map(register => ` movabs ${register}, ${random.word()}`).join('\n');
    for (let n = 0; n < LENGTH; n++) writer.step();
    const text = writer.take().replaceAll('\\@', String(i));
    const store = [
      ...REGISTERS.map((register, n) => ` mov [r14 + ${n * 8}], ${register}`),
      ` pop [r14 + ${REGISTERS.length * 8}]`,
    ];
    source += `${load}\n cmp rax, rbx\n${text}\n pushfq\n${store.join('\n')}\n add r14, ${RESULT_WORDS * 8}\n`;
    results.push({ text, flags: ALL & ~writer.undefined });
  }
  source += ' dec r13d\n jnz .Lpass\n ret\n';
  return { source, results: Array.from({ length: PASSES }, () => results).flat() };
}
