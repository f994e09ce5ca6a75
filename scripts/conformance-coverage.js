#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY } from './kvm-in-qemu/repository.js';
import { VIRTIO_CLAUSES } from '../dist/conformance/clauses/virtio/index.js';

// Counts the driver clauses that a deliberately broken driver proves to be checked, by chapter, as the table of
// docs/conformance.md has them.

const CHAPTERS = /** @type {const} */ ([
  ['status, features, configuration space', /^(2\.[1-6]|3|6)(\.|$)/],
  ['split rings', /^2\.7\./],
  ['packed rings', /^2\.8\./],
  ['PCI', /^4\.1\./],
  ['MMIO', /^4\.2\./],
  ['network', /^5\.1\./],
  ['block', /^5\.2\./],
  ['console', /^5\.3\./],
  ['entropy', /^5\.4\./],
]);

const table = await readFile(join(REPOSITORY, 'test/guests/broken-drivers.ts'), 'utf8');
const proved = new Set(
  ['BROKEN', 'BROUGHT_DOWN'].flatMap(name => {
    const [list] = table.split(`export const ${name}:`)[1].split('\n};');
    return [...list.matchAll(/^ {2}'([\d.]+\/[\w-]+)':/gm)].map(([, id]) => `virtio/${id}`);
  }),
);
const clauses = VIRTIO_CLAUSES.filter(({ party }) => party === 'driver');

/** @param {string} title @param {typeof clauses} of */
function row(title, of) {
  const shown = of.filter(({ means }) => means.how === 'observed');
  const provoked = of.filter(({ means }) => means.how === 'provoked');
  const count = (/** @type {typeof clauses} */ some) => some.filter(({ id }) => proved.has(id)).length;
  const all = shown.length + provoked.length;
  const share = ((100 * (count(shown) + count(provoked))) / all).toFixed(0);
  const cells = [
    `${count(shown)} of ${shown.length}`,
    `${count(provoked)} of ${provoked.length}`,
    `${share} %`,
  ];
  return `| ${[title, ...cells].join(' | ')} |`;
}

const lines = [
  '| chapter | observed | provoked | both |',
  '| --- | --- | --- | --- |',
  ...CHAPTERS.map(([title, sections]) =>
    row(
      title,
      clauses.filter(({ section }) => sections.test(section)),
    ),
  ),
  row('all', clauses),
];
process.stdout.write(`${lines.join('\n')}\n`);
if (process.argv.includes('--missing')) {
  for (const { id, means } of clauses) {
    if (means.how !== 'not observable' && !proved.has(id)) process.stdout.write(`${means.how}: ${id}\n`);
  }
}
