import { describe, expect, test } from 'vitest';
import { VIRTIO_CLAUSES } from '../../../src/conformance/clauses/virtio/index.js';

describe('the catalogue of clauses', () => {
  test('has each under a name of its own', () => {
    const ids = VIRTIO_CLAUSES.map(({ id }) => id);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  });

  test('names specification, section and a word, and says it in one line', () => {
    for (const { id, section, text } of VIRTIO_CLAUSES) {
      expect(id).toMatch(/^virtio\/\d+(\.\d+)*\/[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(id.split('/')[1]).toBe(section);
      expect(text).toMatch(/^[^\n]{10,120}[^.\n]$/);
    }
  });

  test('says how each is checked, or why it cannot be', () => {
    const reasons = VIRTIO_CLAUSES.map(({ means }) =>
      means.how === 'provoked' ? means.by : means.how === 'not observable' ? means.why : 'observed',
    );
    expect(reasons.filter(reason => reason === '')).toEqual([]);
  });
});
