#!/usr/bin/env node
import { parseArgs } from 'node:util';
import {
  CASE_OPTIONS,
  chooseCases,
  parseAccelerator,
  parseCount,
  runCases,
  runProgram,
} from './cases/run-cases.js';
import { bootCases } from './osv/boot-cases.js';
import { HarnessError } from './kvm-in-qemu/errors.js';
import { Files, FILES } from './osv/files.js';
import { serverCases } from './osv/server-cases.js';

const HELP = `Usage: npm run test:osv -- --files FOLDER [options]

Boots OSv in every way that it and tsvmm have in common, and puts servers in it under load. docs/booting-osv.md says how
the kernels and disks are made; what is not there is skipped:
  ${Object.values(FILES).join('\n  ')}

  --files FOLDER     where they are (default: TSVMM_OSV_FILES)
  --only PATTERN     run the cases whose names match this regular expression; repeatable
  --accel NAME       wasm or kvm (default: wasm)
  --load SECONDS     how long memcached and redis are under load (default: 60)
  --timeout SECONDS  time limit of a boot (default: 120)
  --output           print what the guest of a failed case printed
  --list             only print the cases' names
  --help             show this

Programs that are used where they are installed: redis-benchmark (Debian's redis-tools), memcaslap and memccapable
(libmemcached-tools). The exit status is 0 when no case failed and one passed, 1 when one failed, 2 for bad usage.
`;

/** More than any window or ring holds. */
const BULK = 4 << 20;

function parseCommandLine() {
  try {
    return parseArgs({
      options: {
        ...CASE_OPTIONS,
        files: { type: 'string' },
        load: { type: 'string', default: '60' },
        timeout: { type: 'string', default: '120' },
      },
    }).values;
  } catch (error) {
    throw new HarnessError(`${error instanceof Error ? error.message : error}\nTry --help.`);
  }
}

async function main() {
  const values = parseCommandLine();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const cases = chooseCases([...bootCases, ...serverCases], values.only);
  if (values.list) {
    for (const { name } of cases) process.stdout.write(`${name}\n`);
    return 0;
  }
  const folder = values.files ?? process.env.TSVMM_OSV_FILES;
  if (folder === undefined) throw new HarnessError("say where OSv's files are: --files FOLDER. See --help.");
  const context = {
    files: new Files(folder),
    accel: parseAccelerator(values.accel),
    timeoutMs: parseCount('timeout', values.timeout, 'seconds') * 1000,
    loadMs: parseCount('load', values.load, 'seconds') * 1000,
    bulk: BULK,
  };

  return runCases(cases, {
    missing: ({ needs }) => context.files.missing(needs),
    run: which => which.run(context),
    showOutput: values.output,
    nothing: `${folder} has nothing for any case`,
  });
}

await runProgram('test-osv', main);
