#!/usr/bin/env node
import { accessSync, constants, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureAllocation } from './allocation.js';
import { measureColdStart } from './cold-start.js';
import { measureExitCost } from './exit-cost.js';
import { measureIdle } from './idle.js';
import { measureMemory } from './memory.js';
import { formatTable, toJson } from './report.js';

const HELP = `Usage: npm run bench -- [options] [section…]

Measures tsvmm against its peers on this machine: in one run and in turn, so that the ratios hold where the figures do
not. Sections: exits allocation cold-start idle memory; all of them by default.

  --rounds N      rounds of everything that is compared (default 9; cold-start: 15)
  --exits N       exits of one run of the guest (default 50000)
  --clock CLOCK   processor (default) or wall: what exits are timed by
  --idle SECONDS  how long an idle guest is watched (default 10)
  --json FILE     write the figures there too
  --help          show this
`;

const { values, positionals } = parseCommandLine();

/** @type {Readonly<Record<string, () => Promise<import('./report.js').Figure[]>>>} */
const SECTIONS = {
  exits: () =>
    measureExitCost({ rounds: count(values.rounds ?? '9'), exits: count(values.exits), clock: clock() }),
  allocation: () => measureAllocation({ rounds: count(values.rounds ?? '5') }),
  'cold-start': () => measureColdStart({ rounds: count(values.rounds ?? '15') }),
  idle: () => measureIdle({ seconds: count(values.idle) }),
  memory: () => measureMemory(),
};

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        exits: { type: 'string', default: '50000' },
        clock: { type: 'string', default: 'processor' },
        idle: { type: 'string', default: '10' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message);
  }
}

/** @param {string} text */
function count(text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) refuse(`'${text}' is not a whole number above 0`);
  return value;
}

function clock() {
  const { clock } = values;
  return clock === 'wall' || clock === 'processor'
    ? clock
    : refuse(`'${clock}' is not a clock: processor, wall`);
}

/**
 * @param {string} why
 * @returns {never}
 */
function refuse(why) {
  process.stderr.write(`bench: ${why}\n`);
  process.exit(2);
}

async function main() {
  if (values.help) return void process.stdout.write(HELP);
  const wanted = positionals.length > 0 ? positionals : Object.keys(SECTIONS);
  const unknown = wanted.find(name => !(name in SECTIONS));
  if (unknown !== undefined) refuse(`there is no section '${unknown}': ${Object.keys(SECTIONS).join(', ')}`);
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    refuse('/dev/kvm is not there or may not be used: see tsvmm doctor');
  }
  const figures = [];
  for (const name of wanted) {
    process.stderr.write(`bench: ${name}\n`);
    figures.push(...(await SECTIONS[name]()));
  }
  process.stdout.write(`${formatTable(figures)}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${toJson(figures)}\n`);
}

await main();
