import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunnerError } from './errors.js';
import { needsOf } from './plan.js';
import { parseUnittestsCfg } from './unittests-cfg.js';

/** @import { Needs } from './plan.js' */
/** @import { UnitTest } from './unittests-cfg.js' */

/**
 * A test, ready to run.
 *
 * @typedef {object} Job
 * @property {UnitTest} test
 * @property {string} kernel path
 * @property {Needs} needs
 * @property {number} timeoutSeconds
 *
 * @typedef {object} Suite
 * @property {string} folder with the kernels and unittests.cfg
 * @property {string} arch `x86_64` or `i386`
 * @property {readonly Job[]} jobs
 */

/** How to get the tests, for whoever has none. */
export const HOW_TO_BUILD =
  'git clone https://gitlab.com/kvm-unit-tests/kvm-unit-tests.git && cd kvm-unit-tests && ./configure && make';

/**
 * Reads a build of kvm-unit-tests.
 *
 * @param {string} path the source folder after `make`, or its folder `x86`
 * @param {object} [choice]
 * @param {readonly string[]} [choice.names] tests to run, all by default
 * @param {number} [choice.timeoutSeconds] the time limit of each test, that of unittests.cfg by default
 * @returns {Suite}
 * @throws {RunnerError} when there is no build, or no test of a name
 */
export function readSuite(path, { names = [], timeoutSeconds } = {}) {
  const folder = existsSync(join(path, 'unittests.cfg')) ? path : join(path, 'x86');
  const cfg = join(folder, 'unittests.cfg');
  if (!existsSync(cfg)) {
    throw new RunnerError(`${path} has no x86/unittests.cfg. To get the tests: ${HOW_TO_BUILD}`);
  }
  const arch = builtFor(folder);
  const tests = parseUnittestsCfg(readFileSync(cfg, 'utf8')).filter(
    test => test.arch === undefined || test.arch === arch,
  );
  for (const name of names) {
    if (!tests.some(test => test.name === name))
      throw new RunnerError(`there is no test ${name} for ${arch}`);
  }
  const jobs = tests
    .filter(test => names.length === 0 || names.includes(test.name))
    .map(test => ({
      test,
      kernel: join(folder, test.file),
      needs: needsOf(test),
      timeoutSeconds: timeoutSeconds ?? test.timeoutSeconds,
    }))
    .filter(({ kernel }) => existsSync(kernel));
  if (jobs.length === 0) throw new RunnerError(`${folder} has no built test. To build: ./configure && make`);
  return { folder, arch, jobs };
}

/**
 * What `configure` was told; the kernels themselves are all wrapped as 32-bit files.
 *
 * @param {string} folder
 */
function builtFor(folder) {
  const path = join(folder, '..', 'config.mak');
  if (!existsSync(path)) return 'x86_64';
  return /^ARCH=(\S+)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? 'x86_64';
}
