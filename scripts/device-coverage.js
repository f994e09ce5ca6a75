#!/usr/bin/env node
// Which branches of src/devices guests and the fuzz corpus reach together: docs/fuzzing.md.
//   npm run coverage:devices                 the guests' tests, device conformance, the fuzzing guest, the corpus
//   npm run coverage:devices -- --missing    also where the branches are that none of them takes
//   npm run coverage:devices -- --into DIR   keeps what node recorded in a folder
//   npm run coverage:devices -- --from DIR   only looks at what was recorded there before
// Ends with status 1 below 95 %.
import { mergeProcessCovs } from '@bcoe/v8-coverage';
import { convert } from 'ast-v8-to-istanbul';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { parseAst } from 'rolldown/parseAst';
import { bundleFuzzer, CORPUS } from './fuzz-bundle.js';

/** @typedef {import('node:inspector').Profiler.ScriptCoverage} ScriptCoverage */
/** @typedef {{ file: string, all: number, taken: number, missing: string[] }} FileBranches */

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const COMPILED = join(ROOT, 'dist/devices');
const SOURCES = join(ROOT, 'src');
const PREFIX = pathToFileURL(COMPILED).href;
const REQUIRED = 95;
const DISK_BYTES = 64 << 10;
const COMMAND = 'dist/cli/main.js';
/** Of the guests' tests those that are about devices. */
const TESTS = [
  'console',
  'devices',
  'hpet',
  'lifecycle',
  'net',
  'pci',
  'power',
  'profile-requests',
  'serial',
  'virtio',
];

/**
 * Runs a command whose coverage is written into a folder.
 * @param {string} what for people
 * @param {string} folder
 * @param {readonly string[]} args of node
 */
function record(what, folder, args) {
  console.log(`${what} …`);
  const env = { ...process.env, NODE_V8_COVERAGE: folder, TSVMM_UNBUNDLED: '1' };
  const { status } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) console.log(`${what}: status ${status}`);
}

/** @param {string} folder */
async function recordAll(folder) {
  const programs = mkdtempSync(join(tmpdir(), 'tsvmm-replay-'));
  try {
    await bundleFuzzer(programs, ['replay']);
    record('the corpus', folder, [join(programs, 'replay.mjs'), CORPUS]);
  } finally {
    rmSync(programs, { recursive: true });
  }
  const guests = join(ROOT, 'guests/build');
  const conformance = ['conformance', 'device', '--accel', 'wasm', '--guests', join(guests, 'conformance')];
  record('device conformance', folder, [COMMAND, ...conformance]);
  record('the fuzzing guest', folder, [
    'scripts/fuzz-devices.js',
    '--guest',
    '--seconds',
    '60',
    '--seed',
    '1',
  ]);
  const disk = join(folder, 'disk');
  writeFileSync(disk, new Uint8Array(DISK_BYTES));
  const profile = [
    ...['profile', '-o', join(folder, 'profile'), '--accel', 'wasm', '--rng'],
    ...['--net', 'hub', '--net', 'none,interface=mmio'],
    ...['--disk', disk, '--console', `file:${join(folder, 'console')}`],
  ];
  record('the fuzzing guest, profiled', folder, [
    COMMAND,
    ...profile,
    join(guests, 'fuzz.elf'),
    '--',
    'seed=2',
  ]);
  const tests = TESTS.map(name => `test/guests/${name}.test.ts`);
  record('the guests’ tests', folder, ['node_modules/vitest/vitest.mjs', 'run', ...tests]);
}

/**
 * All processes together, a script an entry.
 * @param {string} folder
 * @returns {readonly ScriptCoverage[]}
 */
function readCoverage(folder) {
  const processes = readdirSync(folder)
    .filter(name => name.startsWith('coverage-'))
    .map(name => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    .map(({ result }) => ({
      result: /** @type {ScriptCoverage[]} */ (result).filter(({ url }) => url.startsWith(PREFIX)),
    }));
  return mergeProcessCovs(processes).result;
}

/**
 * @param {ScriptCoverage} coverage
 * @returns {Promise<FileBranches>}
 */
async function branchesOf(coverage) {
  const path = fileURLToPath(coverage.url);
  const code = readFileSync(path, 'utf8');
  const converted = await convert({
    ast: parseAst(code),
    code,
    coverage,
    sourceMap: JSON.parse(readFileSync(`${path}.map`, 'utf8')),
  });
  const [data] = Object.values(converted);
  const branches = {
    file: relative(SOURCES, data.path),
    all: 0,
    taken: 0,
    missing: /** @type {string[]} */ ([]),
  };
  for (const [id, { type, locations, loc }] of Object.entries(data.branchMap)) {
    data.b[id].forEach((count, i) => {
      branches.all++;
      if (count > 0) branches.taken++;
      else branches.missing.push(`${locations[i].start.line ?? loc.start.line} (${type} ${i})`);
    });
  }
  return branches;
}

/** @param {FileBranches} branches */
function row({ file, all, taken }) {
  const share = all === 0 ? '' : `${((100 * taken) / all).toFixed(1)} %`;
  return `${file.padEnd(44)} ${String(taken).padStart(5)} of ${String(all).padStart(5)} ${share.padStart(8)}`;
}

const { values } = parseArgs({
  options: {
    missing: { type: 'boolean', default: false },
    into: { type: 'string' },
    from: { type: 'string' },
  },
});
const kept = values.from ?? values.into;
const folder = kept === undefined ? mkdtempSync(join(tmpdir(), 'tsvmm-coverage-')) : resolve(kept);
try {
  if (values.from === undefined) await recordAll(folder);
  const files = await Promise.all(readCoverage(folder).map(branchesOf));
  files.sort((a, b) => a.file.localeCompare(b.file));
  for (const branches of files) {
    console.log(row(branches));
    if (values.missing) for (const place of branches.missing) console.log(`    line ${place}`);
  }
  const total = { file: 'all', all: 0, taken: 0, missing: [] };
  for (const { all, taken } of files) {
    total.all += all;
    total.taken += taken;
  }
  console.log(row(total));
  if (100 * total.taken < REQUIRED * total.all) process.exitCode = 1;
} finally {
  if (kept === undefined) rmSync(folder, { recursive: true });
}
