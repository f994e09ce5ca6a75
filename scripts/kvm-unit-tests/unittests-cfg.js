import { RunnerError } from './errors.js';
import { shellWords } from './shell-words.js';

/**
 * One test of unittests.cfg (kvm-unit-tests, docs/unittests.txt).
 *
 * @typedef {object} UnitTest
 * @property {string} name
 * @property {string} file the kernel's name in the folder
 * @property {number} cpus
 * @property {string} arguments the test's own, as a shell is to read them: {@link commandLine}
 * @property {readonly string[]} parameters QEMU's: processor, memory, devices
 * @property {number} timeoutSeconds
 * @property {readonly string[]} groups
 * @property {string | undefined} arch `i386` or `x86_64` when it is for one alone
 * @property {string | undefined} accel `kvm` when it is for KVM alone
 */

/** run_tests.sh's own. */
const DEFAULT_TIMEOUT_SECONDS = 90;

/**
 * @param {string} text of the file
 * @returns {UnitTest[]}
 * @throws {RunnerError} for what is not understood
 */
export function parseUnittestsCfg(text) {
  /** @type {UnitTest[]} */
  const tests = [];
  /** @type {Map<string, string> | undefined} */
  let section;
  let name = '';
  const finish = () => {
    if (section) tests.push(toTest(name, section));
  };
  for (const line of text.split('\n').map(line => line.trim())) {
    const header = /^\[(.+)\]$/.exec(line);
    const entry = /^(\w+)\s*=\s*(.*)$/.exec(line);
    if (header) {
      finish();
      name = header[1];
      section = new Map();
    } else if (entry && section) section.set(entry[1], entry[2]);
    else if (line !== '' && !line.startsWith('#')) {
      throw new RunnerError(`unittests.cfg has a line that is not understood: ${line}`);
    }
  }
  finish();
  return tests;
}

/**
 * The kernel's command line for a run that starts now.
 *
 * @param {UnitTest} test
 * @throws {RunnerError} for arguments that are not understood
 */
export function commandLine(test) {
  return shellWords(test.arguments).join(' ');
}

/**
 * @param {string} name
 * @param {Map<string, string>} section
 * @returns {UnitTest}
 */
function toTest(name, section) {
  const file = section.get('file');
  if (file === undefined) throw new RunnerError(`the test ${name} in unittests.cfg has no file`);
  return {
    name,
    file,
    cpus: count(name, 'smp', section.get('smp') ?? '1'),
    arguments: section.get('test_args') ?? '',
    parameters: shellWords(section.get('qemu_params') ?? section.get('extra_params') ?? ''),
    timeoutSeconds: count(name, 'timeout', section.get('timeout') ?? String(DEFAULT_TIMEOUT_SECONDS)),
    groups: shellWords(section.get('groups') ?? ''),
    arch: section.get('arch'),
    accel: section.get('accel'),
  };
}

/**
 * @param {string} test
 * @param {string} key
 * @param {string} value
 */
function count(test, key, value) {
  if (!/^[1-9]\d*s?$/.test(value)) throw new RunnerError(`${key} of the test ${test} is no number: ${value}`);
  return Number.parseInt(value, 10);
}
