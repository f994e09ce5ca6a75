#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY } from './kvm-in-qemu/repository.js';
import { DRIVER_CLAUSES } from '../dist/conformance/clauses/driver-clauses.js';

// Counts the driver clauses that a deliberately broken driver proves to be checked, by chapter, as the table of
// docs/conformance.md has them.

const CHAPTERS = /** @type {const} */ ([
  ['status, features, configuration space', /^virtio\/(2\.[1-6]|3|6)\./],
  ['split rings', /^virtio\/2\.7\./],
  ['packed rings', /^virtio\/2\.8\./],
  ['PCI', /^virtio\/4\.1\./],
  ['MMIO', /^virtio\/4\.2\./],
  ['network', /^virtio\/5\.1\./],
  ['block', /^virtio\/5\.2\./],
  ['console', /^virtio\/5\.3\./],
  ['entropy', /^virtio\/5\.4\./],
  ['HPET', /^hpet\//],
  ['16550', /^16550\//],
  ['I/O APIC', /^ioapic\//],
  ['local APIC', /^lapic\//],
  ['ACPI power', /^acpi\//],
]);

const table = await readFile(join(REPOSITORY, 'test/guests/broken-drivers.ts'), 'utf8');
const proved = new Set(
  ['BROKEN', 'BROKEN_CHIPS', 'PROVOKED'].flatMap(name => {
    const [list] = table.split(`export const ${name}:`)[1].split('\n};');
    return [...list.matchAll(/^ {2}'((?:[\w]+\/)?[\d.]+\/[\w-]+)':/gm)].map(([, id]) =>
      id.split('/').length === 2 ? `virtio/${id}` : id,
    );
  }),
);
const clauses = DRIVER_CLAUSES;

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
  ...CHAPTERS.map(([title, ids]) =>
    row(
      title,
      clauses.filter(({ id }) => ids.test(id)),
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
