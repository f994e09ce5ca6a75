import { CaseFailed, check } from '../cases/errors.js';
import { output, withMachine } from '../cases/machine.js';
import { commandLine } from './guest.js';

/** @import { Machine } from 'tsvmm' */

/**
 * What a case has to do with.
 *
 * @typedef {object} Context
 * @property {{ bzImage: string, initrd: string }} guest
 * @property {'wasm' | 'kvm'} accel
 * @property {number} bytes of a large file
 * @property {number} seconds that a measurement takes
 */

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {readonly (readonly [string, string])[]} [needs] programs of the host, each with its Debian package
 * @property {(context: Context) => Promise<string>} run tells what was seen
 * @throws {CaseFailed}
 */

/** The slowest host. */
const TIMEOUT_MS = 30 * 60_000;

/**
 * Boots the guest, lets it run a script to its end, and returns what it printed.
 *
 * @param {Context} context
 * @param {string} script its name
 * @param {readonly (string | number)[]} args
 * @param {{ hostForwards?: readonly string[], meanwhile?: (machine: Machine) => Promise<void> }} [options] `meanwhile`:
 *   what the host does in the meantime
 * @returns {Promise<Output>}
 */
export function runScript({ guest, accel }, script, args, { hostForwards = [], meanwhile } = {}) {
  return withMachine(
    {
      kernel: guest.bzImage,
      initrd: guest.initrd,
      accel,
      append: commandLine(script, args),
      networks: [{ type: 'user', hostForwards }],
      timeoutMs: TIMEOUT_MS,
    },
    async (machine, run) => {
      // A guest that ends too early must not be waited for.
      await Promise.race([run, meanwhile?.(machine)]);
      const { reason } = await run;
      check(reason === 'reset', `the run ended by ${reason}`);
      const text = output(machine);
      check(/^tsvmm-linux: status 0$/m.test(text), `${script}.sh failed in the guest`);
      return new Output(text);
    },
  );
}

/** What a guest printed. */
export class Output {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  /**
   * @param {string} what the first word of a line that the script has printed for the host
   * @returns {string} the rest of it
   * @throws {CaseFailed} when there is none
   */
  word(what) {
    const found = new RegExp(`^linux-net: ${what}(?: (.*?))? *$`, 'm').exec(this.text);
    if (!found) throw new CaseFailed(new Error(`the guest says nothing of "${what}"`), this.text);
    return found[1] ?? '';
  }

  /**
   * @param {Record<string, string>} expected the rest of lines, by their first words
   * @throws {CaseFailed} that says what is different
   */
  expect(expected) {
    for (const [what, wanted] of Object.entries(expected)) {
      const got = this.word(what);
      if (got !== wanted) {
        throw new CaseFailed(
          new Error(`${what} is ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`),
          this.text,
        );
      }
    }
  }
}
