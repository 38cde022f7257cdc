import { describe, expect, it } from "vitest";
import type { SeriesRecord } from "../../pipeline/otlp/series-record.ts";
import { SeriesState } from "../../pipeline/otlp/series-state.ts";

function record(value: number, more: Partial<SeriesRecord> = {}): SeriesRecord {
  return {
    fingerprint: 7,
    flag: false,
    startUnixNano: 5n,
    timeUnixNano: 1_767_614_400_000_000_001n,
    changedUnixNano: 1_767_614_400_000_000_002n,
    values: BigInt64Array.of(BigInt(value)),
    ...more,
  };
}

function save(state: SeriesState, ...entries: [string, SeriesRecord][]): Uint8Array {
  return state.update(new Map(entries))?.bytes ?? new Uint8Array();
}

function loaded(...chunks: Uint8Array[]): SeriesState {
  const state = new SeriesState();
  state.load(chunks);
  return state;
}

describe("SeriesState", () => {
  it("gives back what was saved, bit by bit", () => {
    const odd = record(0, {
      flag: true,
      fingerprint: 2 ** 32 - 1,
      values: BigInt64Array.of(-1n, 2n ** 63n - 1n, -(2n ** 63n)),
    });
    const key = `ключ \u0000 ${"x".repeat(200)}`;
    const state = loaded(save(new SeriesState(), [key, odd], ["", record(1)]));
    expect(state.size).toBe(2);
    expect(state.get(key)).toEqual(odd);
    expect(state.get("")).toEqual(record(1));
    expect(state.get("another")).toBeUndefined();
  });

  it("the later record of a series wins, also when it has another number of values", () => {
    const first = new SeriesState();
    const wide = record(0, { values: BigInt64Array.of(1n, 2n, 3n, 4n) });
    const chunks = [
      save(first, ["a", record(1)], ["b", record(2)]),
      save(first, ["a", wide]),
      save(first, ["b", record(3)]),
    ];
    const state = loaded(...chunks);
    expect(state.get("a")).toEqual(wide);
    expect(state.get("b")).toEqual(record(3));
  });

  it("reads frames that a store put together", () => {
    const first = new SeriesState();
    const joined = Buffer.concat([save(first, ["a", record(1)]), save(first, ["b", record(2)])]);
    expect(loaded(joined).size).toBe(2);
  });

  it("reads chunks at once or in parts, and tells the keys of new series", () => {
    const first = new SeriesState();
    const [one, two] = [
      save(first, ["a", record(1)], ["b", record(2)]),
      save(first, ["a", record(3)], ["c", record(4)]),
    ];
    const state = new SeriesState();
    expect(state.load([one])).toEqual(["a", "b"]);
    expect(state.load([two])).toEqual(["c"]);
    expect(state.load([])).toEqual([]);
    for (const key of ["a", "b", "c"]) expect(state.get(key)).toEqual(first.get(key));
    expect(new SeriesState().load([one, two])).toEqual(["a", "b", "c"]);
  });

  it("keeps thousands of series", () => {
    const state = new SeriesState();
    save(
      state,
      ...Array.from({ length: 5000 }, (_, i): [string, SeriesRecord] => [`series ${i}`, record(i)]),
    );
    expect(state.size).toBe(5000);
    expect([0, 1234, 4999].map((i) => state.get(`series ${i}`)?.values[0])).toEqual([0n, 1234n, 4999n]);
  });

  it("saves only what changed", () => {
    const state = new SeriesState();
    const all = save(state, ["a", record(1)], ["b", record(2)]);
    const change = state.update(new Map([["a", record(3)]]));
    expect(change?.kind).toBe("append");
    expect(change?.bytes.length).toBeLessThan(all.length);
    expect(state.update(new Map())).toBeUndefined();
  });

  describe("when most of what was saved is superseded", () => {
    const values = new BigInt64Array(2 ** 10);
    const large = (last: number) => {
      const changed = values.slice();
      changed[0] = BigInt(last);
      return record(0, { values: changed });
    };
    const key = (index: number) => `series ${index % 2500}`;
    const liveBytes = 2500 * values.byteLength;
    /** Of the one series that never changes, which only what was taken along keeps. */
    const hasSteady = (chunk: Uint8Array) => Buffer.from(chunk.buffer).includes("steady");

    /** A store's chunks, as the changes of `count` batches leave them; each changes 40 of 2,500 series of 8 KiB. */
    function run(state: SeriesState, chunks: Uint8Array[], batches: { from: number; count: number }) {
      let bytesMax = 0;
      let mostTimes = 0;
      for (let batch = batches.from; batch < batches.from + batches.count; batch += 1) {
        const changes = Array.from({ length: 40 }, (_, i): [string, SeriesRecord] => [
          key(batch * 40 + i),
          large(batch),
        ]);
        const change = state.update(new Map(changes));
        if (change === undefined) throw new Error("There are changes");
        expect(change.kind).toBe("append");
        const dropped = chunks.splice(0, change.dropOldest ?? 0);
        chunks.push(change.bytes);
        if (dropped.some(hasSteady)) expect(chunks.some(hasSteady)).toBe(true);
        mostTimes = Math.max(mostTimes, change.bytes.length / (40 * values.byteLength));
        bytesMax = Math.max(
          bytesMax,
          chunks.reduce((sum, { length }) => sum + length, 0),
        );
      }
      return { bytesMax, mostTimes };
    }

    it("drops it bit by bit, and no save is large", () => {
      const state = new SeriesState();
      const chunks: Uint8Array[] = [save(state, ["steady", record(7)])];
      const { bytesMax, mostTimes } = run(state, chunks, { from: 0, count: 1000 });
      expect(bytesMax).toBeLessThan(2 * liveBytes);
      expect(mostTimes).toBeLessThan(2.2);
      const after = loaded(...chunks);
      expect(after.size).toBe(2501);
      expect(after.get("steady")).toEqual(record(7));
      for (let index = 0; index < 2500; index += 1) {
        expect(after.get(key(index))).toEqual(state.get(key(index)));
      }
    });

    it("goes on with what a restart left, at any moment", () => {
      let state = new SeriesState();
      const chunks: Uint8Array[] = [save(state, ["steady", record(7)])];
      for (let from = 0; from < 600; from += 150) {
        const { bytesMax } = run(state, chunks, { from, count: 150 });
        expect(bytesMax).toBeLessThan(2 * liveBytes);
        const before = state;
        state = loaded(...chunks);
        expect(state.size).toBe(before.size);
        for (let index = 0; index < 2500; index += 1) {
          expect(state.get(key(index))).toEqual(before.get(key(index)));
        }
        // A restatement that was sealed before the restart states the same series again.
        const ever = { changedAfter: 0n, quietSince: 2n ** 62n };
        expect(state.unstated(ever)).toEqual(before.unstated(ever));
        expect(state.get("steady")).toEqual(record(7));
      }
    });

    it("drops many small chunks at once", () => {
      const state = new SeriesState();
      const chunks: Uint8Array[] = [];
      let most = 0;
      for (let batch = 0; batch < 100_000; batch += 1) {
        const change = state.update(
          new Map([[`series ${batch % 100}`, record(batch, { values: values.slice(0, 30) })]]),
        );
        if (change === undefined) throw new Error("There are changes");
        chunks.splice(0, change.dropOldest ?? 0);
        chunks.push(change.bytes);
        most = Math.max(most, chunks.length);
      }
      expect(most).toBeLessThan(60_000);
      expect(loaded(...chunks).size).toBe(100);
    });
  });

  it("refuses another version by its number", () => {
    const chunk = save(new SeriesState(), ["a", record(1)]);
    chunk[0] = 9;
    expect(() => loaded(chunk)).toThrow("Cannot load series state: met version 9, wanted 2");
  });

  it("refuses a chunk that is cut short anywhere", () => {
    const chunk = save(new SeriesState(), ["a", record(1)], ["b", record(2)]);
    for (let length = 1; length < chunk.length; length += 1) {
      expect(() => loaded(chunk.subarray(0, length)), `${length} bytes`).toThrow("Cannot load series state");
    }
  });

  it("refuses a record that is longer than its frame", () => {
    const chunk = save(new SeriesState(), ["a", record(1)]);
    chunk[5] = 0x7f;
    expect(() => loaded(chunk)).toThrow("Cannot load series state: a record ends");
  });

  it("is empty after a damaged chunk, and the next update replaces what the store holds", () => {
    const before = new SeriesState();
    const intact = save(before, ["a", record(1)]);
    const damaged = save(before, ["b", record(2)]).subarray(0, 20);
    const state = new SeriesState();
    expect(() => state.load([intact, damaged])).toThrow("Cannot load series state");
    expect(state.size).toBe(0);
    expect(state.get("a")).toBeUndefined();
    const change = state.update(new Map([["c", record(3)]]));
    expect(change?.kind).toBe("replace");
    expect(loaded(change?.bytes ?? new Uint8Array()).get("c")).toEqual(record(3));
    expect(state.update(new Map([["c", record(4)]]))?.kind).toBe("append");
  });

  it("knows no chunk of before a damaged one, however much there was", () => {
    const before = new SeriesState();
    const series = (value: bigint) => record(0, { values: new BigInt64Array(2 ** 16).fill(value) });
    const chunks = Array.from({ length: 20 }, (_, i) => save(before, ["a", series(BigInt(i))]));
    const state = new SeriesState();
    expect(state.load(chunks)).toEqual(["a"]);
    expect(() => state.load([Uint8Array.of(9)])).toThrow("Cannot load series state");
    expect(state.update(new Map([["a", record(1)]]))).toMatchObject({ kind: "replace" });
    expect(state.update(new Map([["a", record(2)]]))).not.toHaveProperty("dropOldest");
  });
});
