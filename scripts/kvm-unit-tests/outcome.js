/**
 * How a test's run ended.
 *
 * @typedef {'pass' | 'fail' | 'skip' | 'timeout' | 'crash'} Verdict
 *
 * @typedef {object} Outcome
 * @property {Verdict} verdict
 * @property {string | undefined} reason for what is not a pass: why
 * @property {number} subtests that were reported, by lines `PASS:`, `FAIL:` and so on
 * @property {readonly string[]} failed what the lines `FAIL:` say
 * @property {readonly string[]} skipped what the lines `SKIP:` say
 * @property {string | undefined} summary the test's own: `12 tests, 1 unexpected failures`
 * @property {string} [note] how the machine was not as the test wants it
 * @property {number} seconds wall time
 */

/**
 * How the machine ended.
 *
 * @typedef {object} End
 * @property {'exit' | 'timeout' | 'crash' | 'unavailable'} kind
 * @property {number} [code] for `exit`: what was written to the debug exit port
 * @property {string} [reason] for the others
 * @property {string} [note] as in an outcome
 * @property {number} seconds
 */

/** Of `exit()`: a test that does not apply (lib/report.c, `report_summary`). */
const EXIT_SKIPPED = 77 >> 1;

const REPORT_LINE = /^(PASS|FAIL|SKIP|XPASS|XFAIL|KFAIL): (.*)$/;
const SUMMARY_LINE = /^SUMMARY: (.*)$/m;

/**
 * @param {string} output of the serial port
 * @param {End} end
 * @returns {Outcome}
 */
export function outcomeOf(output, end) {
  const lines = output.replaceAll('\r', '').split('\n');
  /** @type {string[]} */
  const failed = [];
  /** @type {string[]} */
  const skipped = [];
  let subtests = 0;
  for (const line of lines) {
    const [, kind, what] = REPORT_LINE.exec(line) ?? [];
    if (kind === undefined) continue;
    subtests++;
    if (kind === 'FAIL' || kind === 'XPASS') failed.push(what.trim());
    else if (kind === 'SKIP') skipped.push(what.trim());
  }
  const summary = SUMMARY_LINE.exec(lines.join('\n'))?.[1].trim();
  const { verdict, reason } = verdictOf(end, lines, skipped);
  return {
    verdict,
    reason,
    subtests,
    failed,
    skipped,
    summary,
    ...(end.note !== undefined && { note: end.note }),
    seconds: end.seconds,
  };
}

/**
 * @param {End} end
 * @param {readonly string[]} lines
 * @param {readonly string[]} skipped
 * @returns {{ verdict: Verdict, reason: string | undefined }}
 */
function verdictOf({ kind, code, reason }, lines, skipped) {
  if (kind === 'unavailable') return { verdict: 'skip', reason };
  if (kind === 'timeout') return { verdict: 'timeout', reason };
  if (kind === 'crash') return { verdict: 'crash', reason };
  if (code === 0) return { verdict: 'pass', reason: undefined };
  if (code === EXIT_SKIPPED) return { verdict: 'skip', reason: skipped.at(-1) ?? lastWords(lines) };
  return { verdict: 'fail', reason: `exit ${code}: ${lastWords(lines)}` };
}

/** What a kernel says before it gives up: an exception without a handler, a failed assertion. */
const LAST_WORDS = /^(Unhandled|ABORT|.*[Aa]ssert)/;

/** @param {readonly string[]} lines */
function lastWords(lines) {
  const said = lines.map(line => line.trim()).filter(line => line !== '' && !line.startsWith('SUMMARY'));
  return said.find(line => LAST_WORDS.test(line)) ?? said.at(-1) ?? 'no output';
}
