import { expect, test } from 'vitest';
import { COMPLETIONS } from '../../../../src/conformance/driver/variants/completions.js';
import type { VirtioPci } from '../../../../src/devices/virtio/transport/pci.js';
import { MachineClock } from '../../../../src/vmm/clock.js';
import { payloadOf } from '../../net/frames.js';
import { F, NetRig } from '../../devices/virtio/net/net-rig.js';

const FRAMES = 60;
/** Buffers of 512 bytes that a frame of 1500 takes. */
const PIECES = 3;
const STEP_NS = 100_000;

/** A card whose receive queue behaves by the variant, in the time of `clock`. */
function rigOf(name: keyof typeof COMPLETIONS, clock: MachineClock): NetRig {
  const rig = new NetRig({ features: F.MRG_RXBUF });
  rig.addBuffers(FRAMES * PIECES, 512);
  COMPLETIONS[name].queue(rig.transport.device.queue(0)!, 0, {
    transport: rig.transport.whole as VirtioPci,
    type: rig.net,
    clock,
    unplug: () => undefined,
    acted: () => undefined,
  });
  return rig;
}

function receive(rig: NetRig): void {
  const frame = payloadOf(1500);
  frame.fill(0xff, 0, 6);
  rig.backend.card.receive(frame);
  rig.net.poll();
}

test.each(['out-of-order', 'delayed-used', 'trickled-used', 'stalls'] as const)(
  'lawful variants give a frame’s buffers back together: %s',
  name => {
    let elapsed = 0;
    const clock = new MachineClock({ elapsed: () => elapsed, epoch: 0 });
    const rig = rigOf(name, clock);
    const seen: number[] = [];
    let all = 0;
    for (let step = 0; step < 10_000 && all < FRAMES * PIECES; step++) {
      if (step < FRAMES) receive(rig);
      const { length } = rig.collect();
      if (length > 0) seen.push(length);
      all += length;
      elapsed += STEP_NS;
      clock.tick();
      clock.runExpired();
    }
    expect(all).toBe(FRAMES * PIECES);
    expect(seen.map(count => count % PIECES)).toEqual(seen.map(() => 0));
    expect(seen.length).toBeGreaterThan(1);
  },
);

test('an index that jumps in the middle of a frame is what the driver sees', () => {
  const rig = rigOf('impossible-index', new MachineClock({ elapsed: () => 0, epoch: 0 }));
  const { memory, queues } = rig.transport.device;
  const usedIndex = (): number => memory.read16(queues[0].device + 2);
  receive(rig);
  expect(usedIndex()).toBe(PIECES);
  receive(rig);
  expect(usedIndex()).toBe(2 * PIECES + queues[0].size + 1);
});
