import { getHeapStatistics, setFlagsFromString } from "node:v8";

/**
 * Percent of what a collection left, after which V8 collects again. Measured: a sixth less memory under load, a quarter
 * less while many series are flushed; 50 takes too much time there.
 */
const heapGrowingPercent = 100;
/** V8 lets a heap that may become so large grow to four times what is left, and a smaller one to less than twice. */
const roomyHeapBytes = 2 ** 31;

/**
 * Have V8 keep the heaps of this process small, those of its threads too. For a process that is the gateway's alone.
 * On Deno these flags have an effect on its command line only.
 */
export function limitHeapGrowth(): void {
  if (getHeapStatistics().heap_size_limit >= roomyHeapBytes) {
    setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
  }
  // What waits for its commit outlives a collection or two, and is garbage then: V8 would take it for old.
  setFlagsFromString("--no-allocation-site-pretenuring");
}
