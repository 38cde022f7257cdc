import { afterEach, describe, expect, it } from "vitest";
import type { LastValue } from "../../pipeline/message.ts";
import type { Arrival, BatchStore, StoredLastValue } from "../../pipeline/store/batch-store.ts";
import {
  arrival,
  expired,
  filtered,
  invalid,
  logsLane,
  metricsLane,
  owedBy,
  startUs,
  text,
} from "./arrivals.ts";
import { everyStore } from "./every-store.ts";

const rule = "Mapping thermostat";
const inputT = { rule, input: "t" };

function last(value: string, fields: Partial<LastValue> = {}): LastValue {
  return { rule, input: "t", member: "", value, ...fields };
}

function stored(value: string, fields: Partial<StoredLastValue> = {}): StoredLastValue {
  return { ...last(value), source: "plant", topic: "plant/line1", metAtUs: startUs, ...fields };
}

describe.each(everyStore())("last values in the $name store", ({ harness: { open, reopen } }) => {
  let store: BatchStore;
  afterEach(async () => {
    await store.close();
  });

  const accepted = () => owedBy(store, [metricsLane]);
  const bySite = (a: StoredLastValue, b: StoredLastValue) => keyOf(a).localeCompare(keyOf(b));
  const values = async () => [...(await store.lastValues())].toSorted(bySite);

  it("append() remembers what a message met, by rule, input, member, source and topic", async () => {
    store = await open();
    const other: Arrival = arrival("3", accepted());
    await store.append([
      { ...arrival("1", accepted()), met: [last("1"), last("2", { input: "*.v", member: '["ä.b"]' })] },
      { ...other, message: { ...other.message, topic: "plant/line2" }, met: [last("3")] },
      { ...arrival("4", accepted(), { source: "bridge", arrivedAtUs: startUs + 1 }), met: [last('"vier"')] },
      arrival("5", accepted()),
    ]);
    expect(await values()).toEqual(
      [
        stored("1"),
        stored("2", { input: "*.v", member: '["ä.b"]' }),
        stored("3", { topic: "plant/line2" }),
        stored('"vier"', { source: "bridge", metAtUs: startUs + 1 }),
      ].toSorted(bySite),
    );
  });

  it("append() puts a later value in the place of an earlier one, within a request too", async () => {
    store = await open();
    await store.append([{ ...arrival("1", accepted()), met: [last("1")] }]);
    const times = { arrivedAtUs: startUs + 7 };
    await store.append([
      { ...arrival("2", accepted(), times), met: [last("2")] },
      { ...arrival("3", accepted(), times), met: [last("3")] },
    ]);
    expect(await values()).toEqual([stored("3", { metAtUs: startUs + 7 })]);
  });

  it("append() remembers nothing of a repeat, and says which ones are", async () => {
    store = await open();
    await store.append([{ ...arrival("1", accepted(), { messageId: "m" }), met: [last("1")] }]);
    const result = await store.append([
      { ...arrival("2", accepted()), met: [last("2")] },
      { ...arrival("1", accepted(), { messageId: "m" }), met: [last("1")] },
      arrival("1", accepted(), { messageId: "m" }),
    ]);
    expect(result).toMatchObject({ accepted: 1, duplicates: 2, repeats: [1] });
    expect(await values()).toEqual([stored("2")]);
  });

  it("append() remembers what filtered messages and dead letters met", async () => {
    store = await open();
    await store.append([{ ...arrival("1", filtered), met: [last("1")] }]);
    expect(await values()).toEqual([stored("1")]);
    const result = await store.append([
      { ...arrival("2", invalid), met: [last("2")] },
      arrival("3", expired),
    ]);
    expect(result).not.toHaveProperty("repeats");
    expect(await values()).toEqual([stored("2")]);
  });

  it("append() remembers what a message without a lane met", async () => {
    store = await open();
    await store.append([{ ...arrival("1", owedBy(store, [])), met: [last("1")] }]);
    expect(await values()).toEqual([stored("1")]);
  });

  it("append() remembers nothing of a request that there is no room for", async () => {
    store = await open({ bytesMax: 2_000_000 });
    await store.append([{ ...arrival("1", accepted()), met: [last("1")] }]);
    const large = { ...arrival("x".repeat(2_000_000), accepted()), met: [last("2")] };
    await expect(store.append([large])).rejects.toThrow("quota");
    expect(await values()).toEqual([stored("1")]);
  });

  it("read() gives what stands in for what a message lacks, in each lane", async () => {
    store = await open();
    const both = owedBy(store, [metricsLane, logsLane]);
    const one = arrival("1", both);
    const lastValues = [last('{"a":[1,72.0]}', { member: '["x"]' }), last('"ü"', { input: "u" })];
    await store.append([{ ...one, message: { ...one.message, lastValues } }, arrival("2", both)]);
    for (const name of [metricsLane, logsLane]) {
      const [first, second] = await store.lane(name).read(0, 10);
      expect(first?.lastValues).toEqual(lastValues);
      expect(second?.lastValues).toBeUndefined();
    }
  });

  it("a dead letter keeps what stands in, and a replay takes what is told, or else that", async () => {
    store = await open();
    const one = arrival("1", invalid);
    const letter = { ...one, message: { ...one.message, lastValues: [last("1")] } };
    await store.append([letter, letter, letter]);
    const letters = await store.deadLetters.list({ afterId: 0, limit: 10 });
    expect(letters.map(({ message }) => message.lastValues)).toEqual([[last("1")], [last("1")], [last("1")]]);
    const { mask } = store.lane(metricsLane);
    const told = [undefined, [last("2")], []];
    for (const [index, lastValues] of told.entries()) {
      expect(await store.deadLetters.replay(index + 1, { lanes: mask, lastValues })).toBe(true);
    }
    const read = await store.lane(metricsLane).read(0, 10);
    expect(read.map(({ payload }) => text(payload))).toEqual(["1", "1", "1"]);
    expect(read.map(({ lastValues = [] }) => lastValues)).toEqual([[last("1")], [last("2")], []]);
  });

  it.runIf(reopen !== undefined)(
    "keeps them over a restart, without those of inputs that are gone",
    async () => {
      store = await open();
      const met = [
        last("1"),
        last("2", { input: "u" }),
        last("3", { rule: "Mapping gone" }),
        last("4", { member: '["x"]' }),
      ];
      await store.append([{ ...arrival("1", accepted()), met }]);
      const again = async (options = {}) => (await reopen?.(store, options)) ?? store;
      store = await again();
      expect(await values()).toHaveLength(4);
      store = await again({ rememberedInputs: [inputT] });
      expect(await values()).toEqual([stored("1"), stored("4", { member: '["x"]' })]);
      store = await again({ rememberedInputs: [] });
      expect(await values()).toEqual([]);
    },
  );
});

function keyOf({ source, topic, rule, input, member }: StoredLastValue): string {
  return [source, topic, rule, input, member].join(" ");
}
