/**
 * A store that an earlier version left behind, with something in every state: what was promised for it holds, and
 * its counters continue. `fixtures/upgraded-store.ts` tells what is in it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { decodeLogs, decodeMetrics, histogramPoints, numberPoints } from "../otlp/fixtures.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { ledgerOf, metricsLane, owedBy, roomy, startUs, text } from "./arrivals.ts";
import { deliverTo, lastValue, reading, throttle } from "./fixtures/upgraded-store.ts";
import { createFolder } from "./sqlite-folder.ts";

const metAtUs = startUs + 12_000_000;

/** What only some of them have. */
const leftBehind = [
  { file: "schema-1", remembered: [], ofWaiting: {} },
  {
    file: "schema-2",
    remembered: [{ ...lastValue, source: "plant", topic: "plant/line1", metAtUs }],
    ofWaiting: { lastValues: [lastValue], throttledBy: [throttle] },
  },
];

async function openLeftBehind(file: string) {
  const { path, remove } = createFolder();
  const url = new URL(`fixtures/${file}.db.gz`, import.meta.url);
  writeFileSync(path, gunzipSync(readFileSync(url)));
  const store = await openSqliteStore({ ...roomy, path });
  onTestFinished(async () => {
    await store.close();
    remove();
  });
  const clock = createFakeClock({ nowUs: startUs + 30_000_000 });
  const [metrics, logs] = deliverTo(store, clock);
  if (!metrics || !logs) throw new Error("A lane is missing");
  return { store, metrics, logs };
}

/** Seconds after the first instant of the store. */
function secondsOf(unixNano: bigint): number {
  return Number(unixNano - BigInt(startUs) * 1000n) / 1e9;
}

/** Start, time and value of each point of one name. */
function pointsOf(request: Uint8Array | undefined, name: string) {
  const metrics = decodeMetrics(request ?? new Uint8Array()).filter((metric) => metric.name === name);
  return [...numberPoints(metrics), ...histogramPoints(metrics)].map((point) => [
    secondsOf(point.startTimeUnixNano),
    secondsOf(point.timeUnixNano),
    "value" in point ? point.value.value : point.sum,
  ]);
}

describe.each(leftBehind)("a store of $file", ({ file, remembered, ofWaiting }) => {
  it("has the ledger that was left, and keeps what a removed destination owes", async () => {
    const { store } = await openLeftBehind(file);
    const { sources, lanes, deadLettered } = await ledgerOf(store);
    expect(sources).toMatchObject({ plant: { received: 5, accepted: 4, deadLettered: 1, duplicates: 0 } });
    const counts = lanes.map(({ owed, delivered, deadLettered, pending }) => [
      owed,
      delivered,
      deadLettered,
      pending,
    ]);
    expect(counts).toEqual([
      [4, 1, 1, 2],
      [4, 1, 0, 3],
      [4, 0, 0, 4],
    ]);
    expect(deadLettered).toEqual([
      { stage: "arrival", reason: "invalidPayload", count: 1 },
      { stage: "delivery", reason: "refused", count: 1 },
    ]);
    expect(store.notices).toEqual([expect.stringContaining("removed/metrics is no longer configured")]);
  });

  it("sends again what went unanswered, and its counters continue", async () => {
    const { store, metrics, logs } = await openLeftBehind(file);
    expect((await store.lane(metricsLane).position()).open).toMatchObject({ firstId: 3, lastId: 3 });
    await metrics.flush();
    const [again, behind] = metrics.exporter.requests;
    expect(metrics.exporter.requests.length).toBe(2);
    expect(pointsOf(again, "parts")).toEqual([[0, 12, 12n]]);
    expect(pointsOf(again, "stock")).toEqual([[0, 12, -12n]]);
    expect(pointsOf(again, "cycle_time")).toEqual([[0, 12, 6]]);
    expect(pointsOf(behind, "parts")).toEqual([[0, 21, 23n]]);
    expect(pointsOf(behind, "stock")).toEqual([[0, 21, -23n]]);
    expect(pointsOf(behind, "cycle_time")).toEqual([[0, 21, 11.5]]);

    await logs.flush();
    const [waiting] = logs.exporter.requests;
    const bodies = decodeLogs(waiting ?? new Uint8Array()).map(({ body }) => body?.value.value);
    expect(bodies).toEqual(["poison made 1000", "unanswered made 7", "waiting made 11"]);
    expect((await ledgerOf(store)).lanes.map(({ pending }) => pending)).toEqual([0, 0, 4]);
  });

  it("takes repeats of what came before for repeats, and gives new messages new ids", async () => {
    const { store } = await openLeftBehind(file);
    const verdict = owedBy(store, [metricsLane]);
    const repeats = [reading("first", 1, 5), reading("waiting", 21, 11)];
    expect(await store.append(repeats.map((repeat) => ({ ...repeat, verdict })))).toMatchObject({
      accepted: 0,
      duplicates: 2,
    });
    await store.append([{ ...reading("new", 31, 1), verdict }]);
    expect((await store.lane(metricsLane).read(0, 10)).map(({ id, messageId }) => [id, messageId])).toEqual([
      [3, "unanswered"],
      [4, "waiting"],
      [5, "new"],
    ]);
  });

  it("knows the last values that were kept, and remembers others from now on", async () => {
    const { store } = await openLeftBehind(file);
    expect(await store.lastValues()).toEqual(remembered);
    const [unanswered, waiting] = await store.lane(metricsLane).read(2, 2);
    expect(unanswered?.lastValues).toBeUndefined();
    expect({ lastValues: waiting?.lastValues, throttledBy: waiting?.throttledBy }).toEqual(ofWaiting);
    const met = [{ ...lastValue, value: "22" }];
    await store.append([{ ...reading("new", 31, 1), verdict: owedBy(store, [metricsLane]), met }]);
    expect(await store.lastValues()).toMatchObject([{ source: "plant", value: "22" }]);
  });

  it("keeps dead letters whole, and one that is replayed continues the counters", async () => {
    const { store, metrics } = await openLeftBehind(file);
    const letters = await store.deadLetters.list({ afterId: 0, limit: 10 });
    expect(letters.map(({ reason, lane }) => [reason, lane])).toEqual([
      ["invalidPayload", undefined],
      ["refused", metricsLane],
    ]);
    const [, refused] = letters;
    expect(refused?.message).toEqual(expect.objectContaining(reading("poison", 11, 1000).message));
    expect(text(refused?.message.payload)).toContain('"value":1000');

    await metrics.flush();
    expect(await store.deadLetters.replay(refused?.id ?? 0, { lanes: store.lane(metricsLane).mask })).toBe(
      true,
    );
    await metrics.flush();
    expect(pointsOf(metrics.exporter.requests[2], "parts")).toEqual([[0, 21.001, 1023n]]);
    expect((await ledgerOf(store)).lanes[0]).toMatchObject({
      owed: 5,
      delivered: 4,
      deadLettered: 1,
      pending: 0,
    });
  });
});
