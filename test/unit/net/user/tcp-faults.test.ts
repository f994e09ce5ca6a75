import fc from 'fast-check';
import { expect, it } from 'vitest';
import { conversation, pattern } from './support/conversation.js';
import type { Received } from './support/frames.js';

/** What becomes of each frame, one after the other and over again. */
const fates = fc.array(
  fc.constantFrom(
    'pass' as const,
    'pass' as const,
    'pass' as const,
    'lose' as const,
    'twice' as const,
    'late' as const,
  ),
  { minLength: 5, maxLength: 60 },
);

/** A cable that loses frames, carries them twice, and lets others overtake them. */
class BadCable<T> {
  private readonly late: T[] = [];
  private count = 0;

  constructor(
    private readonly fates: readonly ('pass' | 'lose' | 'twice' | 'late')[],
    private readonly deliver: (frame: T) => void,
  ) {}

  carry(frame: T): void {
    switch (this.fates[this.count++ % this.fates.length]) {
      case 'lose':
        return;
      case 'late':
        this.late.push(frame);
        return;
      case 'twice':
        this.deliver(frame);
        this.deliver(frame);
        break;
      case 'pass':
        this.deliver(frame);
        break;
    }
    for (let frame = this.late.pop(); frame; frame = this.late.pop()) this.deliver(frame);
  }
}

it('carries everything over a cable that loses, repeats and reorders frames', async () => {
  await fc.assert(
    fc.asyncProperty(
      fates,
      fates,
      fc.constantFrom(800, 20_000, 65_536),
      async (toGuest, toNetwork, capacity) => {
        // A cable that lets nothing through proves nothing.
        fc.pre(toGuest.includes('pass') && toNetwork.includes('pass'));
        const { guest, stream, host, card, network } = await conversation({ capacity });
        const down = new BadCable<Received>(toGuest, ({ tcp }) => guest.receive(tcp!));
        const up = new BadCable<Buffer>(toNetwork, frame => network.transmit(frame));
        card.onFrame = frame => down.carry(frame);
        guest.transmit = frame => host.defer(() => up.carry(frame));

        const request = pattern(30_000, 1);
        const response = pattern(40_000, 2);
        guest.send(request);
        guest.close();
        stream.events.data(response);
        stream.events.ended();
        const isDone = (): boolean => guest.delivered && guest.ended && stream.endedByGuest;
        for (let i = 0; i < 5000 && !isDone(); i++) {
          guest.read();
          guest.tick();
          host.pass(300);
        }
        expect(guest.read().equals(response)).toBe(true);
        expect(stream.bytes.equals(request)).toBe(true);
        expect(isDone()).toBe(true);
        expect(stream.wasReset).toBe(false);
        // What is lost once more is waited for twice as long.
        for (let i = 0; i < 1000 && network.statistics.connections > 0; i++) {
          guest.tick();
          host.pass(1000);
        }
        expect(network.statistics.connections).toBe(0);
      },
    ),
    { numRuns: 40 },
  );
});
