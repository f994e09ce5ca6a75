import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { HarnessError } from './errors.js';

/** The program header type that names a dynamic loader (System V ABI, "Program Header"). */
const PT_INTERP = 3;

/** The programs that this harness runs, each with the Debian package that has it. */
const REQUIRED = [
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['apt-get', 'apt'],
  ['apt-cache', 'apt'],
  ['dpkg-deb', 'dpkg'],
  ['tar', 'tar'],
  ['ldd', 'libc-bin'],
  ['busybox', 'busybox-static'],
];

/**
 * @param {string} name a program's file name
 * @returns {string | undefined} its path, looked up in PATH
 */
export function findTool(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder || '.', name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder of PATH.
    }
  }
  return undefined;
}

/**
 * @param {string} name a program's file name
 * @param {string} debianPackage the Debian package to name in the error
 * @returns {string} its path
 * @throws {HarnessError}
 */
export function requireTool(name, debianPackage) {
  const path = findTool(name);
  if (!path) throw new HarnessError(`${name} is missing: apt-get install ${debianPackage}`);
  return path;
}

/**
 * @returns {string} the path of a busybox that runs without shared libraries
 * @throws {HarnessError}
 */
export function staticBusybox() {
  const path = requireTool('busybox', 'busybox-static');
  const file = readFileSync(path);
  // Of the ELF64 header: e_phoff, e_phentsize and e_phnum.
  const [table, size, count] = [
    Number(file.readBigUInt64LE(32)),
    file.readUInt16LE(54),
    file.readUInt16LE(56),
  ];
  for (let i = 0; i < count; i++) {
    if (file.readUInt32LE(table + i * size) === PT_INTERP) {
      throw new HarnessError(`${path} needs shared libraries: apt-get install busybox-static`);
    }
  }
  return path;
}

/**
 * Refuses to start on a host that cannot do the job, and names everything that is missing at once.
 *
 * @throws {HarnessError}
 */
export function checkTools() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new HarnessError(
      `this needs Linux on x86-64 (node and koffi are copied into the machine), not ${process.platform} on ${process.arch}`,
    );
  }
  const missing = REQUIRED.filter(([name]) => !findTool(name));
  if (missing.length > 0) {
    throw new HarnessError(
      missing.map(([name, from]) => `${name} is missing: apt-get install ${from}`).join('\n'),
    );
  }
}
