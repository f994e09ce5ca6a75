import * as L from '../layout';
import { Exception, begin, fromDouble, give, giveDefault, isInfinity, isNan, isUnsupported, isZero, add, signal, toDouble } from './float80';
import { expOf, inUse, physical, popStack, pushResult, refusePush, sigOf, store80, underflow } from './stack';

/**
 * Transcendental functions, computed in double precision: 53 of the 64 bits are right. Arguments outside ±2^63 are left
 * alone with C2 set, as the processor does.
 */
const C2: u32 = 0x400;

function asDouble(i: u32): f64 {
  begin();
  const x = reinterpret<f64>(toDouble(expOf(physical(i)), sigOf(physical(i))));
  begin();
  return x;
}
function giveDouble(x: f64): void {
  begin();
  fromDouble(reinterpret<u64>(x));
  signal(Exception.PRECISION);
}
function setC2(on: bool): void { store<u32>(L.X87_STATUS, on ? load<u32>(L.X87_STATUS) | C2 : load<u32>(L.X87_STATUS) & ~C2); }

/** NaNs and unsupported operands. @returns whether the result is stored already */
function special(i: u32): bool {
  const register = physical(i);
  if (!isUnsupported(expOf(register), sigOf(register)) && !isNan(expOf(register), sigOf(register))) return false;
  add(expOf(register), sigOf(register), expOf(register), sigOf(register), false);
  return true;
}

/** By the opcode's low five bits: D9 F0 is 0x10. */
export function transcendental(n: u32): void {
  if ((n == 0x12 || n == 0x1b) && refusePush()) return;
  const two = n == 0x11 || n == 0x13 || n == 0x19;
  if (!inUse(0) || two && !inUse(1)) {
    underflow();
    if (store80(two ? 1 : 0) && two) popStack();
    return;
  }
  if (special(0) || two && special(1)) {
    if (store80(two ? 1 : 0) && two) popStack();
    return;
  }
  const st = physical(0);
  const periodic = n == 0x12 || n == 0x1b || n == 0x1e || n == 0x1f;
  if (periodic) {
    if (isInfinity(expOf(st), sigOf(st))) { giveDefault(); store80(0); return; }
    if ((expOf(st) & 0x7fff) >= 16383 + 63) { setC2(true); return; }
    setC2(false);
  }
  const x = asDouble(0);
  switch (n) {
    case 0x10: giveDouble(Math.expm1(x * Math.LN2)); store80(0); break;
    case 0x11: giveDouble(asDouble(1) * Math.log2(x)); if (store80(1)) popStack(); break;
    case 0x12: giveDouble(Math.tan(x)); if (store80(0)) { begin(); give(0x3fff, <u64>1 << 63); pushResult(); } break;
    case 0x13: giveDouble(Math.atan2(asDouble(1), x)); if (store80(1)) popStack(); break;
    case 0x19: giveDouble(asDouble(1) * Math.log1p(x) * Math.LOG2E); if (store80(1)) popStack(); break;
    case 0x1b: giveDouble(Math.sin(x)); if (store80(0)) { giveDouble(Math.cos(x)); pushResult(); } break;
    case 0x1e: giveDouble(Math.sin(x)); store80(0); break;
    default: giveDouble(Math.cos(x)); store80(0); break;
  }
}
