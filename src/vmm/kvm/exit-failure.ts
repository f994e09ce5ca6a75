import { hex } from '../../errors.js';
import type { VcpuFailure } from '../accelerator.js';
import { asBuffer, offsetOf } from '../layout.js';
import { KvmExit, KvmInternalError } from './constants.js';
import * as structs from './structs.js';

/** KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES */
const HAS_INSTRUCTION_BYTES = 1n;

/** Names and decodes an exit that tsvmm cannot serve. @param run the vCPU's shared page */
export function describeExit(run: Uint8Array): VcpuFailure {
  const buffer = asBuffer(run);
  const exit = buffer.subarray(offsetOf(structs.kvmRun, 'exit'));
  const reason = buffer.readUInt32LE(offsetOf(structs.kvmRun, 'exit_reason'));
  const name = `KVM_EXIT_${KvmExit[reason] ?? reason}`;
  switch (reason as KvmExit) {
    case KvmExit.UNKNOWN:
      return { reason: name, details: { hardware_exit_reason: hex(exit.readBigUInt64LE(0)) } };
    case KvmExit.FAIL_ENTRY:
      return {
        reason: `${name}: the processor refused the guest's state`,
        details: { hardware_entry_failure_reason: hex(exit.readBigUInt64LE(0)), cpu: exit.readUInt32LE(8) },
      };
    case KvmExit.INTERNAL_ERROR:
      return internalError(name, exit);
    case KvmExit.X86_RDMSR:
    case KvmExit.X86_WRMSR:
      return { reason: name, details: { msr: hex(exit.readUInt32LE(offsetOf(structs.exitMsr, 'index'))) } };
    case KvmExit.SYSTEM_EVENT:
      return { reason: name, details: { type: exit.readUInt32LE(0) } };
    case KvmExit.HYPERCALL:
      return { reason: name, details: { nr: hex(exit.readBigUInt64LE(0)) } };
    default:
      return { reason: name, details: {} };
  }
}

function internalError(name: string, exit: Buffer): VcpuFailure {
  const suberror = exit.readUInt32LE(0);
  const count = Math.min(exit.readUInt32LE(4), 16);
  const data = Array.from({ length: count }, (_, i) => exit.readBigUInt64LE(8 + 8 * i));
  switch (suberror as KvmInternalError) {
    case KvmInternalError.EMULATION: {
      const known = count > 1 && (data[0] & HAS_INSTRUCTION_BYTES) !== 0n;
      const at = offsetOf(structs.exitEmulation, 'insn_bytes');
      const size = Math.min(exit[offsetOf(structs.exitEmulation, 'insn_size')], 15);
      return {
        reason: `${name}: KVM cannot emulate the instruction`,
        details: known ? { instruction: exit.subarray(at, at + size).toString('hex') } : {},
      };
    }
    default:
      return {
        reason: `${name} ${KvmInternalError[suberror] ?? suberror}`,
        details: { data: data.map(hex).join(' ') },
      };
  }
}
