import { Bell } from './bell.js';
import type { RemoteCard } from './card.js';

/** Serves the far ends of cables on a thread with an event loop, in turns with everything else there. */
export class CardLoop {
  readonly bell = new Bell(Bell.allocate());
  private readonly cards = new Set<RemoteCard>();
  private scheduled = false;
  private readonly round = (): void => {
    this.scheduled = false;
    this.serve();
  };

  /** @param soon calls an action after what else waits has had its turn */
  constructor(private readonly soon: (action: () => void) => void) {}

  add(card: RemoteCard): void {
    this.cards.add(card);
    this.schedule();
  }

  remove(card: RemoteCard): void {
    this.cards.delete(card);
  }

  /** Looks at all cables soon. */
  readonly schedule = (): void => {
    if (this.scheduled) return;
    this.scheduled = true;
    this.soon(this.round);
  };

  private serve(): void {
    const seen = this.bell.wake();
    let more = false;
    for (const card of this.cards) more = card.poll() || more;
    if (more || !this.bell.sleep(seen, this.schedule)) this.schedule();
  }
}
