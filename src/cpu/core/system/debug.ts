import * as L from '../layout';

/** Debug registers (Intel SDM vol. 3, 17.2). */

@inline function enabled(n: u32): bool { return ((load<u32>(L.DR7) >> (n * 2)) & 3) != 0; }
@inline function kindOf(n: u32): u32 { return (load<u32>(L.DR7) >> (16 + n * 4)) & 3; }

/** Bytes that a breakpoint covers. */
function lengthOf(n: u32): u32 {
  const length = (load<u32>(L.DR7) >> (18 + n * 4)) & 3;
  return length == 2 ? 8 : length + 1;
}
@inline function addressOf(n: u32): u64 { return load<u64>(L.DR + <usize>(n * 8)); }

/** Whether a data breakpoint may lie in the page of `address` or be reached from it. */
export function watchesPage(address: u64): bool {
  if (!(load<u32>(L.DR7) & 0xff)) return false;
  for (let n: u32 = 0; n < 4; n++) {
    if (enabled(n) && kindOf(n) != 0 && addressOf(n) >> 12 == address >> 12) return true;
  }
  return false;
}

/** Notes in DEBUG_PENDING which data breakpoints an access meets. The trap comes after the instruction. */
export function watchAccess(address: u64, size: u32, isWrite: bool): void {
  for (let n: u32 = 0; n < 4; n++) {
    const kind = kindOf(n);
    if (!enabled(n) || kind == 0 || kind == 2 || (kind == 1 && !isWrite)) continue;
    const length = lengthOf(n);
    const first = addressOf(n) & ~(<u64>length - 1);
    if (address < first + length && first < address + size) store<u32>(L.DEBUG_PENDING, load<u32>(L.DEBUG_PENDING) | (1 << n));
  }
}

/** DR6 bits of the instruction breakpoints at a linear address. */
export function instructionBreakpoints(address: u64): u32 {
  let met: u32 = 0;
  for (let n: u32 = 0; n < 4; n++) {
    if (enabled(n) && kindOf(n) == 0 && addressOf(n) == address) met |= 1 << n;
  }
  return met;
}

/** Whether blocks must be of one instruction because of breakpoints. */
export function hasBreakpoints(): bool { return (load<u32>(L.DR7) & 0xff) != 0; }
