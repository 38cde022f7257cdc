import { describe, expect, it } from "vitest";
import { createDelivery } from "../../pipeline/deliver.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { outcomes } from "../support/fake-exporter.ts";
import { logsLane, patched, running, setUp } from "./setup.ts";

const second = 1_000;
const year = 365 * 86_400 * second;

describe("a lane is due", () => {
  it("once its oldest message has waited latencyMs, and then sends all that waits", async () => {
    const { append, delivery, clock, sent } = setUp({ latencyMs: 5 * second });
    const flush = () => delivery.flush({ force: false });
    expect(await flush()).toMatchObject({ pending: 0, nextDueMs: null, failed: false });
    await append(["a"]);
    clock.advance(2 * second);
    await append(["b"]);
    expect(await flush()).toMatchObject({ batches: 0, pending: 2, nextDueMs: 3 * second, failed: false });
    clock.advance(3 * second - 1);
    expect(await flush()).toMatchObject({ batches: 0, nextDueMs: 1 });
    clock.advance(1);
    expect(await flush()).toMatchObject({ batches: 1, messages: 2, nextDueMs: null });
    expect(sent()).toEqual([["a", "b"]]);
  });

  it("once maxMessages wait", async () => {
    const { append, delivery } = setUp({ maxMessages: 3 });
    await append(["a", "b"]);
    expect(await delivery.flush({ force: false })).toMatchObject({ batches: 0, pending: 2 });
    await append(["c", "d"]);
    expect(await delivery.flush({ force: false })).toMatchObject({ batches: 1, messages: 4 });
  });

  it("never by count when maxMessages is 0", async () => {
    const { append, delivery } = setUp({ maxMessages: 0 });
    await append(Array.from({ length: 2_000 }, () => "x"));
    expect(await delivery.flush({ force: false })).toMatchObject({ batches: 0, pending: 2_000 });
  });

  it("at once when latencyMs is 0, whatever maxMessages says", async () => {
    const { append, delivery } = setUp({ latencyMs: 0, maxMessages: 1_000 });
    await append(["a"]);
    expect(await delivery.flush({ force: false })).toMatchObject({ messages: 1 });
  });

  it("when forced, however young its messages are", async () => {
    const { append, delivery } = setUp();
    await append(["a"]);
    expect(await delivery.flush({ force: true })).toMatchObject({ messages: 1 });
  });

  it("soon, when the wall clock was set back by a year", async () => {
    const { append, delivery, clock } = setUp({ latencyMs: 5 * second });
    await append(["a"]);
    clock.jumpWall(-year);
    clock.advance(5 * second);
    expect(await delivery.flush({ force: false })).toMatchObject({ messages: 1 });
  });
});

