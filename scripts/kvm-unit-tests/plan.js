/** @import { UnitTest } from './unittests-cfg.js' */

/**
 * What a test wants of its machine, in terms that every virtual machine monitor has.
 *
 * @typedef {object} Needs
 * @property {number} memoryMiB
 * @property {string[]} processor feature flags of `-cpu` without the model: `+pcid`, `-x2apic`, `vendor=…`
 * @property {string[]} others parameters that only QEMU has: devices, chipsets
 */

/** QEMU's default. */
const DEFAULT_MEMORY_MIB = 128;

/** Parameters that make no difference here: the PIT may exist, and which accelerator it is has been decided. */
const IRRELEVANT = new Set(['-machine pit=off', '-enable-kvm', '-overcommit cpu-pm=on']);

/** Of the flags of `-cpu`: how KVM chooses the number of address bits. */
const HOST_FLAGS = new Set(['host-phys-bits', 'migratable=no', 'hv_passthrough']);

/**
 * @param {UnitTest} test
 * @returns {Needs}
 */
export function needsOf({ parameters }) {
  /** @type {Needs} */
  const needs = { memoryMiB: DEFAULT_MEMORY_MIB, processor: [], others: [] };
  for (const option of pairs(parameters)) {
    const [name, value = ''] = option.split(' ');
    if (name === '-m') needs.memoryMiB = mebibytes(value);
    else if (name === '-cpu') needs.processor = value.split(',').slice(1).filter(isGuestFlag);
    else if (!IRRELEVANT.has(option)) needs.others.push(option);
  }
  return needs;
}

/** @param {string} flag */
function isGuestFlag(flag) {
  return !HOST_FLAGS.has(flag);
}

/**
 * Options, each with its value behind it.
 *
 * @param {readonly string[]} words
 * @returns {string[]}
 */
function pairs(words) {
  /** @type {string[]} */
  const options = [];
  for (const word of words) {
    if (word.startsWith('-') || options.length === 0) options.push(word);
    else options[options.length - 1] += ` ${word}`;
  }
  return options;
}

/** @param {string} size in MiB, or with a unit */
function mebibytes(size) {
  const number = Number.parseInt(size, 10);
  return /g$/i.test(size) ? number * 1024 : number;
}
