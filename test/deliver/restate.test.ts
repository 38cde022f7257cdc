import { describe, expect, it } from "vitest";
import { createDelivery } from "../../pipeline/deliver.ts";
import { createLogsEncoder, createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { Items } from "../../pipeline/payload/format.ts";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import { decodeMetrics, noonUs, numberPoints, seconds, settings } from "../otlp/fixtures.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { outcomes } from "../support/fake-exporter.ts";
import { logsLane, patched, running, setUp } from "./setup.ts";

const second = 1_000;
const minute = 60 * second;

/** "parts 3": so many parts more. */
function itemsOf(text: string): Items {
  const [name = "", value] = text.split(" ");
  return { metrics: [{ name, type: "u64_counter", value: Number(value), attributes: [] }], logs: [] };
}

type Options = Parameters<typeof setUp>[0] & {
  restateMs?: number;
  seriesIdleMs?: number;
  requestBytes?: number;
};

/** A lane with the real encoder, whose clock begins at noon. Requests are read as "name=value@seconds". */
function setUpSeries(options: Options = {}) {
  const { restateMs = minute, seriesIdleMs = 60 * minute, requestBytes = 4_000_000 } = options;
  const encoder = createMetricsEncoder({ ...settings, requestBytesMax: requestBytes });
  const around = setUp({
    clock: createFakeClock({ nowUs: noonUs }),
    latencyMs: 0,
    restatement: { restateMs, seriesIdleMs },
    real: { encoder, itemsOf },
    ...options,
  });
  const { exporter, delivery, clock } = around;
  const requests = () =>
    exporter.requests.map((request) =>
      decodeMetrics(request).flatMap((metric) =>
        numberPoints([metric]).map(
          ({ timeUnixNano, value }) => `${metric.name}=${value.value}@${seconds(timeUnixNano)}`,
        ),
      ),
    );
  return {
    ...around,
    requests,
    flushDue: () => delivery.flush({ force: false }),
    /** Deliver messages now. */
    async receive(...texts: string[]) {
      await around.append(texts);
      await delivery.flush({ force: false });
    },
    async elapse(ms: number) {
      clock.advance(ms);
      return await delivery.flush({ force: false });
    },
    restarted: (more: Options = {}) =>
      setUpSeries({ ...options, store: around.store, clock: around.clock, ...more }),
  };
}

/** The store as a process leaves it that dies right before a settlement. */
function dyingAtSettle(store: BatchStore, isDying: () => boolean): BatchStore {
  return patched(store, (lane) => ({
    async settle(...parameters) {
      if (isDying()) throw new Error("The process is gone");
      return await lane.settle(...parameters);
    },
  }));
}

describe("a series that no message changes is stated again", () => {
  it("each time restateMs has passed, with its value and at the instant of sealing", async () => {
    const { receive, elapse, requests } = setUpSeries();
    await receive("parts 3");
    await elapse(minute - 1);
    expect(requests()).toEqual([["parts=3@0"]]);
    expect(await elapse(1)).toMatchObject({ batches: 1, messages: 0, items: 0, pending: 0, failed: false });
    await elapse(minute - 1);
    await elapse(1);
    expect(requests()).toEqual([["parts=3@0"], ["parts=3@60"], ["parts=3@120"]]);
  });

  it("but not one that a message changed since", async () => {
    const { receive, elapse, requests, clock } = setUpSeries();
    await receive("parts 3", "doors 1");
    clock.advance(40 * second);
    await receive("doors 1");
    await elapse(20 * second);
    expect(requests().at(-1)).toEqual(["parts=3@60"]);
  });

  it("no later than a quarter of the period after it is due, when others are out of step", async () => {
    const { receive, elapse, requests, clock } = setUpSeries();
    await receive("parts 3");
    clock.advance(10 * second);
    await receive("doors 1");
    await elapse(50 * second);
    await elapse(15 * second);
    expect(requests().slice(2)).toEqual([["parts=3@60"], ["doors=1@75"]]);
  });

  it("until no message has changed it for seriesIdleMs", async () => {
    const { receive, elapse, requests } = setUpSeries({ seriesIdleMs: 150 * second });
    await receive("parts 3");
    for (let minutes = 1; minutes <= 5; minutes++) await elapse(minute);
    expect(requests()).toEqual([["parts=3@0"], ["parts=3@60"], ["parts=3@120"]]);
  });

  it("never when restateMs is 0, when seriesIdleMs is 0, or when the values are deltas", async () => {
    const encoder = createMetricsEncoder({ ...settings, temporality: "delta" });
    for (const options of [{ restateMs: 0 }, { seriesIdleMs: 0 }, { real: { encoder, itemsOf } }]) {
      const { receive, elapse, requests } = setUpSeries(options);
      await receive("parts 3");
      await elapse(minute);
      await elapse(minute);
      expect(requests()).toHaveLength(1);
    }
  });

  it("never by a forced flush before it is due", async () => {
    const { receive, clock, flush, requests } = setUpSeries();
    await receive("parts 3");
    clock.advance(minute - 1);
    await flush();
    expect(requests()).toHaveLength(1);
    clock.advance(1);
    await flush();
    expect(requests()).toHaveLength(2);
  });

  it("in as many requests as it takes, the series stated longest ago first", async () => {
    const names = Array.from({ length: 40 }, (_, i) => `counter${i}`);
    const { receive, clock, elapse, requests } = setUpSeries({ requestBytes: 1_000 });
    for (const name of names) {
      await receive(`${name} 1`);
      clock.advance(1);
    }
    await elapse(minute);
    const restated = requests().slice(names.length);
    expect(restated.length).toBeGreaterThan(1);
    const inOrder = names.map((name) => `${name}=1@${(minute + names.length) / second}`);
    expect(restated.flat()).toEqual(inOrder);
  });

  it("also after the wall clock was set back, and never earlier than its last point", async () => {
    const { receive, clock, elapse, requests } = setUpSeries();
    await receive("parts 3");
    clock.jumpWall(-10 * minute);
    for (let minutes = 1; minutes <= 11; minutes++) await elapse(minute);
    expect(requests()).toEqual([["parts=3@0"], ["parts=3@60"]]);
  });

  it("and counts as no message and no item of one", async () => {
    const { receive, elapse, ledger, exports } = setUpSeries();
    await receive("parts 3");
    const before = await ledger();
    await elapse(minute);
    expect(await ledger()).toEqual(before);
    expect(before).toMatchObject({ delivered: 1, exportedItems: 1 });
    expect(exports.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted"]);
  });
});

describe("messages come first", () => {
  it("when they are due as well", async () => {
    const { receive, append, elapse, requests, clock } = setUpSeries();
    await receive("parts 3", "doors 1");
    clock.advance(30 * second);
    await append(["parts 1"]);
    await elapse(30 * second);
    expect(requests().slice(1)).toEqual([["parts=4@30"], ["doors=1@60"]]);
  });

  it("and one that waits and is not due keeps its time: the restatement follows it", async () => {
    const { receive, append, elapse, flush, requests, clock } = setUpSeries({ latencyMs: 20 * second });
    await receive("parts 3");
    await flush();
    clock.advance(50 * second);
    await append(["parts 1", "doors 1"]);
    await elapse(10 * second);
    expect(requests()).toHaveLength(1);
    await elapse(10 * second);
    expect(requests().slice(1)).toEqual([["parts=4@50", "doors=1@50"]]);
  });

  it("on a lane that is never without one, the others are stated all the same", async () => {
    const { receive, append, elapse, exporter, requests } = setUpSeries();
    await receive("doors 1");
    exporter.answer = async () => {
      await append(["parts 1"]);
      return outcomes.accepted;
    };
    await append(["parts 1"]);
    for (let at = 5; at <= 60; at += 5) await elapse(5 * second);
    expect(requests().flat()).toContain("doors=1@60");
  });

  it("also between the requests of a restatement, once they are due", async () => {
    const { receive, append, elapse, flushDue, exporter, requests, clock } = setUpSeries({
      latencyMs: 20 * second,
      requestBytes: 150,
    });
    await receive("parts 1", "doors 1", "lids 1");
    await elapse(20 * second);
    const before = requests().length;
    exporter.answer = async (_, attempt) => {
      if (attempt === before + 1) await append(["parts 1"]);
      clock.advance(10 * second);
      return outcomes.accepted;
    };
    await elapse(minute);
    await flushDue();
    const names = requests().map(([point]) => point?.split("@")[0]);
    expect(names.slice(before)).toEqual(["lids=1", "doors=1", "parts=2"]);
  });

  it("also where the receiver takes longer for a restatement than its period", async () => {
    const { receive, append, elapse, flushDue, exporter, ledger, clock } = setUpSeries();
    await receive("parts 3");
    exporter.answer = async (_, attempt) => {
      if (attempt === 2) await append(["parts 1"]);
      clock.advance(minute);
      return attempt > 10 ? outcomes.unavailable : outcomes.accepted;
    };
    expect(await elapse(minute)).toMatchObject({ batches: 1, pending: 1, nextDueMs: 0 });
    await flushDue();
    expect(await ledger()).toMatchObject({ delivered: 2, pending: 0 });
  });
});

describe("a restatement that the receiver", () => {
  it("refuses is settled without a message, its time kept, and tried again a period later", async () => {
    const { receive, elapse, requests, exporter, deadLetters, delivery, lane, ledger, logger } =
      setUpSeries();
    await receive("parts 3");
    exporter.answer = () => outcomes.invalid;
    expect(await elapse(minute)).toMatchObject({ failed: false, pending: 0, batches: 0 });
    expect((await lane.position()).open).toBeUndefined();
    expect(await deadLetters()).toEqual([]);
    expect(await ledger()).toMatchObject({ deadLettered: 0, rejectedItems: 0 });
    expect(delivery.health()).toMatchObject({
      health: "Degraded",
      reasonCode: "DataflowOtelTargetProcessingError",
      reason: expect.stringMatching(/bad data.*restateSeconds/),
    });
    expect(logger.lines).toHaveLength(1);
    exporter.answer = () => outcomes.accepted;
    await elapse(30 * second);
    expect(requests()).toHaveLength(2);
    await receive("parts 1");
    // Not at an instant that a point may have already, though this one says so.
    expect(requests().at(-1)).toEqual(["parts=4@90"]);
    await elapse(minute);
    expect(requests().at(-1)).toEqual(["parts=4@150"]);
    expect(delivery.health().health).toBe("Available");
  });

  /** Series "counter0" and so on, all quiet; and a receiver that takes so many of them in one request. */
  async function setUpQuiet(count: number) {
    const around = setUpSeries();
    const names = Array.from({ length: count }, (_, i) => `counter${i}`);
    await around.receive(...names.map((name) => `${name} 1`));
    return {
      ...around,
      limitTo(seriesMax: number) {
        around.exporter.answer = (request) =>
          decodeMetrics(request).length > seriesMax ? outcomes.tooLarge : outcomes.accepted;
      },
      /** How many series each request of this minute held. */
      async sizesOfMinute() {
        const before = around.requests().length;
        await around.elapse(minute);
        return around
          .requests()
          .slice(before)
          .map(({ length }) => length);
      },
    };
  }

  it("refuses for its size is followed by smaller ones, until each series is stated again", async () => {
    const { limitTo, sizesOfMinute, delivery, deadLetters, ledger } = await setUpQuiet(8);
    limitTo(3);
    expect(await sizesOfMinute()).toEqual([8]);
    expect(delivery.health()).toMatchObject({
      health: "Degraded",
      reason: expect.stringMatching(/too large.*restatement of quiet series: the next ones hold fewer/),
    });
    expect(await sizesOfMinute()).toEqual([4, 2, 2]);
    expect(await sizesOfMinute()).toEqual([2, 2, 2, 2]);
    expect(delivery.health()).toMatchObject({ health: "Available", reason: null });
    expect(await deadLetters()).toEqual([]);
    expect(await ledger()).toMatchObject({ delivered: 8, deadLettered: 0, exportedItems: 8 });
  });

  it("took a hundred times grows again", async () => {
    const { limitTo, sizesOfMinute } = await setUpQuiet(8);
    limitTo(4);
    await sizesOfMinute();
    limitTo(8);
    for (let minutes = 0; minutes < 50; minutes++) expect(await sizesOfMinute()).toEqual([4, 4]);
    expect(await sizesOfMinute()).toEqual([8]);
  });

  it("refuses for its size, however small, leaves the receiver alone after 64 and the messages to go on", async () => {
    const { limitTo, sizesOfMinute, receive, requests, ledger } = await setUpQuiet(200);
    limitTo(0);
    const sizes = [await sizesOfMinute(), await sizesOfMinute(), await sizesOfMinute()];
    expect(sizes[0]).toEqual([200]);
    expect(sizes[1]?.slice(0, 8)).toEqual([100, 50, 25, 12, 6, 3, 1, 1]);
    expect(sizes.flat()).toHaveLength(64);
    expect(await sizesOfMinute()).toEqual([1]);
    limitTo(1);
    await receive("counter7 1");
    expect(requests().at(-1)?.[0]).toMatch(/^counter7=2@/);
    expect(await ledger()).toMatchObject({ pending: 0, deadLettered: 0 });
    // All the rest: a hundred of them are taken, two at once are not, and the others go on one by one.
    const after = await sizesOfMinute();
    expect(after.slice(0, 102)).toEqual([...new Array(100).fill(1), 2, 1]);
    expect(after.reduce((sum, size) => sum + size, 0)).toBe(200);
  });

  it("refuses for its size takes nothing from the size of messages' batches", async () => {
    const { receive, elapse, append, exporter, requests, flushDue } = setUpSeries();
    await receive("parts 3", "doors 1");
    exporter.answer = (_request, attempt) => (attempt === 2 ? outcomes.tooLarge : outcomes.accepted);
    await elapse(minute);
    await append(["parts 1", "doors 1", "lids 1"]);
    await flushDue();
    expect(requests()).toHaveLength(3);
    expect(requests().at(-1)).toHaveLength(3);
  });

  it("takes in part is settled, and the receiver's remark is told", async () => {
    const { receive, elapse, exporter, ledger, delivery, requests } = setUpSeries();
    await receive("parts 3");
    exporter.answer = () => ({ kind: "partial", rejectedItems: 1, reason: "out of order" });
    await elapse(minute);
    expect(delivery.health()).toMatchObject({ health: "Available", warning: "out of order" });
    expect(await ledger()).toMatchObject({ exportedItems: 1, rejectedItems: 0 });
    await elapse(1);
    expect(requests()).toHaveLength(2);
  });

  it.each(["unavailable", "cut", "unauthenticated"] as const)(
    "does not take (%s) is sent again with the same bytes, and messages follow behind it",
    async (outcome) => {
      const { receive, append, elapse, exporter, requests, delivery, flushDue } = setUpSeries();
      await receive("parts 3");
      exporter.answer = () => outcomes[outcome];
      const { nextDueMs, failed } = await elapse(minute);
      expect(failed).toBe(true);
      expect(nextDueMs).toBeGreaterThan(0);
      expect(delivery.health()).toMatchObject({ retries: 1 });
      expect(await elapse((nextDueMs ?? 0) - 1)).toMatchObject({ failed: true, nextDueMs: 1, pending: 0 });
      expect(requests()).toHaveLength(2);
      exporter.answer = () => outcomes.accepted;
      expect(await elapse(1)).toMatchObject({ failed: false, pending: 0, nextDueMs: null });
      expect(exporter.requests[2]).toEqual(exporter.requests[1]);
      await append(["parts 1"]);
      expect(await flushDue()).toMatchObject({ messages: 1, pending: 0 });
      expect(requests().slice(3)).toEqual([["parts=4@61"]]);
    },
  );

  it.each(["unavailable", "cut", "unauthenticated"] as const)(
    "does not take (%s) is over once messages wait: they go when the pause has ended, and the next one a period later",
    async (outcome) => {
      const { receive, append, elapse, exporter, requests } = setUpSeries();
      await receive("parts 3", "doors 1");
      exporter.answer = () => outcomes[outcome];
      await elapse(minute);
      await append(["parts 1"]);
      expect(await elapse(second - 1)).toMatchObject({ failed: true, nextDueMs: 1, pending: 1 });
      expect(requests()).toHaveLength(2);
      exporter.answer = () => outcomes.accepted;
      expect(await elapse(1)).toMatchObject({ failed: false, pending: 0, messages: 1, nextDueMs: null });
      // The receiver may have the point of the restatement.
      expect(requests().slice(2)).toEqual([["parts=4@60.001"]]);
      await elapse(minute - second);
      expect(requests().slice(3)).toEqual([["doors=1@120"]]);
    },
  );

  it("never takes does not hold up the messages that it takes", async () => {
    const { receive, append, elapse, exporter, ledger } = setUpSeries();
    await receive("parts 3", "doors 1", "lids 1");
    exporter.answer = (request) => (decodeMetrics(request).length > 1 ? outcomes.cut : outcomes.accepted);
    for (let minutes = 1; minutes <= 10; minutes++) {
      await elapse(minute);
      await append(["parts 1"]);
      await elapse(minute);
      expect(await ledger()).toMatchObject({ delivered: 3 + minutes, pending: 0 });
    }
  });

  it("does not take makes way for messages that have waited too long", async () => {
    const { receive, append, elapse, exporter, deadLetters, ledger } = setUpSeries({
      deliverWithinMs: 5 * minute,
    });
    await receive("parts 3");
    exporter.answer = () => outcomes.cut;
    await elapse(minute);
    await append(["parts 1"]);
    await elapse(4 * minute);
    expect(await deadLetters()).toEqual([]);
    await elapse(minute);
    expect((await deadLetters()).map(({ reason }) => reason)).toEqual(["overdue"]);
    expect(await ledger()).toMatchObject({ delivered: 1, deadLettered: 1, pending: 0 });
  });
});

describe("a crash", () => {
  it("between seal and settle sends the same bytes again, and messages follow", async () => {
    const plain = setUpSeries();
    let isDying = false;
    const before = plain.restarted({ store: dyingAtSettle(plain.store, () => isDying) });
    await before.receive("parts 3", "doors 1");
    isDying = true;
    await before.elapse(minute);
    await before.append(["parts 1"]);
    before.clock.advance(20 * second);

    const after = plain.restarted();
    await after.flush();
    expect(after.exporter.requests[0]).toEqual(before.exporter.requests[1]);
    expect(after.requests()).toEqual([["doors=1@60", "parts=3@60"], ["parts=4@60.001"]]);
    expect(await after.ledger()).toMatchObject({ owed: 3, delivered: 3, pending: 0, exportedItems: 3 });
  });

  it("between seal and settle sends it again when no message comes", async () => {
    const plain = setUpSeries();
    let isDying = false;
    const before = plain.restarted({ store: dyingAtSettle(plain.store, () => isDying) });
    await before.receive("parts 3");
    isDying = true;
    await before.elapse(minute);
    const after = plain.restarted();
    expect(await after.flushDue()).toMatchObject({ failed: false, batches: 1 });
    expect(after.exporter.requests).toEqual([before.exporter.requests[1]]);
    expect((await after.lane.position()).open).toBeUndefined();
  });

  it.each([
    ["off", { restateMs: 0 }, ["parts=3@60"]],
    ["for no series", { seriesIdleMs: 0 }, []],
  ])("and new settings (%s) do not hold the lane up", async (_, settings, requests) => {
    const before = setUpSeries();
    await before.receive("parts 3");
    before.exporter.answer = () => outcomes.cut;
    await before.elapse(minute);
    const after = before.restarted(settings);
    expect(await after.flush()).toMatchObject({ failed: false });
    expect(after.requests().flat()).toEqual(requests);
    expect((await after.lane.position()).open).toBeUndefined();
    await after.receive("parts 1");
    expect(await after.ledger()).toMatchObject({ delivered: 2, pending: 0 });
  });

  it("keeps in mind what was stated: nothing is due a second time", async () => {
    const before = setUpSeries();
    await before.receive("parts 3");
    await before.elapse(minute);
    before.clock.advance(50 * second);
    const after = before.restarted();
    await after.flushDue();
    expect(after.requests()).toEqual([]);
    await after.elapse(15 * second);
    expect(after.requests()).toEqual([["parts=3@125"]]);
  });

  it("is followed by what became due meanwhile, at once", async () => {
    const before = setUpSeries();
    await before.receive("parts 3");
    before.clock.advance(10 * minute);
    const after = before.restarted();
    await after.flushDue();
    expect(after.requests()).toEqual([["parts=3@600"]]);
  });
});

describe("a failure of the store or the code", () => {
  it("at the seal or the settlement repeats what was recorded, not what was sent", async () => {
    for (const method of ["seal", "settle"] as const) {
      const plain = setUpSeries();
      let isFailing = false;
      const store = patched(plain.store, (lane) => ({
        async [method](...parameters: never[]) {
          if (isFailing) throw new Error("The disk is gone");
          return await (lane[method] as (...all: never[]) => Promise<never>)(...parameters);
        },
      }));
      const { receive, elapse, requests, lane } = plain.restarted({ store });
      await receive("parts 3");
      isFailing = true;
      expect(await elapse(minute)).toMatchObject({ failed: true });
      isFailing = false;
      expect(await elapse(second)).toMatchObject({ failed: false, nextDueMs: null });
      expect(requests().map((points) => points[0]?.split("@")[0])).toEqual(["parts=3", "parts=3"]);
      expect((await lane.position()).open).toBeUndefined();
    }
  });

  /** The real encoder, but for restatements. */
  function failing() {
    const encoder = Object.assign(Object.create(createMetricsEncoder(settings)), {
      restate() {
        throw new RangeError("Invalid array length");
      },
    });
    return { itemsOf, encoder };
  }

  it("to encode a restatement again after a crash does not hold messages up", async () => {
    const before = setUpSeries();
    await before.receive("parts 3");
    before.exporter.answer = () => outcomes.cut;
    await before.elapse(minute);
    await before.append(["parts 1"]);
    const after = before.restarted({ real: failing() });
    await after.flush();
    expect(after.requests()).toEqual([["parts=4@60"]]);
    expect(await after.ledger()).toMatchObject({ delivered: 2, pending: 0 });
  });

  it("to encode a restatement does not hold messages up", async () => {
    const { receive, elapse, append, ledger } = setUpSeries({ real: failing() });
    await receive("parts 3");
    expect(await elapse(minute)).toMatchObject({ failed: true });
    await append(["parts 1"]);
    expect(await elapse(second)).toMatchObject({ messages: 1, failed: false });
    expect(await ledger()).toMatchObject({ delivered: 2 });
  });
});

describe("run()", () => {
  it("sleeps until the next restatement, and states it", async () => {
    const { clock, append, delivery, exporter, requests, end } = running(
      setUpSeries({ restateMs: 20 * second }),
    );
    await clock.asleep();
    await append(["parts 3"]);
    delivery.wake(1);
    await exporter.received(1);
    expect(await clock.asleep()).toBe(20 * second);
    clock.advance(20 * second);
    await exporter.received(2);
    expect(await clock.asleep()).toBe(20 * second);
    clock.advance(20 * second);
    await exporter.received(3);
    expect(requests()).toEqual([["parts=3@0"], ["parts=3@20"], ["parts=3@40"]]);
    await end();
  });

  it("sleeps until a restatement may be tried again", async () => {
    const { clock, append, delivery, exporter, end } = running(setUpSeries({ restateMs: 20 * second }));
    await clock.asleep();
    await append(["parts 3"]);
    delivery.wake(1);
    await exporter.received(1);
    await clock.asleep();
    exporter.answer = () => ({ ...outcomes.unavailable, retryDelayMs: 7 * second });
    clock.advance(20 * second);
    await exporter.received(2);
    expect(await clock.asleep()).toBe(7 * second);
    await end();
  });

  it.each([
    ["that has no series", {}],
    ["of logs", { real: { encoder: createLogsEncoder(settings), itemsOf }, laneName: logsLane }],
    ["whose series are not stated again", { restateMs: 0 }],
  ])("does not wake a lane %s", async (_, options: Options) => {
    const { clock, end } = running(setUpSeries({ restateMs: second, ...options }));
    expect(await clock.asleep()).toBe(minute);
    await end();
  });

  it("does not wake a lane whose series are idle", async () => {
    const idle = { restateMs: 20 * second, seriesIdleMs: 30 * second };
    const { clock, append, delivery, exporter, requests, end } = running(setUpSeries(idle));
    await clock.asleep();
    await append(["parts 3"]);
    delivery.wake(1);
    await exporter.received(1);
    for (const sleepMs of [20 * second, 20 * second, minute]) {
      expect(await clock.asleep()).toBe(sleepMs);
      clock.advance(sleepMs);
    }
    expect(requests()).toEqual([["parts=3@0"], ["parts=3@20"]]);
    await end();
  });
});

describe("stop()", () => {
  it("begins no restatement, and sends the messages that are due", async () => {
    const { receive, append, clock, delivery, requests } = setUpSeries();
    await receive("parts 3", "doors 1");
    clock.advance(minute);
    await append(["parts 1"]);
    await createDelivery([delivery]).stop({ graceMs: 5 * second });
    expect(requests().slice(1)).toEqual([["parts=4@60"]]);
  });
});
