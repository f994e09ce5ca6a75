import { readFileSync } from 'node:fs';
import { GCProfiler, getHeapStatistics } from 'node:v8';

/**
 * A device without a guest side, for the machine's own thread. Its state tells what that thread has used so far:
 * `processorNs` of processor time (the scheduler's count) and `allocated` bytes of JavaScript heap since it was made.
 * @returns {import('tsvmm').Device}
 */
export default function threadGauge() {
  const heap = new HeapGauge();
  return {
    name: GAUGE,
    ranges: [],
    reset() {},
    load() {},
    save: () => ({ processorNs: processorTime(), allocated: heap.read() }),
  };
}

const GAUGE = 'thread-gauge';

/** What `createMachine` takes to add the gauge. */
export const gaugeOption = { module: import.meta.url };

/**
 * What the machine's thread used between two looks at it.
 * @param {import('tsvmm').Machine} machine with `gaugeOption` among its devices
 * @param {() => Promise<unknown>} action
 */
export async function usedDuring(machine, action) {
  const before = await machine.device(GAUGE);
  await action();
  const after = await machine.device(GAUGE);
  /** @param {string} name */
  const used = name => Number(after[name]) - Number(before[name]);
  return { processorNs: used('processorNs'), allocated: used('allocated') };
}

function processorTime() {
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]);
}

/** Counts allocations; V8 itself only tells how much is in use. */
class HeapGauge {
  #profiler = new GCProfiler();
  #allocated = 0;
  #used = usedHeap();

  constructor() {
    this.#profiler.start();
  }

  read() {
    // Between two collections the heap only grows.
    for (const { beforeGC, afterGC } of this.#profiler.stop()?.statistics ?? []) {
      this.#allocated += beforeGC.heapStatistics.usedHeapSize - this.#used;
      this.#used = afterGC.heapStatistics.usedHeapSize;
    }
    const now = usedHeap();
    this.#allocated += now - this.#used;
    this.#used = now;
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    return this.#allocated;
  }
}

function usedHeap() {
  return getHeapStatistics().used_heap_size;
}
