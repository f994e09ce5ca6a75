/** The structures of native.c: a case, and what became of it. */
export const CODE = 0x100000;
export const SCRATCH = 0x110000;
/** Where the jump behind the instruction leads in 64-bit mode, and in 32-bit mode. */
export const GATE = 0x1357a000;
export const GATE32 = GATE + 32;
export const WINDOW = 640;
export const CODE_BYTES = 16;
/** In place of an exception: the instruction is through. */
export const DONE = 255;
/** The processor did not get through it. */
export const HUNG = 254;

const GENERAL = 0;
const RIP = 128;
const RFLAGS = 136;
const SELECTORS = 144;
const CR2 = 152;
const FXSAVE = 160;
const MEMORY = FXSAVE + 512;
const STATE_SIZE = MEMORY + WINDOW;
const CASE_STATE = 32;
const RESULT_STATE = 16;
export const CASE_SIZE = CASE_STATE + STATE_SIZE;
export const RESULT_SIZE = RESULT_STATE + STATE_SIZE;

/** 0 is 64-bit mode, 1 compatibility mode with a 32-bit code segment. */
export type CpuMode = 0 | 1;

/** All that an instruction may read or change, in place. */
export class MachineState {
  /** RAX to R15 in the order of their encoding, lower half first. */
  readonly gpr: Uint32Array;
  readonly fxsave: Uint8Array;
  /** The same, by fields. */
  readonly fx: DataView;
  readonly memory: Uint8Array;
  /** ES, DS, FS, GS. */
  readonly selectors: Uint16Array;
  /** Registers but RIP and RFLAGS, and memory, to compare in a hurry. */
  readonly words: Uint32Array;
  private readonly view: DataView;

  constructor(buffer: ArrayBuffer, at: number) {
    this.gpr = new Uint32Array(buffer, at + GENERAL, 32);
    this.fxsave = new Uint8Array(buffer, at + FXSAVE, 512);
    this.fx = new DataView(buffer, at + FXSAVE, 512);
    this.memory = new Uint8Array(buffer, at + MEMORY, WINDOW);
    this.selectors = new Uint16Array(buffer, at + SELECTORS, 4);
    this.words = new Uint32Array(buffer, at, STATE_SIZE / 4);
    this.view = new DataView(buffer, at, STATE_SIZE);
  }

  get rip(): bigint {
    return this.view.getBigUint64(RIP, true);
  }
  set rip(value: bigint) {
    this.view.setBigUint64(RIP, value, true);
  }
  get rflags(): number {
    return this.view.getUint32(RFLAGS, true);
  }
  set rflags(value: number) {
    this.view.setUint32(RFLAGS, value, true);
  }
  /** The address of a page fault. */
  get cr2(): bigint {
    return this.view.getBigUint64(CR2, true);
  }
  set cr2(value: bigint) {
    this.view.setBigUint64(CR2, value, true);
  }
  get mxcsr(): number {
    return this.fx.getUint32(24, true);
  }
  set mxcsr(value: number) {
    this.fx.setUint32(24, value, true);
  }
  /** A general register. */
  register(n: number): bigint {
    return this.view.getBigUint64(GENERAL + n * 8, true);
  }
  setRegister(n: number, value: bigint): void {
    this.view.setBigUint64(GENERAL + n * 8, value, true);
  }
  clear(): void {
    this.words.fill(0);
  }
}

/** One instruction and the state before it. */
export class TestCase {
  readonly state: MachineState;
  /** Arithmetic flags that the instruction leaves undefined. */
  undefinedFlags = 0;
  /** The result is an approximation, which differs between processors. */
  approximate = false;
  private readonly bytes: Uint8Array;
  private readonly header: Uint32Array;

  constructor(buffer: ArrayBuffer = new ArrayBuffer(CASE_SIZE), at = 0) {
    this.bytes = new Uint8Array(buffer, at, CODE_BYTES);
    this.header = new Uint32Array(buffer, at + CODE_BYTES, 2);
    this.state = new MachineState(buffer, at + CASE_STATE);
  }

  get code(): Uint8Array {
    return this.bytes.subarray(0, this.header[0]);
  }
  get length(): number {
    return this.header[0];
  }
  get mode(): CpuMode {
    return this.header[1] === 1 ? 1 : 0;
  }
  copyFrom(other: TestCase): void {
    this.setCode(other.code, other.mode);
    this.state.words.set(other.state.words);
    this.undefinedFlags = other.undefinedFlags;
    this.approximate = other.approximate;
  }
  copy(): TestCase {
    const result = new TestCase();
    result.copyFrom(this);
    return result;
  }
  setCode(code: ArrayLike<number>, mode: CpuMode): void {
    this.bytes.fill(0);
    this.bytes.set(code);
    this.header[0] = code.length;
    this.header[1] = mode;
  }
}

/** The state behind an instruction, or at its exception. */
export class Outcome {
  readonly state: MachineState;
  private readonly header: Uint32Array;

  constructor(buffer: ArrayBuffer = new ArrayBuffer(RESULT_SIZE), at = 0) {
    this.header = new Uint32Array(buffer, at, 4);
    this.state = new MachineState(buffer, at + RESULT_STATE);
  }

  /** The exception, DONE for none. */
  get vector(): number {
    return this.header[0];
  }
  set vector(value: number) {
    this.header[0] = value;
  }
  get error(): number {
    return this.header[2];
  }
  set error(value: number) {
    this.header[2] = value;
  }
}

/** Cases that lie side by side, to be filled over and over. */
export class Batch {
  readonly cases: readonly TestCase[];
  private readonly bytes: Uint8Array;

  constructor(size: number) {
    const buffer = new ArrayBuffer(size * CASE_SIZE);
    this.bytes = new Uint8Array(buffer);
    this.cases = Array.from({ length: size }, (_, i) => new TestCase(buffer, i * CASE_SIZE));
  }

  /** The first `count` cases as native.c reads them. */
  encoded(count: number): Uint8Array {
    return this.bytes.subarray(0, count * CASE_SIZE);
  }
}