describe("run()", () => {
  it("sends each message when it is due, and sleeps in between", async () => {
    const { append, delivery, clock, exporter, sent, end } = running(setUp({ latencyMs: 5 * second }));
    await clock.asleep();
    await append(["a"]);
    delivery.wake(1);
    await clock.asleep();
    clock.advance(4 * second);
    await append(["b"]);
    delivery.wake(1);
    expect(exporter.requests).toHaveLength(0);
    clock.advance(1 * second);
    await exporter.received(1);
    await clock.asleep();
    await append(["c"]);
    delivery.wake(1);
    await clock.asleep();
    clock.advance(5 * second);
    await exporter.received(2);
    expect(sent()).toEqual([["a", "b"], ["c"]]);
    await end();
  });

  it("sends at once when wake() tells that maxMessages may wait", async () => {
    const { append, delivery, clock, exporter, sent, end } = running(setUp({ maxMessages: 3 }));
    await clock.asleep();
    await append(["a"]);
    delivery.wake(1);
    await clock.asleep();
    await append(["b", "c"]);
    delivery.wake(2);
    await exporter.received(1);
    expect(sent()).toEqual([["a", "b", "c"]]);
    await end();
  });

  it("loses no wake() that comes while it flushes", async () => {
    const { append, delivery, clock, exporter, sent, end } = running(setUp({ latencyMs: 0 }));
    exporter.answer = async (_request, attempt) => {
      if (attempt === 1) {
        await append(["b"]);
        delivery.wake(1);
      }
      return outcomes.accepted;
    };
    await clock.asleep();
    await append(["a"]);
    delivery.wake(1);
    await exporter.received(2);
    expect(sent()).toEqual([["a"], ["b"]]);
    await end();
  });

  it("loses no wake() that overtakes the store's answer about what waits", async () => {
    const plain = setUp();
    let overtake: (() => Promise<void>) | undefined;
    const store = patched(plain.store, (lane) => ({
      async backlog() {
        const backlog = await lane.backlog();
        if (backlog.messages === 0) await overtake?.();
        return backlog;
      },
    }));
    const { append, delivery, clock, exporter, sent, end } = running(setUp({ store, clock: plain.clock }));
    await clock.asleep();
    await append(["a"]);
    delivery.wake(1);
    await clock.asleep();
    overtake = async () => {
      overtake = undefined;
      await append(["b"]);
      delivery.wake(1);
    };
    clock.advance(5 * second);
    await exporter.received(1);
    expect(await clock.asleep()).toBe(5 * second);
    clock.advance(5 * second);
    await exporter.received(2);
    expect(sent()).toEqual([["a"], ["b"]]);
    await end();
  });

  /** A loop whose questions to the store are counted, and what a storm of appends costs it. */
  function counted(options: Parameters<typeof setUp>[0] = {}) {
    const plain = setUp();
    let questions = 0;
    const storm = { wake: () => {} };
    const store = patched(plain.store, (lane) => ({
      async backlog() {
        questions += 1;
        const backlog = await lane.backlog();
        storm.wake();
        return backlog;
      },
    }));
    const around = running(setUp({ maxMessages: 100_000, ...options, store, clock: plain.clock }));
    return { ...around, storm, questions: () => questions };
  }

  it("asks the store a few times for each latencyMs, however many messages others are owed", async () => {
    const { delivery, clock, storm, questions, end } = counted({ latencyMs: 5 * second });
    await clock.asleep();
    const before = questions();
    let arrivals = 0;
    storm.wake = () => {
      if (arrivals++ < 1_000) delivery.wake(1);
    };
    for (let i = 0; i < 1_000; i += 1) {
      delivery.wake(1);
      clock.advance(10);
      await clock.asleep();
    }
    expect(questions() - before).toBeLessThanOrEqual(2 * 3);
    await end();
  });

  it("does not ask the store again because messages arrive while it asks", async () => {
    const { append, delivery, clock, storm, questions, end } = counted({ latencyMs: 5 * second });
    await clock.asleep();
    const before = questions();
    let arrivals = 0;
    storm.wake = () => {
      if (arrivals++ < 100) delivery.wake(1);
    };
    await append(["a"]);
    delivery.wake(1);
    await clock.asleep();
    clock.advance(5 * second);
    await clock.asleep();
    expect(questions() - before).toBeLessThanOrEqual(4);
    await end();
  });

  it("does not ask the store during a pause, however many messages arrive", async () => {
    const { append, delivery, clock, exporter, questions, end } = counted({ latencyMs: 0 });
    exporter.answer = () => outcomes.unavailable;
    await clock.asleep();
    await append(["a"]);
    delivery.wake(1);
    await exporter.received(1);
    await clock.asleep();
    const before = questions();
    for (let i = 0; i < 1_000; i += 1) delivery.wake(200);
    await clock.asleep();
    expect(questions()).toBe(before);
    await end();
  });

  it("retries after the back-off by the monotonic clock, though the wall clock is set back by a year", async () => {
    const { append, delivery, clock, exporter, end } = running(setUp({ latencyMs: 0 }));
    exporter.answer = (_request, attempt) => (attempt === 1 ? outcomes.unavailable : outcomes.accepted);
    await clock.asleep();
    await append(["a"]);
    delivery.wake(1);
    await exporter.received(1);
    expect(await clock.asleep()).toBe(second);
    clock.jumpWall(-year);
    clock.advance(second);
    await exporter.received(2);
    await end();
  });

  it("stays asleep when messages arrive during a pause, and wakes when credentials change", async () => {
    const { append, delivery, clock, exporter, end } = running(setUp({ latencyMs: 0 }));
    exporter.answer = (_request, attempt) => (attempt === 1 ? outcomes.unauthenticated : outcomes.accepted);
    await clock.asleep();
    await append(["a"]);
    delivery.wake(1);
    await exporter.received(1);
    await clock.asleep();
    await append(["b"]);
    delivery.wake(1);
    expect(await clock.asleep()).toBe(second);
    expect(exporter.requests).toHaveLength(1);
    delivery.retryNow();
    await exporter.received(3);
    await end();
  });

  it("ends at once when it is asleep, and within an attempt", async () => {
    const idle = running(setUp());
    await idle.clock.asleep();
    await idle.end();

    const busy = running(setUp({ latencyMs: 0 }));
    busy.exporter.answer = () => new Promise(() => {});
    await busy.clock.asleep();
    await busy.append(["a"]);
    busy.delivery.wake(1);
    await busy.exporter.received(1);
    await busy.end();
    expect(await busy.ledger()).toMatchObject({ pending: 1 });
  });
});

