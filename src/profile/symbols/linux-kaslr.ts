import type { VcpuPort } from '../../vmm/accelerator.js';
import { STATE_MSRS } from '../../vmm/state-msrs.js';
import type { VcpuState } from '../../vmm/vcpu-state.js';
import type { SymbolFile } from './symbol-file.js';

/** Linux moves itself by whole multiples of this (CONFIG_PHYSICAL_ALIGN's least), within this many bytes. */
const ALIGNMENT = 0x20_0000n;
const LARGEST_OFFSET = 1n << 30n;

/** The entry point of system calls, whose address the processor knows. */
export const SYSTEM_CALL_ENTRY = 'entry_SYSCALL_64';

/**
 * By how much a Linux kernel runs above the addresses in its file: the processor knows where the entry point of system calls is
 * (MSR LSTAR), the file where it was linked.
 * @returns `undefined` when that cannot be told: the kernel has not set it up, or the file is of another kernel
 */
export function kernelOffset(file: SymbolFile, { msrs }: Pick<VcpuState, 'msrs'>): bigint | undefined {
  const linked = file.addressOf(SYSTEM_CALL_ENTRY);
  return linked === undefined ? undefined : offsetFrom(linked, msrs?.get(STATE_MSRS.LSTAR) ?? 0n);
}

function offsetFrom(linked: bigint, running: bigint): bigint | undefined {
  if (running === 0n) return undefined;
  const offset = BigInt.asUintN(64, running - linked);
  return offset % ALIGNMENT === 0n && offset < LARGEST_OFFSET ? offset : undefined;
}

/** Attempts between two looks at the MSR, at most. */
const LONGEST_WAIT = 256;

/** The offset of a kernel that runs, from when it has set up system calls on its first processor. Until then it is taken as linked. */
export class RunningOffset {
  private known: bigint | undefined;
  private waits = 0;
  private wait = 1;

  /** @param linked where the entry point of system calls is linked */
  constructor(
    private readonly linked: bigint,
    private readonly vcpu: Pick<VcpuPort, 'getState'>,
  ) {}

  get value(): bigint {
    if (this.known === undefined && ++this.waits >= this.wait) {
      this.waits = 0;
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
      this.known = offsetFrom(this.linked, this.vcpu.getState().msrs?.get(STATE_MSRS.LSTAR) ?? 0n);
    }
    return this.known ?? 0n;
  }
}

/** Whether a file's symbols are those of a Linux kernel, which may move itself. */
export function isLinux(file: SymbolFile): boolean {
  return file.addressOf(SYSTEM_CALL_ENTRY) !== undefined;
}
