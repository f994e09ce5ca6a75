import { VirtioRng } from '../../../src/devices/virtio/rng.js';
import { DeviceFailure } from '../failure.js';
import { pick } from '../operations.js';
import type { Piece } from './rings.js';
import type { Subject } from './subject.js';

const readable = new Uint8Array(16);
const LENGTHS = [0, 1, 2, 63, 64, 65, 512, 4000] as const;
/** Beyond what is drawn for a buffer: it takes the fuzzer longer than the device. */
const LARGE = [0x1_0000, 0x1_0001, 0x8_0000] as const;
/** What one step may draw: 256 buffers of 64 KiB. */
const MAX_DRAWN = 16 << 20;

export function rngSubject(): Subject {
  let drawn = 0;
  const type = new VirtioRng(target => {
    drawn += target.length;
    target.fill(0x77);
  });
  return {
    type,
    request(_queue, a, b) {
      const pieces: Piece[] = a % 8 === 0 ? [{ data: readable }] : [];
      const piece = { data: (b >>> 8) % 64 === 0 ? pick(LARGE, b) : pick(LENGTHS, b) };
      for (let i = 0; i <= (a & 3); i++) pieces.push(piece);
      return pieces;
    },
    world: [
      {
        name: 'drawn',
        weight: 1,
        run: () => {
          if (drawn > 1024 * MAX_DRAWN) throw new DeviceFailure(`${drawn} bytes were drawn`);
          drawn = 0;
        },
      },
    ],
  };
}
