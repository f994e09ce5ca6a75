import { MAX_HPET_TIMERS, MIN_HPET_TIMERS, type HpetModel } from '../../devices/legacy/hpet.js';
import { ConfigError } from '../../errors.js';

/** The high precision event timers; what is left out is as `true` has it. */
export interface HpetOption {
  /** Bits of the main counter, 32 or 64; 64 by default. */
  readonly width?: 32 | 64;
  /** 3 to 32; 3 by default. */
  readonly timers?: number;
  /** Timers can interrupt by messages; true by default. */
  readonly msi?: boolean;
}

/**
 * @param wanted `true` for those of a PC, `false` for none
 * @throws ConfigError that says what makes no sense
 */
export function checkHpet(wanted: boolean | HpetOption): HpetModel | undefined {
  if (wanted === false) return undefined;
  const { width = 64, timers = MIN_HPET_TIMERS, msi = true } = wanted === true ? {} : wanted;
  if (width !== 32 && width !== 64) {
    throw new ConfigError(`an HPET's main counter has 32 or 64 bits, not ${String(width)}`, { width });
  }
  if (!Number.isInteger(timers) || timers < MIN_HPET_TIMERS || timers > MAX_HPET_TIMERS) {
    throw new ConfigError(`an HPET has ${MIN_HPET_TIMERS} to ${MAX_HPET_TIMERS} timers, not ${timers}`, {
      timers,
    });
  }
  return { width, timers, msi };
}
