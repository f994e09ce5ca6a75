import * as L from '../layout';
import { define } from '../decode/handlers';
import { Op } from '../decode/operation';
import { Form, RecordBit } from '../decode/record';
import { pioRead, pioWrite } from '../host';
import { readSystem } from '../mmu/access';
import { Cr0, Flag, cpl, isVm86 } from '../mode';
import { immediateOf, leaveAfter, setRegister } from '../exec/operands';
import { watchPort } from './debug';
import { raiseGp } from './fault';

/** IOPL, the task's I/O permission map (Intel SDM vol. 1, 19.5), and I/O breakpoints. */
export function checkPort(port: u32, size: u32): void {
  checkPermission(port, size);
  watchPort(port, size);
}
function checkPermission(port: u32, size: u32): void {
  if (!(load<u64>(L.CR0) & Cr0.PE)) return;
  if (!isVm86() && cpl() <= (load<u32>(L.SYSTEM_FLAGS) & Flag.IOPL) >> 12) return;
  const limit = load<u32>(L.TR, L.SEGMENT_LIMIT);
  const base = load<u64>(L.TR, L.SEGMENT_BASE);
  if (load<u32>(L.TR, L.SEGMENT_UNUSABLE) || (load<u32>(L.TR, L.SEGMENT_ATTRIBUTES) & 8) == 0 || limit < 103) raiseGp(0);
  const map = <u32>readSystem<u16>(base + 102) + (port >> 3);
  if (map + 1 > limit) raiseGp(0);
  const bits = <u32>readSystem<u16>(base + map) >> (port & 7);
  if (bits & ((1 << size) - 1)) raiseGp(0);
}

function input<T>(op: usize, port: u32): usize {
  checkPort(port, sizeof<T>());
  setRegister<T>(L.RAX, <T>pioRead(port, sizeof<T>()));
  return leaveAfter(op);
}
function output<T>(op: usize, port: u32): usize {
  checkPort(port, sizeof<T>());
  pioWrite(port, sizeof<T>(), <u32>load<T>(L.RAX));
  return leaveAfter(op);
}
function definePortsOf<T>(size: u32): void {
  define(Op.IN, Form.RI, size, (op: usize): usize => input<T>(op, immediateOf<u8>(op)));
  define(Op.IN, Form.NONE, size, (op: usize): usize => input<T>(op, load<u16>(L.RDX)));
  define(Op.OUT, Form.RI, size, (op: usize): usize => output<T>(op, immediateOf<u8>(op)));
  define(Op.OUT, Form.NONE, size, (op: usize): usize => output<T>(op, load<u16>(L.RDX)));
}
export function definePorts(): void {
  definePortsOf<u8>(0);
  definePortsOf<u16>(1);
  definePortsOf<u32>(2);
}
