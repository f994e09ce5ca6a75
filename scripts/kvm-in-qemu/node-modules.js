import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HarnessError } from './errors.js';

/**
 * @typedef {object} LockedPackage
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, { optional?: boolean }>} [peerDependenciesMeta]
 */

/**
 * The installed packages that some packages need to run, with those themselves. Optional dependencies count where
 * they are installed: koffi and rolldown ship their native code for each platform that way.
 *
 * @param {string} root the folder with package-lock.json
 * @param {string[]} names packages to begin with
 * @returns {Promise<string[]>} paths relative to `root`, such as `node_modules/koffi`
 * @throws {HarnessError} when one is not installed
 */
export async function packageClosure(root, names) {
  /** @type {{ packages: Record<string, LockedPackage> }} */
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  /** @type {Set<string>} */
  const closure = new Set();

  const add = (/** @type {string} */ from, /** @type {string} */ name, /** @type {boolean} */ required) => {
    const path = resolvePackage(packages, from, name);
    if (!path || !existsSync(join(root, path))) {
      if (required) throw new HarnessError(`package ${name} is not installed: run npm ci`);
      return;
    }
    if (closure.has(path)) return;
    closure.add(path);
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } =
      packages[path] ?? {};
    const peers = Object.keys(peerDependencies ?? {}).filter(peer => !peerDependenciesMeta?.[peer]?.optional);
    // npm lists an optional dependency under `dependencies` too.
    const optional = new Set(Object.keys(optionalDependencies ?? {}));
    for (const dependency of new Set([...Object.keys(dependencies ?? {}), ...peers, ...optional])) {
      add(path, dependency, !optional.has(dependency));
    }
  };
  for (const name of names) add('', name, true);
  return [...closure].sort();
}

/**
 * Looks a package up as Node.js does: in node_modules of the folder that asks, then of each one above.
 *
 * @param {Record<string, LockedPackage>} packages
 * @param {string} from
 * @param {string} name
 */
function resolvePackage(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
    const path = `${folder && `${folder}/`}node_modules/${name}`;
    if (packages[path]) return path;
    if (folder === '') return undefined;
  }
}
