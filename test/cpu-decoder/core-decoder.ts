import { Core } from '../../src/cpu/core-exports.js';
import type { Op } from '../../src/cpu/core/decode/operation.js';
import { Record as Field } from '../../src/cpu/core/decode/record.js';
import { CORE_RESERVE } from '../../src/cpu/wasm-accelerator.js';
import { IDLE_IMPORTS } from '../cpu-oracle/core-runner.js';

/** Bits of `Mode` in `core/mode.ts`: flat segments, protected mode, stack and code size. */
const FLAT_PROTECTED = 0x18;
export const CODE_MODES = { 64: FLAT_PROTECTED | 6, 32: FLAT_PROTECTED | 5, 16: FLAT_PROTECTED } as const;
export type CodeBits = keyof typeof CODE_MODES;

const MAX_LENGTH = 15;
const PAGE = 65536;

/** The core's decoder, an instruction at a time. */
export class CoreDecoder {
  /** The first bytes of guest RAM: what `decode` decodes. */
  readonly code: Uint8Array;
  private readonly view: DataView;
  private readonly core: Core;

  constructor() {
    const pages = CORE_RESERVE / PAGE + 1;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.core = new Core(memory, IDLE_IMPORTS);
    this.core.exports.initialize(PAGE);
    this.code = new Uint8Array(memory.buffer, CORE_RESERVE, MAX_LENGTH + 1);
    this.view = new DataView(memory.buffer);
  }

  /** @returns its record, valid until the next call; undefined when the instruction is too long */
  decode(bits: CodeBits): DecodedRecord | undefined {
    const address = this.core.exports.decodeAt(0, CODE_MODES[bits]);
    return address === 0 ? undefined : new DecodedRecord(this.view, address, bits);
  }
}

/** The fields of `core/decode/record.ts`. */
export class DecodedRecord {
  constructor(
    private readonly view: DataView,
    private readonly address: number,
    readonly codeBits: CodeBits,
  ) {}

  get operation(): Op {
    return this.u16(Field.OPERATION);
  }
  get form(): number {
    return this.u8(Field.FORM);
  }
  /** log2 of the operand size. */
  get size(): number {
    return this.u8(Field.SIZE);
  }
  get length(): number {
    return this.u8(Field.LENGTH);
  }
  get target(): number {
    return this.u16(Field.TARGET);
  }
  get source(): number {
    return this.u16(Field.SOURCE);
  }
  get base(): number {
    return this.u16(Field.BASE);
  }
  get index(): number {
    return this.u16(Field.INDEX);
  }
  get scale(): number {
    return this.u8(Field.SCALE);
  }
  get displacement(): number {
    return this.view.getInt32(this.address + Field.DISPLACEMENT, true);
  }
  get addressKind(): number {
    return this.u8(Field.ADDRESS);
  }
  get segment(): number {
    return this.u8(Field.SEGMENT);
  }
  get bytes(): number {
    return this.u8(Field.BYTES);
  }
  get prefixes(): number {
    return this.u8(Field.PREFIXES);
  }
  get bits(): number {
    return this.u8(Field.BITS);
  }
  get immediateLow(): number {
    return this.view.getInt32(this.address + Field.IMMEDIATE, true);
  }
  get immediateHigh(): number {
    return this.view.getInt32(this.address + Field.IMMEDIATE + 4, true);
  }

  private u8(field: number): number {
    return this.view.getUint8(this.address + field);
  }
  private u16(field: number): number {
    return this.view.getUint16(this.address + field, true);
  }
}
