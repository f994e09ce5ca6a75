#!/usr/bin/env node
// Joins the compiled modules into one file a thread, in dist/bundle/: loading a hundred small files would be most of the
// time from the start of the process to the guest's first instruction.
import { rmSync } from 'node:fs';
import { rolldown } from 'rolldown';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

// Shared parts have their hash in their name: those of former builds must not pile up.
rmSync(`${dist}bundle`, { recursive: true, force: true });

/** What a process or a thread starts with. Each by itself: a part that two share would be a file more to load for both. */
const ENTRIES = {
  index: 'index.js',
  main: 'cli/main.js',
  'machine-thread': 'host/machine-thread.js',
  'io-thread': 'host/network/io-thread.js',
  'vcpu-thread': 'host/vcpu-thread.js',
};
for (const [name, path] of Object.entries(ENTRIES)) {
  const bundle = await rolldown({
    input: { [name]: `${dist}${path}` },
    platform: 'node',
    // They find their native library and their WebAssembly beside themselves.
    external: ['koffi', /^gecko-profiler-demangle/],
    // A module that the command loads late may belong to the library's first file.
    checks: { ineffectiveDynamicImport: false },
  });
  // All in one folder: threads are started, and package.json is found, by addresses relative to the module.
  await bundle.write({ dir: `${dist}bundle`, format: 'esm', sourcemap: true });
}
