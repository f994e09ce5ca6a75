// The programs of test/device-fuzz, each as one file that node runs.
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../', import.meta.url));
const source = join(root, 'src');

/** The folder of what `npm run fuzz:devices` has found. */
export const CORPUS = join(root, 'test/corpus/devices');

/**
 * Writes `NAME.mjs` for each program into a folder. The devices stay the compiled modules that they are, so that
 * coverage is theirs.
 * @param {string} folder
 * @param {readonly string[]} names
 */
export async function bundleFuzzer(folder, names) {
  const bundle = await rolldown({
    input: names.map(name => join(root, `test/device-fuzz/${name}.ts`)),
    platform: 'node',
    external: id => id.startsWith('node:') || id.startsWith('file:'),
    plugins: [
      {
        name: 'compiled-devices',
        resolveId(id, importer) {
          if (!importer || !id.startsWith('.')) return undefined;
          const path = resolve(importer, '..', id);
          if (!path.startsWith(source)) return undefined;
          const compiled = join(root, 'dist', relative(source, path));
          return { id: pathToFileURL(compiled).href, external: true };
        },
      },
    ],
  });
  await bundle.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name].mjs',
  });
}
