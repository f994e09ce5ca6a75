#!/usr/bin/env node
// Joins the compiled modules into a few files a thread, in dist/bundle/: loading a hundred small files would be most of
// the time from the start of the process to the guest's first instruction.
import { rmSync, writeFileSync } from 'node:fs';
import { rolldown } from 'rolldown';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const folder = `${dist}bundle`;

// Shared parts have their hash in their name: those of former builds must not pile up.
rmSync(folder, { recursive: true, force: true });

/** What is imported: as its users' modules. */
await bundle('index', 'index.js', {
  format: 'esm',
  entryFileNames: '[name].mjs',
  chunkFileNames: '[name]-[hash].mjs',
});

/** What a process or a thread starts with. Each by itself: a part that two share would be a file more to load for both. */
const ENTRIES = {
  main: 'cli/main.js',
  'machine-thread': 'host/machine-thread.js',
  'io-thread': 'host/network/io-thread.js',
  'vcpu-thread': 'host/vcpu-thread.js',
};
// Node loads CommonJS in less time: an ES module costs a thread its loader, and a turn of the event loop for each file.
for (const [name, path] of Object.entries(ENTRIES)) await bundle(name, path, { format: 'cjs' });
writeFileSync(`${folder}/package.json`, `${JSON.stringify({ type: 'commonjs' })}\n`);

/**
 * @param {string} name
 * @param {string} path of the compiled module
 * @param {import('rolldown').OutputOptions} options
 */
async function bundle(name, path, options) {
  const built = await rolldown({
    input: { [name]: `${dist}${path}` },
    platform: 'node',
    // They find their native library and their WebAssembly beside themselves.
    external: ['koffi', /^gecko-profiler-demangle/],
    // A module that the command loads late may belong to the library's first file.
    checks: { ineffectiveDynamicImport: false },
  });
  // All in one folder: threads are started, and package.json is found, by addresses relative to the module.
  await built.write({ dir: folder, sourcemap: true, ...options });
}
