import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { HarnessError } from '../kvm-in-qemu/errors.js';

/** The files that the folder may have, by their names: docs/booting-osv.md says how they are made. */
export const FILES = {
  kernel: 'kernel.elf',
  vmlinuz: 'vmlinuz.bin',
  ramfsHello: 'ramfs-hello.elf',
  ramfsHelloVmlinuz: 'ramfs-hello.vmlinuz.bin',
  helloDisk: 'rofs-hello.img',
  echoDisk: 'rofs-echo.img',
  memcachedDisk: 'rofs-memcached.img',
  /** With the shared libraries that Debian's needs. */
  memcachedDebianDisk: 'rofs-memcached-debian.img',
  redisDisk: 'rofs-redis62.img',
};

/** @typedef {keyof typeof FILES} FileKey */

/** OSv's kernels and disks, in one folder. */
export class Files {
  /** @type {ReadonlySet<string>} */
  #present;

  /**
   * @param {string} folder
   * @throws {HarnessError} when there is no such folder
   */
  constructor(folder) {
    this.folder = folder;
    try {
      this.#present = new Set(readdirSync(folder));
    } catch (error) {
      throw new HarnessError(`${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /**
   * Names of files that are not there.
   *
   * @param {readonly FileKey[]} keys
   */
  missing(keys) {
    return keys.map(key => FILES[key]).filter(name => !this.#present.has(name));
  }

  /** @param {FileKey} key */
  path(key) {
    return join(this.folder, FILES[key]);
  }
}
