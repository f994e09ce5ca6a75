import type { GuestMemory } from '../../vmm/memory/guest-memory.js';
import { readLinear } from '../../vmm/memory/translate.js';
import { MonitorError, type MonitorCommand, type MonitorContext } from '../command.js';
import { evaluate } from '../expression.js';
import { hex64, hexDigits } from '../format.js';

/** Bytes that one command shows. */
const MAX_BYTES = 64 << 10;
const BYTES_A_LINE = 16;
/** Bytes of the letters for sizes. */
const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };

interface Format {
  readonly count: number;
  readonly letter: string;
  readonly size: number;
}

/** `/FMT` is a count, one of x, d, u, o and c, and one of b, h, w and g, each of which may be missing. */
function parseFormat(text: string): Format {
  const match = /^\/(\d*)([a-z]*)$/.exec(text);
  let letter = 'x';
  let size: number | undefined;
  for (const each of match?.[2] ?? '?') {
    if (Object.hasOwn(SIZES, each)) size = SIZES[each];
    else if ('xduoc'.includes(each)) letter = each;
    else if (each === 'i')
      throw new MonitorError('instructions are not disassembled: write /8xb for their bytes');
    else
      throw new MonitorError(
        `'${text}' is not a format: write a count, x d u o or c, and b h w or g, as in /4xg`,
      );
  }
  const count = Number(match![1] || 1);
  const bytes = size ?? (letter === 'c' ? 1 : 4);
  if (count < 1 || count * bytes > MAX_BYTES) {
    throw new MonitorError(`a command shows 1 to ${MAX_BYTES} bytes`);
  }
  return { count, letter, size: bytes };
}

function show(value: bigint, { letter, size }: Format): string {
  switch (letter) {
    case 'd':
      return String(BigInt.asIntN(8 * size, value));
    case 'u':
      return String(value);
    case 'o':
      return `0${value.toString(8)}`;
    case 'c':
      return character(Number(value & 0xffn));
    default:
      return `0x${hexDigits(value, 2 * size)}`;
  }
}

function character(code: number): string {
  if (code >= 0x20 && code < 0x7f) return `'${String.fromCharCode(code)}'`;
  return `'\\x${hexDigits(code, 2)}'`;
}

/** Lines of `bytes`, sixteen of them each; says where they end early. */
function dump(address: bigint, bytes: Uint8Array, format: Format): string[] {
  const { size, count } = format;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = Math.floor(bytes.length / size);
  const perLine = BYTES_A_LINE / size;
  const lines: string[] = [];
  for (let i = 0; i < whole; i += perLine) {
    const values = Array.from({ length: Math.min(perLine, whole - i) }, (_, k) =>
      show(readValue(view, (i + k) * size, size), format),
    );
    lines.push(`${hex64(BigInt.asUintN(64, address + BigInt(i * size)))}: ${values.join(' ')}`);
  }
  if (whole < count) {
    lines.push(`Cannot access memory at 0x${(address + BigInt(whole * size)).toString(16)}`);
  }
  return lines;
}

function readValue(view: DataView, offset: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(offset + i));
  return value;
}

/** As many of `size` bytes as are RAM. */
function readPhysical(memory: GuestMemory, gpa: bigint, size: number): Uint8Array {
  const segment = memory.segments.find(each => gpa >= each.gpa && gpa < each.gpa + each.size);
  if (!segment) return new Uint8Array();
  const length = Math.min(size, segment.gpa + segment.size - Number(gpa));
  return Uint8Array.from(memory.bytes(Number(gpa), length));
}

async function examine(
  words: readonly string[],
  { machine, cpu }: MonitorContext,
  physical: boolean,
): Promise<string[]> {
  const format = parseFormat(words[0]?.startsWith('/') ? words[0] : '/');
  const [text] = words[0]?.startsWith('/') ? words.slice(1) : words;
  if (text === undefined) throw new MonitorError('which address? write 0x1000, $rip or $rsp+8');
  const state = await machine.vcpu(cpu);
  const address = evaluate(text, state);
  const size = format.count * format.size;
  const bytes = physical
    ? readPhysical(machine.memory, address, size)
    : readLinear(machine.memory, state.system, address, size);
  return dump(address, bytes, format);
}

export const MEMORY_COMMANDS: readonly MonitorCommand[] = [
  {
    name: 'x',
    parameters: '/FMT ADDRESS',
    help: 'virtual memory at ADDRESS, as the chosen vCPU sees it',
    run: (words, context) => examine(words, context, false),
  },
  {
    name: 'xp',
    parameters: '/FMT ADDRESS',
    help: 'physical memory at ADDRESS',
    run: (words, context) => examine(words, context, true),
  },
];
