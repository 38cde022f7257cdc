import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const script = new URL("./heap-growth-child.ts", import.meta.url).pathname;

/** The most that a process's heap held, of what it needs. */
async function heapOf(kind: "limited" | "free"): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--expose-gc",
    "--max-semi-space-size=1",
    script,
    kind,
  ]);
  return Number(stdout);
}

it("limitHeapGrowth() has V8 collect before the heap is several times what is needed", async () => {
  const [limited, free] = await Promise.all([heapOf("limited"), heapOf("free")]);
  // Some 2.8 and 4.8.
  expect(limited).toBeLessThan(free / 1.25);
});
