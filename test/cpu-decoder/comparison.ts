import { Op } from '../../src/cpu/core/decode/operation.js';
import type { CodeBits, CoreDecoder, DecodedRecord } from './core-decoder.js';
import { disassemble, type Disassembled } from './disassemble.js';
import { hasAbsentEncoding, isAbsent, olderMeaning } from './not-in-v2.js';
import { isPrintedInvalid, isReserved, prefixIsInvalid, withCr8 } from './objdump-differences.js';
import { isPrefixAlone, parseInstruction, type PrintedInstruction } from './objdump-text.js';
import { sameOperand } from './operands.js';
import { SeenBytes } from './seen.js';

const MAX_LENGTH = 15;
/** Mismatches that are kept word by word; the others are counted. */
const KEPT = 200;

/** Compares the core's decoder with lines of objdump, each different sequence of bytes once. */
export class DecoderComparison {
  instructions = 0;
  /** Different ones above x86-64-v2. */
  absent = 0;
  /** Places where objdump knows no instruction. */
  bad = 0;
  mismatches = 0;
  readonly descriptions: string[] = [];
  private readonly seen = new SeenBytes();
  private readonly code = new Uint8Array(MAX_LENGTH);
  private length = 0;
  private text = '';
  /** The bytes from a `(bad)` on, which objdump may give in several lines. */
  private readonly badCode = new Uint8Array(MAX_LENGTH);
  private badLength = 0;
  private expected = 0;

  constructor(
    private readonly decoder: CoreDecoder,
    readonly bits: CodeBits,
  ) {}

  /** Different sequences of bytes. */
  get distinct(): number {
    return this.seen.size;
  }

  /** A line of objdump: see `AcceptLine`. */
  accept(address: string, bytes: string, text: string): void {
    const start = parseInt(address.slice(-8), 16);
    const count = (bytes.length + 1) / 3;
    if (start !== this.expected) this.finish();
    this.expected = (start + count) >>> 0;
    if (this.badLength > 0) this.continueBad(bytes);
    if (this.length + count > MAX_LENGTH) this.clear();
    for (let i = 0; i < bytes.length; i += 3) {
      this.code[this.length++] = (nibble(bytes.charCodeAt(i)) << 4) | nibble(bytes.charCodeAt(i + 1));
    }
    if (text.includes('(bad)')) {
      this.bad++;
      this.startBad();
      this.clear();
      return;
    }
    if (text === '.byte' || text.startsWith('.byte ')) {
      // The section ends in the middle of an instruction.
      this.clear();
      return;
    }
    this.text += `${text} `;
    if (isPrefixAlone(text)) {
      // REX prefixes that another prefix makes void. Of others objdump says the same, but they are not.
      if (!/^(?:rex\S* *)+$/.test(text)) this.clear();
      return;
    }
    this.instructions++;
    if (this.seen.add(this.code, this.length)) {
      const first = (start + count - this.length) >>> 0;
      const wrong = this.compare(
        parseInstruction(this.text, this.bits),
        first,
        this.code.subarray(0, this.length),
      );
      if (wrong !== '') {
        this.report(`${address}: ${hex(this.code, this.length)} ${this.text.trim()}: ${wrong}`);
      }
    }
    this.clear();
  }

  /** To be called behind the last line. */
  finish(): void {
    this.endOfBad();
    this.clear();
  }

  private clear(): void {
    this.length = 0;
    this.text = '';
  }

  private decode(code: Uint8Array): DecodedRecord | undefined {
    this.decoder.code.fill(0);
    this.decoder.code.set(code);
    return this.decoder.decode(this.bits);
  }

  /** @returns what differs, empty for nothing */
  private compare(printed: PrintedInstruction, address: number, code: Uint8Array): string {
    const record = this.decode(code);
    if (!record) return 'longer than 15 bytes';
    if (record.operation === Op.WAIT && code.length > record.length) {
      // objdump takes FWAIT and an x87 instruction for one, and FWAIT's prefixes for that one's.
      if (record.length > 1 || !/^f(?!wait)/.test(printed.mnemonic)) return '';
      return this.compare(
        { ...printed, mnemonic: printed.mnemonic.replace(/^f(init|clex|stcw|stsw|stenv|save)$/, 'fn$1') },
        (address + record.length) >>> 0,
        code.slice(record.length),
      );
    }
    if (hasAbsentEncoding(code, this.bits) || isAbsent(printed.mnemonic)) {
      this.absent++;
      return isInvalid(record) ? '' : `not in x86-64-v2, decoded as ${show(disassemble(record, address))}`;
    }
    if (isPrintedInvalid(printed, this.bits) || prefixIsInvalid(this.text)) {
      return isInvalid(record) ? '' : show(disassemble(record, address));
    }
    if (record.length !== code.length) return `${record.length} bytes`;
    const ours = disassemble(record, address);
    return agrees(ours, withCr8(printed)) ? '' : show(ours);
  }

  private startBad(): void {
    if (this.badLength > 0) return;
    this.badCode.set(this.code.subarray(0, this.length));
    this.badLength = this.length;
  }

  private continueBad(bytes: string): void {
    for (let i = 0; i < bytes.length && this.badLength < MAX_LENGTH; i += 3) {
      this.badCode[this.badLength++] = parseInt(bytes.slice(i, i + 2), 16);
    }
    if (this.badLength === MAX_LENGTH) this.endOfBad();
  }

  private endOfBad(): void {
    if (this.badLength === 0) return;
    const code = this.badCode.slice(0, this.badLength);
    this.badLength = 0;
    const record = this.decode(code);
    if (!record || isInvalid(record) || isReserved(record)) return;
    this.report(`${hex(code, code.length)} (bad): ${show(disassemble(record, 0))}`);
  }

  private report(description: string): void {
    this.mismatches++;
    if (this.descriptions.length < KEPT) this.descriptions.push(description);
  }
}

function isInvalid(record: DecodedRecord): boolean {
  return record.operation === Op.UD;
}

function agrees(ours: Disassembled, printed: PrintedInstruction): boolean {
  const mnemonic = olderMeaning(printed.mnemonic);
  if (ours.mnemonic !== mnemonic && !ours.mnemonic.split('|').includes(mnemonic)) return false;
  if (ours.lock !== printed.lock) return false;
  if (mnemonic === 'nop' && printed.mnemonic !== 'nop') return true;
  if (ours.repeat !== '' || /^(?:movs|cmps|stos|lods|scas|ins|outs)$/.test(mnemonic)) {
    const [repeat = '', another] = printed.repeats;
    if (another === undefined && ours.repeat !== repeat.replace(/^rep$/, 'repz')) return false;
  }
  if (printed.segmentUnknown) return true;
  return (
    ours.operands.length === printed.operands.length &&
    ours.operands.every((operand, i) => sameOperand(operand, printed.operands[i]))
  );
}

function show({ lock, mnemonic, operands }: Disassembled): string {
  return `${lock ? 'lock ' : ''}${mnemonic} ${operands.join(',')}`;
}

function hex(code: Uint8Array, length: number): string {
  return Buffer.from(code.subarray(0, length)).toString('hex');
}

function nibble(character: number): number {
  return character <= 0x39 ? character - 0x30 : character - 0x57;
}
