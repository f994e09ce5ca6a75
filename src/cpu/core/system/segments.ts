import * as L from '../layout';
import { Mode, isProtected } from '../mode';
import { Vector, raiseWithCode } from './fault';

/** Checks a memory operand against its segment (Intel SDM vol. 3, 5.3 and 5.5). @returns the linear address */
export function segmentLinear(segment: usize, offset: u32, bytes: u32, writes: bool): u64 {
  const attributes = load<u32>(segment, L.SEGMENT_ATTRIBUTES);
  if (isProtected()) {
    const code = (attributes & 8) != 0;
    if (load<u32>(segment, L.SEGMENT_UNUSABLE)) refuse(segment);
    if (writes ? code || !(attributes & 2) : code && !(attributes & 2)) refuse(segment);
  }
  const last = <u64>offset + (bytes ? bytes - 1 : 0);
  const limit = load<u32>(segment, L.SEGMENT_LIMIT);
  if ((attributes & 0xc) == 4) {
    // Expand-down: valid are the offsets above the limit.
    const top: u64 = attributes & 0x4000 ? 0xffffffff : 0xffff;
    if (<u64>offset <= <u64>limit || last > top) refuse(segment);
  } else if (last > <u64>limit && !isWhole(segment)) {
    refuse(segment);
  }
  return <u64>(load<u32>(segment, L.SEGMENT_BASE) + offset);
}

/** All 4 GiB, of which operands that go beyond fault piece by piece where they cross pages (`checkEnd`). */
function isWhole(segment: usize): bool {
  const flat = (load<u32>(L.MODE) & Mode.FLAT) != 0;
  return flat && load<u32>(segment, L.SEGMENT_LIMIT) == 0xffffffff && !load<u64>(segment, L.SEGMENT_BASE);
}

function refuse(segment: usize): void { raiseWithCode(segment == L.SS ? Vector.SS : Vector.GP, 0); }

/** The linear address for the stack at `offset` (already cut to SS.B) outside 64-bit mode. */
export function stackLinear(offset: u32, bytes: u32, writes: bool): u64 {
  if (load<u32>(L.MODE) & Mode.FLAT) {
    // Of instructions with an operand in another segment, too.
    if (<u64>offset + bytes > 0x1_0000_0000) refuse(L.SS);
    return <u64>offset;
  }
  return segmentLinear(L.SS, offset, bytes, writes);
}
