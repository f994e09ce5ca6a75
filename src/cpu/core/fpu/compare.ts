import {
  Exception, INTEGER_BIT, isDenormal, isNaN80, isSignaling, isUnsupported, isZero, raise, raiseNarrowDenormal, signOf,
} from './float80';

export namespace Relation {
  export const GREATER: u32 = 0;
  /** As C0 says it, and CF. */
  export const LESS: u32 = 1;
  /** As C3 says it, and ZF. */
  export const EQUAL: u32 = 0x40;
  /** C3, C2 and C0; ZF, PF and CF. */
  export const UNORDERED: u32 = 0x45;
}

/** @param quiet quiet NaNs are no invalid operands (FUCOM) @returns a Relation */
export function compare(ase: u32, asig: u64, bse: u32, bsig: u64, quiet: bool): u32 {
  if (isUnsupported(ase, asig) || isUnsupported(bse, bsig)) {
    raise(Exception.INVALID);
    return Relation.UNORDERED;
  }
  if (isNaN80(ase, asig) || isNaN80(bse, bsig)) {
    if (!quiet || isSignaling(ase, asig) || isSignaling(bse, bsig)) raise(Exception.INVALID);
    return Relation.UNORDERED;
  }
  if (isDenormal(ase, asig) || isDenormal(bse, bsig)) raise(Exception.DENORMAL);
  raiseNarrowDenormal();
  if (isZero(ase, asig) && isZero(bse, bsig)) return Relation.EQUAL;
  const aSign = signOf(ase);
  if (aSign != signOf(bse)) return aSign ? Relation.LESS : Relation.GREATER;
  // A pseudo-denormal is worth as much as the smallest normal number.
  const ae = keyOf(ase, asig);
  const be = keyOf(bse, bsig);
  if (ae == be && asig == bsig) return Relation.EQUAL;
  const greater = ae > be || ae == be && asig > bsig;
  return greater != (aSign != 0) ? Relation.GREATER : Relation.LESS;
}
@inline function keyOf(se: u32, sig: u64): u32 {
  const e = se & 0x7fff;
  return e ? e : <u32>(sig >= INTEGER_BIT);
}
