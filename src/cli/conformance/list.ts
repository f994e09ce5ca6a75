import { PC_CLAUSES } from '../../conformance/clauses/pc/index.js';
import { VIRTIO_CLAUSES } from '../../conformance/clauses/virtio/index.js';
import { VARIANTS } from '../../conformance/driver/variants/index.js';
import { VARIANT_NAMES } from '../../conformance/driver/variants/names.js';
import type { Party } from '../../conformance/clauses/clause.js';
import { catalogueText } from '../../conformance/report/catalogue-text.js';
import { writeStdout } from '../output.js';

/** Shows the catalogue's clauses for these parties. */
export async function listClauses(parties: readonly Party[]): Promise<void> {
  await writeStdout(
    catalogueText([...VIRTIO_CLAUSES, ...PC_CLAUSES].filter(({ party }) => parties.includes(party))),
  );
}

/** Shows the variants of devices that provoke drivers. */
export async function listVariants(): Promise<void> {
  const width = Math.max(...VARIANT_NAMES.map(({ length }) => length));
  await writeStdout(VARIANT_NAMES.map(name => `${name.padEnd(width)}  ${VARIANTS[name].what}\n`).join(''));
}
