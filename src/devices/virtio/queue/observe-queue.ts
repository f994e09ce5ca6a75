import type { Chain } from './chain.js';
import type { Virtqueue } from './virtqueue.js';

/** Hears what a device does with the buffers of a queue. */
export interface QueueObserver {
  /** The device has taken a buffer. */
  taken(chain: Chain): void;
  /** It gives the buffer back. @param written bytes that it has written into it */
  given(chain: Chain, written: number): void;
  /** It gives the buffer back as if it had not taken it. */
  returned(chain: Chain): void;
}

/** Has `observer` hear of `queue` for as long as that exists. Queues that nobody observes have no part in it. */
export function observeQueue(queue: Virtqueue, observer: QueueObserver): void {
  const [pop, push, unpop] = [queue.pop.bind(queue), queue.push.bind(queue), queue.unpop.bind(queue)];
  queue.pop = () => {
    const chain = pop();
    if (chain) observer.taken(chain);
    return chain;
  };
  queue.push = (chain, written) => {
    observer.given(chain, written);
    push(chain, written);
  };
  queue.unpop = chain => {
    observer.returned(chain);
    unpop(chain);
  };
}
