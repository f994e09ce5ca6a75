import { GCProfiler, getHeapStatistics } from 'node:v8';

/**
 * A device without a guest side, for the machine's own thread: its state tells how many bytes of JavaScript heap the
 * thread has allocated since it was made.
 * @returns {import('tsvmm').Device}
 */
export default function heapGauge() {
  let profiler = new GCProfiler();
  profiler.start();
  let allocated = 0;
  let used = usedHeap();
  return {
    name: 'heap-gauge',
    ranges: [],
    reset() {},
    load() {},
    save() {
      // Between two collections the heap only grows.
      for (const { beforeGC, afterGC } of profiler.stop()?.statistics ?? []) {
        allocated += beforeGC.heapStatistics.usedHeapSize - used;
        used = afterGC.heapStatistics.usedHeapSize;
      }
      const now = usedHeap();
      allocated += now - used;
      used = now;
      profiler = new GCProfiler();
      profiler.start();
      return { allocated };
    },
  };
}

function usedHeap() {
  return getHeapStatistics().used_heap_size;
}
