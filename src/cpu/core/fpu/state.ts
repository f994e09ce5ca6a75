import * as L from '../layout';
import { Vector, raise } from '../system/fault';

/** An unmasked x87 exception is waiting: the next waiting instruction meets it. */
export function checkX87Exceptions(): void {
  if (load<u32>(L.X87_STATUS) & 0x80) raise(Vector.MF);
}

/** FNINIT. */
export function initializeX87(): void {
  store<u32>(L.X87_CONTROL, 0x37f);
  store<u32>(L.X87_STATUS, 0);
  store<u32>(L.X87_TAGS, 0);
  store<u32>(L.X87_TOP, 0);
  store<u64>(L.X87_IP, 0);
  store<u64>(L.X87_DP, 0);
  store<u32>(L.X87_OPCODE, 0);
}

/** The status word with TOP in its place. */
@inline export function statusWord(): u32 { return load<u32>(L.X87_STATUS) | (load<u32>(L.X87_TOP) << 11); }
export function setStatusWord(value: u32): void {
  store<u32>(L.X87_TOP, (value >> 11) & 7);
  store<u32>(L.X87_STATUS, value & ~0x3800 & 0xffff);
  updateSummary();
}
/** ES and B say whether an unmasked exception is pending. */
export function updateSummary(): void {
  const status = load<u32>(L.X87_STATUS);
  const pending = (status & ~load<u32>(L.X87_CONTROL) & 0x3f) != 0;
  store<u32>(L.X87_STATUS, pending ? status | 0x8080 : status & ~0x8080);
}
