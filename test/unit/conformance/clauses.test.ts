import { describe, expect, test } from 'vitest';
import { DRIVER_CLAUSES } from '../../../src/conformance/clauses/driver-clauses.js';
import { PC_CLAUSES } from '../../../src/conformance/clauses/pc/index.js';
import { VIRTIO_CLAUSES } from '../../../src/conformance/clauses/virtio/index.js';
import { isVariant } from '../../../src/conformance/driver/variants/names.js';

const CLAUSES = [...VIRTIO_CLAUSES, ...PC_CLAUSES];

describe('the catalogue of clauses', () => {
  test('has each under a name of its own', () => {
    const ids = CLAUSES.map(({ id }) => id);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  });

  test('names specification, section and a word, and says it in one line', () => {
    for (const { id, section, text } of CLAUSES) {
      expect(id).toMatch(/^(virtio|16550|hpet|ioapic|lapic|acpi)\/\d+(\.\d+)*\/[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(id.split('/')[1]).toBe(section);
      expect(text).toMatch(/^[^\n]{10,120}[^.\n]$/);
    }
  });

  test('says how each is checked, or why it cannot be', () => {
    const reasons = CLAUSES.map(({ means }) =>
      means.how === 'provoked' ? means.by : means.how === 'not observable' ? means.why : 'observed',
    );
    expect(reasons.filter(reason => reason === '')).toEqual([]);
  });

  test('names the variant that provokes a driver, where one does', () => {
    const others = DRIVER_CLAUSES.flatMap(({ means }) =>
      means.how === 'provoked' && !isVariant(means.by) ? [means.by] : [],
    );
    expect(others.sort()).toEqual(['a console port', 'a disk that is read-only']);
  });
});