describe("large messages", () => {
  it("go into one request, though they are read a few at a time", async () => {
    const reads: number[] = [];
    const { store, clock } = setUp();
    const watched = patched(store, (lane) => ({
      async read(afterId, rowsMax) {
        const messages = await lane.read(afterId, rowsMax);
        reads.push(messages.length);
        return messages;
      },
    }));
    const { append, flush, exporter, ledger } = setUp({ store: watched, clock, requestBytesMax: 20_000_000 });
    await append(Array(12).fill("x".repeat(1_000_000)));
    await flush();
    expect(reads).toEqual([5, 5, 2]);
    expect(exporter.requests).toHaveLength(1);
    expect(await ledger()).toMatchObject({ delivered: 12, pending: 0 });
  });
});

describe("createDelivery()", () => {
  function twoLanes(options: Parameters<typeof setUp>[0] = {}) {
    const metrics = setUp(options);
    const logs = setUp({ ...options, store: metrics.store, clock: metrics.clock, laneName: logsLane });
    return { metrics, logs, clock: metrics.clock, all: createDelivery([metrics.delivery, logs.delivery]) };
  }

  it("flush() sums up the lanes", async () => {
    const { metrics, logs, all } = twoLanes();
    await metrics.append(["a", "b"]);
    await logs.append(["c"]);
    expect(await all.flush({ force: true })).toEqual({
      batches: 2,
      messages: 3,
      items: 3,
      pending: 0,
      nextDueMs: null,
      failed: false,
    });
  });

  it("one lane that fails leaves the other going", async () => {
    const { metrics, logs, all } = twoLanes();
    await metrics.append(["a"]);
    await logs.append(["b"]);
    logs.exporter.answer = () => outcomes.unauthenticated;
    expect(await all.flush({ force: true })).toMatchObject({
      messages: 1,
      pending: 1,
      nextDueMs: second,
      failed: true,
    });
    await metrics.append(["c"]);
    expect(await all.flush({ force: true })).toMatchObject({ messages: 1, pending: 1 });
    expect(metrics.delivery.health().health).toBe("Available");
    expect(logs.delivery.health().health).toBe("Unavailable");
  });

  it("one lane that waits for an answer does not hold up the other", async () => {
    const { metrics, logs, all } = twoLanes({ latencyMs: 0 });
    metrics.exporter.answer = () => new Promise(() => {});
    await metrics.append(["a"]);
    await logs.append(["b"]);
    const ended = all.run();
    await metrics.exporter.received(1);
    await logs.exporter.received(1);
    const stopped = all.stop({ graceMs: 0 });
    metrics.clock.advance(0);
    await Promise.all([stopped, ended]);
    expect(await logs.ledger()).toMatchObject({ delivered: 1 });
  });

  it("stop() flushes what is due, leaves the rest, and ends the loops", async () => {
    const { metrics, logs, all, clock } = twoLanes({ latencyMs: 5 * second });
    const ended = all.run();
    await clock.asleep();
    await metrics.append(["due"]);
    clock.advance(5 * second);
    await logs.append(["young"]);
    await all.stop({ graceMs: 10 * second });
    await ended;
    expect(metrics.sent()).toEqual([["due"]]);
    expect(logs.sent()).toEqual([]);
  });

  it("stop() lets an attempt end within the grace", async () => {
    const { metrics, all, clock } = twoLanes({ latencyMs: 0 });
    const answer = Promise.withResolvers<typeof outcomes.accepted>();
    metrics.exporter.answer = () => answer.promise;
    await metrics.append(["a"]);
    const ended = all.run();
    await metrics.exporter.received(1);
    const stopped = all.stop({ graceMs: 10 * second });
    clock.advance(9 * second);
    answer.resolve(outcomes.accepted);
    await Promise.all([stopped, ended]);
    expect(await metrics.ledger()).toMatchObject({ delivered: 1, pending: 0 });
  });

  it("stop() gives an attempt up after the grace, and the batch stays open", async () => {
    const { metrics, all, clock } = twoLanes({ latencyMs: 0 });
    metrics.exporter.answer = () => new Promise(() => {});
    await metrics.append(["a"]);
    const ended = all.run();
    await metrics.exporter.received(1);
    const stopped = all.stop({ graceMs: 10 * second });
    clock.advance(10 * second);
    await Promise.all([stopped, ended]);
    expect((await metrics.lane.position()).open).toBeDefined();
    expect(await metrics.ledger()).toMatchObject({ delivered: 0, pending: 1 });
  });
});

describe("the fake clock", () => {
  it("wakes who slept long enough, and nobody else", async () => {
    const clock = createFakeClock();
    const woken: number[] = [];
    for (const ms of [10, 20]) void clock.sleep(ms).then(() => woken.push(ms));
    clock.advance(15);
    await Promise.resolve();
    expect(woken).toEqual([10]);
  });
});
