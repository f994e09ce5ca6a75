import { STATE_MSRS } from '../state-msrs.js';

/** Bit 0: fast string operations, which kernels take as their licence to use `rep movs`. */
const MISC_ENABLE_FAST_STRING = 1n;
/** Memory type range registers on (bit 11), everything write-back (type 6) unless page tables say otherwise. */
const MTRR_DEF_TYPE_WRITE_BACK = 0x806n;

/** What firmware leaves in the registers before it starts a kernel. */
export const FIRMWARE_MSRS: ReadonlyMap<number, bigint> = new Map([
  [STATE_MSRS.IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING],
  [STATE_MSRS.IA32_MTRR_DEF_TYPE, MTRR_DEF_TYPE_WRITE_BACK],
]);
