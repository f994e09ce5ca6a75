import fc from 'fast-check';
import { expect, it } from 'vitest';
import { conversation, pattern } from './support/conversation.js';
import type { Received } from './support/frames.js';

type Fate = 'pass' | 'lose' | 'twice' | 'late';

/** Frames that arrive at once. */
function arrivals(all: readonly Fate[]): number {
  return all.filter(fate => fate === 'pass' || fate === 'twice').length;
}

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
    private readonly fates: readonly Fate[],
    private readonly deliver: (frame: T) => void,
  ) {}

  /** Each time round begins one further on, by more each time: a sender in step with it would lose the same for ever. */
  private nextFate(): Fate {
    const { length } = this.fates;
    const round = Math.floor(this.count / length);
    return this.fates[(this.count++ + (round * (round + 1)) / 2) % length];
  }

  carry(frame: T): void {
    switch (this.nextFate()) {
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
        // With more than that lost or late, a segment and its answer come so seldom that it takes hours.
        fc.pre(arrivals(toGuest) >= toGuest.length / 2 && arrivals(toNetwork) >= toNetwork.length / 2);
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
