import { blob, u16, u32, u8 } from 'buffer-layout';
import { asBuffer, decode, encode, structure, u64 } from '../layout.js';
import type { KvmFpu } from './structs.js';

/** XCR0 of a processor that has nothing beyond x87 and SSE (Intel SDM vol. 1, 13.3). */
export const X87_AND_SSE = 3n;

/** MXCSR bits that every processor with SSE2 has, for a host that does not say. */
const MXCSR_MASK = 0xffff;
/** XSTATE_BV: x87 and SSE are in the region. */
const PRESENT = 3n;
const REGION = 4096;

interface LegacyRegion {
  fcw: number;
  fsw: number;
  /** Abridged tag word: a bit a register. */
  ftw: number;
  reserved: number;
  fop: number;
  rip: bigint;
  rdp: bigint;
  mxcsr: number;
  mxcsrMask: number;
  st: Uint8Array;
  xmm: Uint8Array;
  rest: Uint8Array;
  xstateBv: bigint;
}

/** The legacy region of an XSAVE area and the first field of its header (Intel SDM vol. 1, 13.4.1 and 13.4.2). */
const legacyRegion = structure<LegacyRegion>([
  u16('fcw'),
  u16('fsw'),
  u8('ftw'),
  u8('reserved'),
  u16('fop'),
  u64('rip'),
  u64('rdp'),
  u32('mxcsr'),
  u32('mxcsrMask'),
  blob(128, 'st'),
  blob(256, 'xmm'),
  blob(96, 'rest'),
  u64('xstateBv'),
]);

/** What KVM_GET_FPU tells, as an XSAVE area: the form in which every accelerator tells this state. */
export function legacyFromFpu(fpu: KvmFpu): Uint8Array {
  const area = new Uint8Array(REGION);
  const { fcw, fsw, ftwx, last_opcode, last_ip, last_dp, mxcsr, fpr, xmm } = fpu;
  area.set(
    encode(legacyRegion, {
      fcw,
      fsw,
      ftw: ftwx,
      reserved: 0,
      fop: last_opcode,
      rip: last_ip,
      rdp: last_dp,
      mxcsr,
      mxcsrMask: MXCSR_MASK,
      st: asBuffer(fpr),
      xmm: asBuffer(xmm),
      rest: Buffer.alloc(96),
      xstateBv: PRESENT,
    }),
  );
  return area;
}

/** The way back, for KVM_SET_FPU. */
export function fpuFromLegacy(area: Uint8Array): KvmFpu {
  const { fcw, fsw, ftw, fop, rip, rdp, mxcsr, st, xmm } = decode(legacyRegion, area);
  const last = { last_opcode: fop, last_ip: rip, last_dp: rdp };
  return { fcw, fsw, ftwx: ftw, ...last, mxcsr, fpr: st, xmm, pad1: 0, pad2: 0 };
}
