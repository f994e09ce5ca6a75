import { check } from '../cases/errors.js';

const SHOWN_BYTES = 16;

/**
 * Compares what a server answers with what it was told.
 *
 * @param {string} what was asked
 * @param {unknown} answer bytes, or undefined for nothing
 * @param {Buffer | undefined} expected
 * @throws {import('../cases/errors.js').CheckFailed} that says in what they differ
 */
export function checkSame(what, answer, expected) {
  if (expected === undefined) return check(answer === undefined, `${what}: a value that was removed`);
  check(answer !== undefined, `${what}: a value is lost`);
  check(Buffer.isBuffer(answer), `${what}: ${String(answer)}`);
  check(answer.equals(expected), `${what}: another value than was set: ${difference(answer, expected)}`);
}

/**
 * @param {Buffer} answer
 * @param {Buffer} expected
 */
function difference(answer, expected) {
  let first = 0;
  while (first < answer.length && answer[first] === expected[first]) first++;
  let wrong = 0;
  for (let i = first; i < expected.length; i++) if (answer[i] !== expected[i]) wrong++;
  const bytes = (/** @type {Buffer} */ value) =>
    value.toString('hex', first, first + SHOWN_BYTES) || 'nothing';
  return (
    `${answer.length} bytes for ${expected.length}, ${wrong} of them wrong; ` +
    `from byte ${first} on ${bytes(answer)}, not ${bytes(expected)}`
  );
}
