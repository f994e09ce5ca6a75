#!/usr/bin/env node
// Compiles the software CPU's core and wraps it into a module, so that it loads the same way everywhere: from the
// sources in tests, from dist, in a browser.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wasm = join(root, '.cache/core.wasm');
const wrapper = join(root, 'src/cpu/core-binary.ts');

mkdirSync(dirname(wasm), { recursive: true });
const asc = join(
  dirname(createRequire(import.meta.url).resolve('assemblyscript/package.json')),
  'bin/asc.js',
);
execFileSync(process.execPath, [asc, '--config', 'asconfig.json', '--outFile', wasm, '--disableWarning'], {
  cwd: root,
  stdio: 'inherit',
});
const base64 = readFileSync(wasm).toString('base64');
writeFileSync(
  wrapper,
  `/** The compiled core, made by scripts/build-core.js. */\nexport const CORE_BASE64 =\n  '${base64}';\n`,
);
