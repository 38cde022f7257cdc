import { describe, expect, it } from "vitest";
import { type SeriesRecord, SeriesState } from "../../pipeline/otlp/series-state.ts";

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

  it("keeps every series while others change their number of values over and over", () => {
    const state = new SeriesState();
    save(state, ["steady", record(7, { values: BigInt64Array.of(1n, 2n, 3n) })]);
    for (let round = 0; round < 2000; round += 1) {
      const values = new BigInt64Array(1 + (round % 50)).fill(BigInt(round));
      save(state, [`changing ${round % 3}`, record(0, { values })]);
    }
    expect(state.get("steady")?.values).toEqual(BigInt64Array.of(1n, 2n, 3n));
    expect(state.get("changing 1")?.values).toEqual(new BigInt64Array(50).fill(1999n));
    expect(state.get("changing 0")?.values).toEqual(new BigInt64Array(49).fill(1998n));
    expect(state.size).toBe(4);
  });

  it("reads frames that a store put together", () => {
    const first = new SeriesState();
    const joined = Buffer.concat([save(first, ["a", record(1)]), save(first, ["b", record(2)])]);
    expect(loaded(joined).size).toBe(2);
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

  it("replaces what was saved when most of it is superseded, also after a restart", () => {
    const state = new SeriesState();
    const values = new BigInt64Array(2 ** 17);
    const large = (last: bigint) => record(0, { values: values.with(0, last) as BigInt64Array<ArrayBuffer> });
    const chunks = [save(state, ["small", record(1)])];
    const kinds: (string | undefined)[] = [];
    for (let i = 0; i < 6; i += 1) {
      const change = state.update(new Map([["large", large(BigInt(i))]]));
      kinds.push(change?.kind);
      chunks.push(change?.bytes ?? new Uint8Array());
    }
    expect(kinds).toEqual(Array(6).fill("append"));
    const after = loaded(...chunks);
    for (let i = 6; i < 20; i += 1) {
      const change = after.update(new Map([["large", large(BigInt(i))]]));
      if (change?.kind !== "replace") continue;
      expect(i).toBe(8);
      const fresh = loaded(change.bytes);
      expect(fresh.get("large")?.values[0]).toBe(8n);
      expect(fresh.get("small")).toEqual(record(1));
      return;
    }
    expect.unreachable("the saved state only grew");
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
});
