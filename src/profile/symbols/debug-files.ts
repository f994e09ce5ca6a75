import type { SymbolFile } from './symbol-file.js';

/** Where Linux distributions put the files of their debug packages. */
const DEBUG_ROOT = '/usr/lib/debug';

/**
 * Where the separate debug file of a stripped one may lie, as gdb looks for it: by build id, then by the name in .gnu_debuglink beside
 * the file, in `.debug` there, and under the system's folder for debug files.
 * @param path of the stripped file, absolute
 */
export function debugFileCandidates({ path, buildId, debugLink }: SymbolFile): string[] {
  const candidates: string[] = [];
  if (buildId !== undefined && buildId.length > 2)
    candidates.push(`${DEBUG_ROOT}/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`);
  if (debugLink !== undefined && debugLink !== '' && !debugLink.includes('/')) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    candidates.push(
      `${folder}/${debugLink}`,
      `${folder}/.debug/${debugLink}`,
      `${DEBUG_ROOT}${folder}/${debugLink}`,
    );
  }
  return candidates.filter(candidate => candidate !== path);
}
