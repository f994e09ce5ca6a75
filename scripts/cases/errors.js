/** What the guest did is not what it should have done. */
export class CheckFailed extends Error {
  /** @override */
  name = 'CheckFailed';
}

/** A case that did not end as it should, with all that the guest printed. */
export class CaseFailed extends Error {
  /** @override */
  name = 'CaseFailed';

  /**
   * @param {unknown} cause
   * @param {string} output of the guest's serial port
   */
  constructor(cause, output) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.output = output;
  }
}

/**
 * @param {boolean} condition
 * @param {string} message what is wrong when it does not hold
 * @returns {asserts condition}
 */
export function check(condition, message) {
  if (!condition) throw new CheckFailed(message);
}
