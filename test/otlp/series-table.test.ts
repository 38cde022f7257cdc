import { describe, expect, it, vi } from "vitest";
import { encodeFrame, type SeriesRecord } from "../../pipeline/otlp/series-record.ts";
import { SeriesTable } from "../../pipeline/otlp/series-table.ts";

function record(value: number, valueCount = 1): SeriesRecord {
  return {
    fingerprint: value + 7,
    flag: value % 2 === 1,
    startUnixNano: 5n,
    timeUnixNano: BigInt(value),
    changedUnixNano: BigInt(value) + 1n,
    values: new BigInt64Array(valueCount).fill(BigInt(value)),
  };
}

describe("SeriesTable", () => {
  it("keeps every series while others change their number of values over and over", () => {
    const table = new SeriesTable();
    const expected = new Map<string, SeriesRecord>();
    const set = (key: string, value: SeriesRecord) => {
      table.set(key, value);
      expected.set(key, value);
    };
    for (const key of ["changing 0", "steady", "changing 1", "steady too", "changing 2"])
      set(key, record(3, 3));
    for (let round = 0; round < 500; round += 1) {
      set(`changing ${round % 3}`, record(round, 1 + (round % 50)));
      for (const [key, wanted] of expected) expect(table.get(key)).toEqual(wanted);
    }
    expect(table.size).toBe(5);
  });

  it("keeps a series whose number of values rises and falls, when there is hardly another", () => {
    const table = new SeriesTable();
    table.set("steady", record(3, 3));
    for (const valueCount of [160, 170, 340, 1, 320, 700, 2, 1400]) {
      table.set("changing", record(valueCount, valueCount));
      expect(table.get("changing")).toEqual(record(valueCount, valueCount));
      expect(table.get("steady")).toEqual(record(3, 3));
    }
  });

  it("uses the room again that series left", () => {
    let most = 0;
    const counted = new Proxy(BigInt64Array, {
      construct(target, [length]: [number]) {
        most = Math.max(most, length);
        return new target(length);
      },
    });
    const [short, long] = [record(1, 1), record(2, 500)];
    vi.stubGlobal("BigInt64Array", counted);
    try {
      const table = new SeriesTable();
      for (let round = 0; round < 2000; round += 1) table.set("a", round % 2 === 0 ? short : long);
    } finally {
      vi.unstubAllGlobals();
    }
    expect(most).toBeGreaterThan(500);
    expect(most).toBeLessThan(5000);
  });

  it("numbers series as they came, and finds them by their number", () => {
    const table = new SeriesTable();
    expect(["b", "a", "b", "c"].map((key, i) => table.set(key, record(i)))).toEqual([0, 1, 0, 2]);
    expect(table.at(0)).toEqual({ key: "b", record: record(2) });
    expect(table.keysFrom(1)).toEqual(["a", "c"]);
    table.clear();
    expect([table.size, table.has("a"), table.savedBytes]).toEqual([0, false, 0]);
    expect(table.set("c", record(5))).toBe(0);
  });

  it("gives values that stay as they were when the series changes", () => {
    const table = new SeriesTable();
    table.set("a", record(1));
    const before = table.get("a");
    table.set("a", record(2));
    expect(before).toEqual(record(1));
  });

  it("knows what it takes to save them all, also when they grow and shrink", () => {
    const table = new SeriesTable();
    const frameBytes = (numbers: number[]) => {
      const size = numbers.reduce((sum, number) => sum + table.savedBytesAt(number), 0);
      return encodeFrame(
        numbers.map((number) => table.at(number)),
        size,
      ).length;
    };
    const headBytes = frameBytes([]);
    for (const [i, key] of ["a", "ключ", "x".repeat(200), "a", "ключ", "a"].entries()) {
      table.set(key, record(i, 1 + ((i * 5) % 7)));
      const all = Array.from({ length: table.size }, (_, number) => number);
      expect(headBytes + table.savedBytes).toBe(frameBytes(all));
    }
  });
});
