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
import { readyGuest } from './cases/ready-guest.js';
import { HarnessError } from './kvm-in-qemu/errors.js';
import { findTool } from './kvm-in-qemu/tools.js';
import { netGuest } from './linux-net/guest.js';
import { iperf3Cases } from './linux-net/iperf3-cases.js';
import { peerCases } from './linux-net/peer-cases.js';
import { transferCases } from './linux-net/transfer-cases.js';

/** @import { Context } from './linux-net/machine.js' */

const HELP = `Usage: npm run test:linux-net -- [options]

Boots Debian's cloud kernel with Debian's network programs on the user network, and has them talk with servers and clients
on the host's loopback: DHCP, large files whose sums are compared, iperf3 both ways and through a port forward, dig, nc and
curl. The figures are of this host at this moment: on a busy one they say little.

  --only PATTERN   run the cases whose names match this regular expression; repeatable
  --accel NAME     wasm or kvm (default: wasm)
  --initrd FILE    boot TSVMM_LINUX_BZIMAGE with this initial RAM disk, made by a run before, instead of making both
  --size MB        megabytes of a large file (default: 500)
  --time SECONDS   how long iperf3 measures (default: 10)
  --output         print what the guest of a failed case printed
  --list           only print the cases' names
  --help           show this

Environment:
  TSVMM_LINUX_BZIMAGE  with --initrd: the kernel, of the same version
  TSVMM_CACHE          cache folder for what is downloaded, about 60 MB (default: .cache in the repository)

Cases that need a program that is not installed here (iperf3, netcat-openbsd, curl) are skipped. The exit status is 0 when
no case failed and one passed, 1 when one failed, 2 for bad usage.
`;

function parseCommandLine() {
  try {
    return parseArgs({
      options: {
        ...CASE_OPTIONS,
        initrd: { type: 'string' },
        size: { type: 'string', default: '500' },
        time: { type: 'string', default: '10' },
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
  const cases = chooseCases([...peerCases, ...transferCases, ...iperf3Cases], values.only);
  if (values.list) {
    for (const { name } of cases) process.stdout.write(`${name}\n`);
    return 0;
  }
  /** @type {Context} */
  const context = {
    accel: parseAccelerator(values.accel),
    bytes: parseCount('size', values.size, 'a number from 1 on') * 1e6,
    seconds: parseCount('time', values.time, 'a number from 1 on'),
    guest: values.initrd
      ? readyGuest(values.initrd)
      : await netGuest(line => process.stderr.write(`${line}\n`)),
  };

  return runCases(cases, {
    missing: ({ needs = [] }) =>
      needs.filter(([tool]) => !findTool(tool)).map(([tool, from]) => `${tool} (${from})`),
    run: which => which.run(context),
    showOutput: values.output,
    nothing: 'every case was skipped',
  });
}

await runProgram('test-linux-net', main);
