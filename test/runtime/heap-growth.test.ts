import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as v8 from "node:v8";
import { expect, it, vi } from "vitest";
import { limitHeapGrowth } from "../../handlers/runtime/heap-growth.ts";

vi.mock("node:v8", { spy: true });

const script = new URL("./heap-growth-child.ts", import.meta.url).pathname;

/** The most that the heap of a process with room for it held, of what it needs. */
async function heapOf(kind: "limited" | "free"): Promise<number> {
  const flags = ["--expose-gc", "--max-semi-space-size=1", "--max-old-space-size=4096"];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script, kind]);
  return Number(stdout);
}

it("limitHeapGrowth() has V8 collect before a heap is several times what is needed", async () => {
  const [limited, free] = await Promise.all([heapOf("limited"), heapOf("free")]);
  // Some 2.8 and 4.8.
  expect(limited).toBeLessThan(free / 1.25);
});

it("limitHeapGrowth() leaves a small heap to V8, which keeps it smaller", () => {
  vi.mocked(v8.setFlagsFromString).mockReturnValue();
  const growthSet = (megabytesMax: number) => {
    const statistics = { ...v8.getHeapStatistics(), heap_size_limit: megabytesMax * 2 ** 20 };
    vi.mocked(v8.getHeapStatistics).mockReturnValueOnce(statistics);
    vi.mocked(v8.setFlagsFromString).mockClear();
    limitHeapGrowth();
    return vi.mocked(v8.setFlagsFromString).mock.calls.flat().includes("--heap-growing-percent=100");
  };
  expect([560, 1120, 2240, 4144].map(growthSet)).toEqual([false, false, true, true]);
});
