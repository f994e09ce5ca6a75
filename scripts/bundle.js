#!/usr/bin/env node
// Joins the compiled modules into one file a thread, in dist/bundle/: loading a hundred small files would be most of the
// time from the start of the process to the guest's first instruction.
import { rmSync } from 'node:fs';
import { rolldown } from 'rolldown';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

// Shared parts have their hash in their name: those of former builds must not pile up.
rmSync(`${dist}bundle`, { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    index: `${dist}index.js`,
    main: `${dist}cli/main.js`,
    'machine-thread': `${dist}host/machine-thread.js`,
    'io-thread': `${dist}host/network/io-thread.js`,
    'vcpu-thread': `${dist}host/vcpu-thread.js`,
  },
  platform: 'node',
  // They find their native library and their WebAssembly beside themselves.
  external: ['koffi', /^gecko-profiler-demangle/],
});
// All in one folder: threads are started, and package.json is found, by addresses relative to the module.
await bundle.write({ dir: `${dist}bundle`, format: 'esm', sourcemap: true });
