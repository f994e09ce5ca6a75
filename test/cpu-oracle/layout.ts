/** The structures of native.c. */
export const CODE = 0x100000;
export const SCRATCH = 0x110000;
export const WINDOW = 512;
const STATE_SIZE = 16 * 8 + 8 + 8 + 512 + WINDOW;
export const CASE_SIZE = 16 + 8 + STATE_SIZE;
export const RESULT_SIZE = 8 + 8 + STATE_SIZE;

/** All that an instruction may read or change. */
export interface MachineState {
  readonly gpr: bigint[];
  rip: bigint;
  rflags: bigint;
  readonly fxsave: Uint8Array;
  readonly memory: Uint8Array;
}

export interface TestCase {
  readonly code: Uint8Array;
  readonly state: MachineState;
  /** Arithmetic flags that the instruction leaves undefined. */
  readonly undefinedFlags: number;
  /** MXCSR's exception flags are not compared. */
  readonly ignoreMxcsr: boolean;
}

export interface Outcome {
  /** The exception, 3 for the INT3 behind the instruction. */
  readonly vector: number;
  readonly error: number;
  readonly state: MachineState;
}

export function encodeCase({ code, state }: TestCase, into: DataView, at: number): void {
  const bytes = new Uint8Array(into.buffer, into.byteOffset + at, CASE_SIZE);
  bytes.set(code);
  into.setBigUint64(at + 16, BigInt(code.length), true);
  let to = at + 24;
  for (const value of [...state.gpr, state.rip, state.rflags]) {
    into.setBigUint64(to, value, true);
    to += 8;
  }
  bytes.set(state.fxsave, to - at);
  bytes.set(state.memory, to - at + 512);
}

export function decodeResult(view: DataView, at: number): Outcome {
  const word = (i: number): bigint => view.getBigUint64(at + 16 + i * 8, true);
  const bytes = (offset: number, size: number): Uint8Array =>
    new Uint8Array(view.buffer, view.byteOffset + at + 16 + 18 * 8 + offset, size).slice();
  return {
    vector: Number(view.getBigUint64(at, true)),
    error: Number(view.getBigUint64(at + 8, true)),
    state: {
      gpr: Array.from({ length: 16 }, (_, i) => word(i)),
      rip: word(16),
      rflags: word(17),
      fxsave: bytes(0, 512),
      memory: bytes(512, WINDOW),
    },
  };
}
