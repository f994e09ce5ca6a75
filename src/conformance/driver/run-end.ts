import type { RunResult } from '../../vmm/run-result.js';
import type { Variant } from './variants/variant.js';

/** Ends of a guest that has gone down. */
const DEADLY: readonly RunResult['reason'][] = ['panicked', 'halted', 'triple-fault', 'failed'];
/** Ends at which a guest has done what it was to do. */
const GOOD: readonly RunResult['reason'][] = ['poweroff', 'reset', 'matched'];
/** Ends that the want of a device does not excuse. */
const INEXCUSABLE: readonly RunResult['reason'][] = ['triple-fault', 'failed'];

/**
 * Whether a run with this variant of the devices ended as it should.
 * @param said the output came that was awaited, if any was
 */
export function endsWell(
  { hopeless, absent }: Variant,
  { reason, code }: Pick<RunResult, 'reason' | 'code'>,
  said: boolean,
): boolean {
  if (absent) return !INEXCUSABLE.includes(reason);
  // Whatever has become of its work, the guest has not gone down.
  if (hopeless) return !DEADLY.includes(reason);
  return said && (GOOD.includes(reason) || (reason === 'exit' && code === 0));
}

/** How it ended, in a word or two. */
export function endText({ reason, code }: Pick<RunResult, 'reason' | 'code'>): string {
  return code === undefined ? reason : `${reason} ${code}`;
}
