import * as L from '../layout';
import { Cr4 } from '../mode';
import { Vector, raise } from './fault';

/** Debug registers (Intel SDM vol. 3, 17.2). */

export namespace Dr6 {
  /** The breakpoints that were met: B0 to B3. */
  export const BREAKPOINTS: u32 = 15;
  /** Access to debug registers with DR7.GD. */
  export const BD: u32 = 0x2000;
  /** Single step. */
  export const BS: u32 = 0x4000;
  /** Task switch. */
  export const BT: u32 = 0x8000;
}
const DR7_GD: u32 = 0x2000;
/** L0 to L3 and LE. */
const LOCAL_BREAKPOINTS: u32 = 0x155;
/** Single step stops at branches only (17.4.3). */
export const DEBUGCTL_BTF: u32 = 2;

/** Kinds of breakpoints. */
const EXECUTION: u32 = 0;
const WRITE: u32 = 1;
const PORT: u32 = 2;

/** #DB for `reasons`, bits of DR6. Of the bits there only B0 to B3 are ever cleared. Does not return. */
export function raiseDebug(reasons: u32): void {
  store<u32>(L.DR6, (load<u32>(L.DR6) & ~Dr6.BREAKPOINTS) | reasons);
  raise(Vector.DB);
}

/** The handler may use the debug registers, is not stepped by branches, and sees all that was met so far. */
export function enterDebugHandler(): void {
  store<u32>(L.DR6, load<u32>(L.DR6) | load<u32>(L.DEBUG_PENDING));
  store<u32>(L.DEBUG_PENDING, 0);
  store<u32>(L.DR7, load<u32>(L.DR7) & ~DR7_GD);
  store<u32>(L.MSR_DEBUGCTL, load<u32>(L.MSR_DEBUGCTL) & ~DEBUGCTL_BTF);
}

export function generalDetect(): bool { return (load<u32>(L.DR7) & DR7_GD) != 0; }

/** On a task switch. */
export function disableLocalBreakpoints(): void { store<u32>(L.DR7, load<u32>(L.DR7) & ~LOCAL_BREAKPOINTS); }

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
    if (enabled(n) && kindOf(n) & 1 && addressOf(n) >> 12 == address >> 12) return true;
  }
  return false;
}

/** Notes in DEBUG_PENDING which data breakpoints an access meets. The trap comes after the instruction. */
export function watchAccess(address: u64, size: u32, isWrite: bool): void {
  for (let n: u32 = 0; n < 4; n++) {
    const kind = kindOf(n);
    if (!enabled(n) || !(kind & 1) || kind == WRITE && !isWrite) continue;
    meet(n, address, size);
  }
}

/** The same for I/O breakpoints, which are there with CR4.DE. */
export function watchPort(port: u32, size: u32): void {
  if (!hasBreakpoints() || !(load<u64>(L.CR4) & Cr4.DE)) return;
  for (let n: u32 = 0; n < 4; n++) if (enabled(n) && kindOf(n) == PORT) meet(n, port, size);
}
function meet(n: u32, address: u64, size: u32): void {
  const length = lengthOf(n);
  const first = addressOf(n) & ~(<u64>length - 1);
  if (address < first + length && first < address + size) store<u32>(L.DEBUG_PENDING, load<u32>(L.DEBUG_PENDING) | (1 << n));
}

/** DR6 bits of the instruction breakpoints at a linear address. */
export function instructionBreakpoints(address: u64): u32 {
  let met: u32 = 0;
  for (let n: u32 = 0; n < 4; n++) {
    if (enabled(n) && kindOf(n) == EXECUTION && addressOf(n) == address) met |= 1 << n;
  }
  return met;
}

/** Whether blocks must be of one instruction because of breakpoints. */
export function hasBreakpoints(): bool { return (load<u32>(L.DR7) & 0xff) != 0; }
