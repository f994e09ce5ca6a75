import { STATE_MSRS } from '../../vmm/state-msrs.js';
import type { VcpuState } from '../../vmm/vcpu-state.js';
import type { SymbolFile } from './symbol-file.js';

/** Linux moves itself by whole multiples of this (CONFIG_PHYSICAL_ALIGN's least), within this many bytes. */
const ALIGNMENT = 0x20_0000n;
const LARGEST_OFFSET = 1n << 30n;

/**
 * By how much a Linux kernel runs above the addresses in its file: the processor knows where the entry point of system calls is
 * (MSR LSTAR), the file where it was linked.
 * @returns `undefined` when that cannot be told: the kernel has not set it up, or the file is of another kernel
 */
export function kernelOffset(file: SymbolFile, { msrs }: Pick<VcpuState, 'msrs'>): bigint | undefined {
  const linked = file.symbols.addressOf('entry_SYSCALL_64');
  const running = msrs?.get(STATE_MSRS.LSTAR) ?? 0n;
  if (linked === undefined || running === 0n) return undefined;
  const offset = BigInt.asUintN(64, running - linked);
  return offset % ALIGNMENT === 0n && offset < LARGEST_OFFSET ? offset : undefined;
}

/** Whether a file's symbols are those of a Linux kernel, which may move itself. */
export function isLinux(file: SymbolFile): boolean {
  return file.symbols.addressOf('entry_SYSCALL_64') !== undefined;
}
