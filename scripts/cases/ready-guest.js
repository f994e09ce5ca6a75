import { HarnessError } from '../kvm-in-qemu/errors.js';

/**
 * A Linux guest made by a run before, for a machine that cannot make one itself.
 *
 * @param {string} initrd path
 * @returns {{ bzImage: string, initrd: string }} paths
 * @throws {HarnessError} when TSVMM_LINUX_BZIMAGE names no kernel
 */
export function readyGuest(initrd) {
  const bzImage = process.env['TSVMM_LINUX_BZIMAGE'];
  if (!bzImage) throw new HarnessError('--initrd needs a kernel in TSVMM_LINUX_BZIMAGE');
  return { bzImage, initrd };
}
