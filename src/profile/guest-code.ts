import type { FrameState } from '../vmm/accelerator.js';
import type { AddressSpace } from '../vmm/device.js';
import type { GuestMemory } from '../vmm/memory/guest-memory.js';
import { translate } from '../vmm/memory/translate.js';

/** Prefixes and an opcode: more of an instruction does not matter here. */
const LOOKED_AT = 6;

const OPERAND_SIZE = 0x66;
const ADDRESS_SIZE = 0x67;
const REPNE = 0xf2;
const REP = 0xf3;
/** OUT imm8 and OUT DX (E6, E7, EE, EF), OUTS (6E, 6F). */
const PORT_WRITES: ReadonlySet<number> = new Set([0xe6, 0xe7, 0xee, 0xef, 0x6e, 0x6f]);
/** MOVS and STOS: repeated ones stay at their RIP until they are through. */
const STRING_WRITES: ReadonlySet<number> = new Set([0xa4, 0xa5, 0xaa, 0xab]);

/**
 * Whether an instruction that has written to a device is the one before `rip`. KVM tells either its RIP or that of the next one,
 * by which of its paths the exit took; what is at `rip` tells which. Where two port writes follow each other it cannot, and
 * `rip` is taken for that of the exit.
 */
export function isBehindWrite(
  memory: GuestMemory,
  state: FrameState,
  rip: bigint,
  space: AddressSpace,
): boolean {
  const { opcode, repeated } = opcodeAt(memory, state, rip);
  if (opcode === undefined) return space === 'mmio';
  if (space === 'port') return !PORT_WRITES.has(opcode);
  return !(repeated && STRING_WRITES.has(opcode));
}

function opcodeAt(
  memory: GuestMemory,
  state: FrameState,
  rip: bigint,
): { readonly opcode: number | undefined; readonly repeated: boolean } {
  let repeated = false;
  for (let i = 0n; i < LOOKED_AT; i++) {
    const gpa = translate(memory, state.system, BigInt.asUintN(64, rip + i));
    const byte = gpa !== undefined && memory.contains(gpa, 1) ? memory.read8(gpa) : undefined;
    if (byte === REP || byte === REPNE) repeated = true;
    else if (byte === undefined || !(byte === OPERAND_SIZE || byte === ADDRESS_SIZE || isRex(byte, state)))
      return { opcode: byte, repeated };
  }
  return { opcode: undefined, repeated };
}

function isRex(byte: number, { wide }: FrameState): boolean {
  return wide && (byte & 0xf0) === 0x40;
}
