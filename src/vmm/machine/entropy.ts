import type { EntropySource } from '../../devices/virtio/rng.js';

/** Entropy of the host. */
export const hostEntropy: EntropySource = target => {
  crypto.getRandomValues(target);
};

/** Bytes that follow from a seed. @param next the next 32 bits */
export function seededEntropy(next: () => number): EntropySource {
  return target => {
    for (let i = 0; i < target.length; i++) target[i] = next();
  };
}
