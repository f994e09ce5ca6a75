import { CORE_BASE64 } from './core-binary.js';

/** What the core calls in the middle of an instruction; `core/host.ts` is the other side. */
export interface CoreImports {
  pioRead(port: number, size: number): number;
  pioWrite(port: number, size: number, value: number): void;
  mmioRead(gpa: number, size: number): number;
  mmioWrite(gpa: number, size: number, value: number): void;
  mmioReadHigh(gpa: number): number;
  mmioWriteHigh(gpa: number, value: number): void;
  apicRead(offset: number): number;
  apicWrite(offset: number, value: number): void;
  readCr8(): number;
  writeCr8(value: number): void;
  acknowledgeInterrupt(): number;
  cpuid(leaf: number, subleaf: number): void;
  readMsr(index: number): number;
  writeMsr(index: number): number;
  readTsc(): number;
  random(): number;
  hypercall(): void;
}

/** What the host calls of the core; `core/index.ts` is the other side. */
export interface CoreExports {
  initialize(ramSize: number): void;
  execute(): number;
  stateChanged(): void;
  switchVcpu(to: number): void;
  memoryWritten(gpa: number, size: number): void;
  readFlags(): number;
  writeFlags(flags: number): void;
  /** Decodes one instruction without executing it; see `core/decode/inspect.ts`. @returns address of the record, or 0 */
  decodeAt(gpa: number, mode: number): number;
  readonly decodedBlocks: { readonly value: number };
  readonly invalidatedBlocks: { readonly value: number };
}

/** `Stop` of `core/exec/loop.ts`. */
export const CoreStop = { SLICE: 0, HALTED: 1, SHUTDOWN: 2, YIELD: 3 } as const;

/**
 * Thrown through the core's frames when an instruction faults: the core has noted what happened, and `execute` goes on
 * from there. One constant, so that nothing is allocated.
 */
const GUEST_FAULT = Symbol('guest fault');

/** A core linked with one machine's memory. */
export class Core {
  readonly exports: CoreExports;

  constructor(memory: WebAssembly.Memory, imports: CoreImports) {
    const raise = (): never => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- not an error, and an object would cost a stack trace
      throw GUEST_FAULT;
    };
    const instance = new WebAssembly.Instance(compiled(), { env: { memory }, host: { ...imports, raise } });
    this.exports = instance.exports as unknown as CoreExports;
  }

  /** Runs the vCPU in place until the core stops by itself. @returns a `CoreStop` */
  execute(): number {
    for (;;) {
      try {
        return this.exports.execute();
      } catch (thrown) {
        if (thrown !== GUEST_FAULT) throw thrown;
      }
    }
  }
}

/** Compiles the core, once a thread. */
export function prepareCore(): void {
  compiled();
}

let module: WebAssembly.Module | undefined;

function compiled(): WebAssembly.Module {
  module ??= new WebAssembly.Module(bytesOf(CORE_BASE64));
  return module;
}

/** Node's decoder takes a millisecond, a loop over `atob` thirty, before anything is optimized. */
function bytesOf(base64: string): Uint8Array {
  if (typeof Buffer !== 'undefined') return Buffer.from(base64, 'base64');
  return Uint8Array.from(atob(base64), character => character.charCodeAt(0));
}
