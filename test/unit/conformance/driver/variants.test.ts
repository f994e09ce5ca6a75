import { expect, test } from 'vitest';
import { VIRTIO_CLAUSES } from '../../../../src/conformance/clauses/virtio/index.js';
import { hiddenInRow } from '../../../../src/conformance/driver/variants/features.js';
import { VARIANTS } from '../../../../src/conformance/driver/variants/index.js';
import { VARIANT_NAMES } from '../../../../src/conformance/driver/variants/names.js';
import { VirtioRng } from '../../../../src/devices/virtio/rng.js';
import { Feature } from '../../../../src/devices/virtio/features.js';

test('the rows of features have each pair in all four combinations', () => {
  const type = new VirtioRng(() => undefined);
  const { INDIRECT_DESC, EVENT_IDX, RING_PACKED, IN_ORDER, NOTIFICATION_DATA, RING_RESET } = Feature;
  const bits = [INDIRECT_DESC, EVENT_IDX, RING_PACKED, IN_ORDER, NOTIFICATION_DATA, RING_RESET];
  const rows = Array.from({ length: 10 }, (_, row) => hiddenInRow(type, row));
  for (const a of bits) {
    for (const b of bits) {
      if (a === b) continue;
      const seen = new Set(rows.map(hidden => `${(hidden & a) === 0n} ${(hidden & b) === 0n}`));
      expect(seen.size, `${a.toString(16)}, ${b.toString(16)}`).toBe(4);
    }
  }
});

test('VERSION_1 is in every row: without it there is no modern device', () => {
  const type = new VirtioRng(() => undefined);
  for (let row = 0; row < 10; row++) expect(hiddenInRow(type, row) & Feature.VERSION_1).toBe(0n);
});

test('variants provoke clauses that there are', () => {
  const ids = VIRTIO_CLAUSES.filter(({ party }) => party === 'driver').map(({ id }) => id);
  for (const name of VARIANT_NAMES) {
    for (const id of VARIANTS[name].provokes ?? []) expect(ids, name).toContain(`virtio/${id}`);
  }
});
