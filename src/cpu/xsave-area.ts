import type { ExtendedState } from '../vmm/vcpu-state.js';
import * as L from './core/layout.js';
import type { VcpuFields } from './vcpu-fields.js';

/** XSAVE's standard form (Intel SDM vol. 1, 13.4), as the guest sees it by CPUID leaf 0xD. */
const Offset = {
  CONTROL: 0,
  STATUS: 2,
  TAGS: 4,
  OPCODE: 6,
  IP: 8,
  DP: 16,
  MXCSR: 24,
  MXCSR_MASK: 28,
  X87: 32,
  XMM: 160,
  XSTATE_BV: 512,
  PKRU: 576,
} as const;
const SIZE = 584;

const X87 = 1n;
const SSE = 2n;
const PKRU = 1n << 9n;

const MXCSR_BITS = 0xffff;
const INITIAL_MXCSR = 0x1f80;
const INITIAL_CONTROL = 0x37f;
/** TOP in the x87 status word. */
const TOP_SHIFT = 11;
const TOP_BITS = 7 << TOP_SHIFT;

/** A vCPU's x87, vector and protection key registers. */
export function saveExtended(fields: VcpuFields): ExtendedState {
  const xsave = new Uint8Array(SIZE);
  const view = new DataView(xsave.buffer);
  const top = fields.get32(L.X87_TOP);
  view.setUint16(Offset.CONTROL, fields.get32(L.X87_CONTROL), true);
  view.setUint16(Offset.STATUS, (fields.get32(L.X87_STATUS) & ~TOP_BITS) | (top << TOP_SHIFT), true);
  view.setUint8(Offset.TAGS, fields.get32(L.X87_TAGS));
  view.setUint16(Offset.OPCODE, fields.get32(L.X87_OPCODE), true);
  view.setBigUint64(Offset.IP, fields.get64(L.X87_IP), true);
  view.setBigUint64(Offset.DP, fields.get64(L.X87_DP), true);
  view.setUint32(Offset.MXCSR, fields.get32(L.MXCSR), true);
  view.setUint32(Offset.MXCSR_MASK, MXCSR_BITS, true);
  for (let i = 0; i < 8; i++) {
    const register = L.X87 + ((top + i) & 7) * 16;
    view.setBigUint64(Offset.X87 + i * 16, fields.get64(register), true);
    view.setUint16(Offset.X87 + i * 16 + 8, fields.get16(register + 8), true);
  }
  for (let i = 0; i < 16; i++) {
    const register = L.VECTORS + i * L.VECTOR_SIZE;
    xsave.set(fields.bytes(register, register + 16), Offset.XMM + i * 16);
  }
  view.setBigUint64(Offset.XSTATE_BV, X87 | SSE | PKRU, true);
  view.setUint32(Offset.PKRU, fields.get32(L.PKRU), true);
  return { xsave, xcr0: fields.get64(L.XCR0) };
}

/** Sets them. What XSTATE_BV does not name, or the area is too short for, gets its initial value. */
export function loadExtended(fields: VcpuFields, { xsave, xcr0 }: ExtendedState): void {
  const area = new Uint8Array(SIZE);
  area.set(xsave.subarray(0, SIZE));
  const view = new DataView(area.buffer);
  const present = view.getBigUint64(Offset.XSTATE_BV, true);
  if (!(present & X87)) {
    area.fill(0, 0, Offset.MXCSR).fill(0, Offset.X87, Offset.XMM);
    view.setUint16(Offset.CONTROL, INITIAL_CONTROL, true);
  }
  if (!(present & SSE)) area.fill(0, Offset.XMM, Offset.XSTATE_BV);
  if (!(present & (X87 | SSE))) view.setUint32(Offset.MXCSR, INITIAL_MXCSR, true);
  const status = view.getUint16(Offset.STATUS, true);
  const top = (status & TOP_BITS) >> TOP_SHIFT;
  fields.set32(L.X87_CONTROL, view.getUint16(Offset.CONTROL, true));
  fields.set32(L.X87_STATUS, status & ~TOP_BITS);
  fields.set32(L.X87_TOP, top);
  fields.set32(L.X87_TAGS, view.getUint8(Offset.TAGS));
  fields.set32(L.X87_OPCODE, view.getUint16(Offset.OPCODE, true) & 0x7ff);
  fields.set64(L.X87_IP, view.getBigUint64(Offset.IP, true));
  fields.set64(L.X87_DP, view.getBigUint64(Offset.DP, true));
  fields.set32(L.MXCSR, view.getUint32(Offset.MXCSR, true) & MXCSR_BITS);
  for (let i = 0; i < 8; i++) {
    const register = L.X87 + ((top + i) & 7) * 16;
    fields.set64(register, view.getBigUint64(Offset.X87 + i * 16, true));
    fields.set64(register + 8, BigInt(view.getUint16(Offset.X87 + i * 16 + 8, true)));
  }
  for (let i = 0; i < 16; i++) {
    const register = L.VECTORS + i * L.VECTOR_SIZE;
    fields.bytes(register, register + 16).set(area.subarray(Offset.XMM + i * 16, Offset.XMM + i * 16 + 16));
  }
  fields.set32(L.PKRU, present & PKRU ? view.getUint32(Offset.PKRU, true) : 0);
  fields.set64(L.XCR0, xcr0);
}
