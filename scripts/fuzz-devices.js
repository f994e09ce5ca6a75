#!/usr/bin/env node
// Drives each device through its registers and rings as a hostile guest would, until the time is over or the number of
// operations is reached, for each family of devices: see docs/fuzzing.md.
//   npm run fuzz:devices -- --seconds 60 --operations 100000000 --device virtio-blk --seed 7 --keep
// Ends with status 1 when a device failed, and prints the case for test/corpus/devices.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../', import.meta.url));
const source = join(root, 'src');

/** The fuzzer is one file; the devices stay the compiled modules that they are, so that coverage is theirs. */
const bundle = await rolldown({
  input: join(root, 'test/device-fuzz/main.ts'),
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
const folder = mkdtempSync(join(tmpdir(), 'tsvmm-fuzz-'));
try {
  const file = join(folder, 'fuzz.mjs');
  await bundle.write({ file, format: 'esm' });
  const corpus = join(root, 'test/corpus/devices');
  const { status } = spawnSync(
    process.execPath,
    [
      ...(process.env.FUZZ_NODE_OPTIONS?.split(' ') ?? []),
      file,
      '--corpus',
      corpus,
      ...process.argv.slice(2),
    ],
    {
      stdio: 'inherit',
    },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
