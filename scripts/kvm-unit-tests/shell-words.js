import { RunnerError } from './errors.js';

/** A run of characters, quoted or not, or the white space between two words. */
const PIECE = /'([^']*)'|"([^"]*)"|(\s+)|([^\s'"]+)/gy;

/**
 * The words of a line that unittests.cfg has evaluated by a shell. Of command substitutions it knows the one that is
 * used there, the time in seconds.
 *
 * @param {string} line
 * @returns {string[]}
 * @throws {RunnerError} for an open quotation mark or another command
 */
export function shellWords(line) {
  const text = line.replaceAll('`date +%s`', () => String(Math.floor(Date.now() / 1000)));
  if (text.includes('`') || text.includes('$(')) {
    throw new RunnerError(`unittests.cfg wants the output of a command that is not known here: ${line}`);
  }
  /** @type {string[]} */
  const words = [];
  let open = false;
  let end = 0;
  for (const [whole, single, double, space, plain] of text.matchAll(PIECE)) {
    end += whole.length;
    if (space !== undefined) open = false;
    else {
      if (!open) words.push('');
      words[words.length - 1] += single ?? double ?? plain;
      open = true;
    }
  }
  if (end < text.length) throw new RunnerError(`a quotation mark is open in unittests.cfg: ${line}`);
  return words;
}
