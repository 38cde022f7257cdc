/** Holds some objects, makes and drops others, and writes how much its heap held at most, of what it holds. */
import { getHeapStatistics } from "node:v8";
import { limitHeapGrowth } from "../../handlers/runtime/heap-growth.ts";

const heldCount = 200_000;
/** Old enough when they are dropped that the young generation cannot free them. */
const turnCount = 200;
const turnsKept = 2;

function makeObjects(count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({ index, text: `${index}` }));
}

if (process.argv[2] === "limited") limitHeapGrowth();
const lately: object[][] = [];
const held = makeObjects(heldCount);
// Until the first collection V8 has a limit of its own.
globalThis.gc?.();
const heldBytes = getHeapStatistics().used_heap_size;
let bytesMax = 0;
for (let turn = 0; turn < turnCount; turn++) {
  lately[turn % turnsKept] = makeObjects(heldCount / 10);
  bytesMax = Math.max(bytesMax, getHeapStatistics().used_heap_size);
}
if (held.length + lately.length > 0) process.stdout.write(`${bytesMax / heldBytes}`);
