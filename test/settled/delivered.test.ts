import { describe, expect, it, onTestFinished } from "vitest";
import { NotSettledError } from "../../pipeline/errors.ts";
import type { ExportOutcome } from "../../pipeline/export/exporter.ts";
import { patched, textsOf } from "../deliver/setup.ts";
import { outcomes } from "../support/fake-exporter.ts";
import { bothText, gatewayAround, logText, metricText, quiet, stores } from "./setup.ts";

const counts = { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };
const one = { ...counts, accepted: 1 };
const repeat = { ...counts, duplicates: 1 };

describe.each(Object.keys(stores) as (keyof typeof stores)[])("receive() over a %s store", (name) => {
  async function setUp(options: Parameters<typeof gatewayAround>[1] = {}, isRunning = true) {
    const { store } = await stores[name]();
    const gateway = gatewayAround(store, options);
    onTestFinished(gateway.end);
    if (isRunning) gateway.run();
    return gateway;
  }

  it("acknowledges nothing before the request was sent", async () => {
    const { post, run, sent } = await setUp({}, false);
    const posted = post(metricText("a"));
    await quiet();
    expect(posted.state).toBe("waiting");
    run();
    expect(await posted.answer).toEqual(one);
    expect(sent("metrics")).toEqual([[metricText("a")]]);
  });

  it("acknowledges nothing before the receiver's answer came", async () => {
    const { post, sinks } = await setUp();
    const answered = Promise.withResolvers<ExportOutcome>();
    sinks.metrics.answer = () => answered.promise;
    const posted = post(metricText("a"));
    await sinks.metrics.received(1);
    await quiet();
    expect(posted.state).toBe("waiting");
    answered.resolve(outcomes.accepted);
    expect(await posted.answer).toEqual(one);
  });

  it("acknowledges nothing while one of two lanes still owes it", async () => {
    const { post, sinks, pending } = await setUp();
    const answered = Promise.withResolvers<ExportOutcome>();
    sinks.logs.answer = () => answered.promise;
    const posted = post(bothText("a"));
    await Promise.all([sinks.metrics.received(1), sinks.logs.received(1)]);
    await quiet();
    expect(await pending()).toEqual([0, 1]);
    expect(posted.state).toBe("waiting");
    answered.resolve(outcomes.accepted);
    await posted.answer;
  });

  it("does not wait for a lane that does not owe it", async () => {
    const { post, sinks } = await setUp();
    sinks.logs.answer = () => new Promise(() => undefined);
    const waiting = post(logText("held up"));
    await post(metricText("a")).answer;
    expect(waiting.state).toBe("waiting");
  });

  it("acknowledges nothing before the settlement is recorded", async () => {
    const opened = await stores[name]();
    const recorded = Promise.withResolvers<void>();
    let attempts = 0;
    const store = patched(opened.store, (lane) => ({
      async settle(...parameters) {
        attempts += 1;
        if (attempts === 1) throw new Error("disk I/O error");
        await recorded.promise;
        return lane.settle(...parameters);
      },
    }));
    const { post, run, end, sinks, clock } = gatewayAround(store);
    onTestFinished(end);
    onTestFinished(() => recorded.resolve());
    run();
    const posted = post(metricText("a"));
    await sinks.metrics.received(1);
    await quiet();
    clock.advance(1_000);
    await quiet();
    expect([attempts, posted.state]).toEqual([2, "waiting"]);
    recorded.resolve();
    await posted.answer;
    expect(sinks.metrics.requests).toHaveLength(1);
  });

  it.each(["unavailable", "cut", "unauthenticated"] as const)(
    "acknowledges nothing while attempts end %s, and then what is delivered",
    async (outcome) => {
      const { post, sinks, clock } = await setUp();
      sinks.metrics.answer = (_, attempt) => (attempt < 3 ? outcomes[outcome] : outcomes.accepted);
      const posted = post(metricText("a"));
      for (const delayMs of [1_000, 1_500]) {
        await quiet();
        expect(posted.state).toBe("waiting");
        clock.advance(delayMs);
      }
      await posted.answer;
      expect(sinks.metrics.requests).toHaveLength(3);
    },
  );

  it("acknowledges what the receiver took in part", async () => {
    const { post, sinks } = await setUp();
    sinks.metrics.answer = () => ({ kind: "partial", rejectedItems: 1, reason: "too old" });
    expect(await post(metricText("a")).answer).toEqual(one);
  });

  it("acknowledges a message that was refused for good, as a dead letter, and its neighbours once they are delivered", async () => {
    const { post, sinks, store, run } = await setUp({}, false);
    sinks.metrics.answer = (request) =>
      textsOf(request).includes(metricText("poison")) ? outcomes.invalid : outcomes.accepted;
    const posted = ["a", "poison", "b"].map((text) => post(metricText(text)));
    await quiet();
    run();
    expect(await Promise.all(posted.map(({ answer }) => answer))).toEqual([one, one, one]);
    expect(await store.deadLetters.list({ afterId: 0, limit: 10 })).toMatchObject([{ reason: "refused" }]);
  });

  it("acknowledges a message that expired while it waited", async () => {
    const { post, sinks, clock, store } = await setUp();
    const answered = Promise.withResolvers<ExportOutcome>();
    sinks.metrics.answer = () => answered.promise;
    const first = post(metricText("a"));
    await sinks.metrics.received(1);
    const late = post(metricText("b"), { messageExpiryIntervalSeconds: 10 });
    await quiet();
    clock.advance(11_000);
    expect(late.state).toBe("waiting");
    answered.resolve(outcomes.accepted);
    await Promise.all([first.answer, late.answer]);
    expect((await store.ledger()).lanes[0]).toMatchObject({ delivered: 1, expired: 1 });
  });

  it("acknowledges a message that has waited longer than its destination allows, as a dead letter", async () => {
    const { post, sinks, clock, store } = await setUp({ deliverWithinMs: 5_000 });
    sinks.metrics.answer = () => outcomes.unavailable;
    const posted = post(metricText("a"));
    for (let seconds = 0; seconds < 8; seconds += 1) {
      await quiet();
      clock.advance(1_000);
    }
    expect(await posted.answer).toEqual(one);
    expect((await store.ledger()).lanes[0]).toMatchObject({ deadLettered: 1, pending: 0 });
  });

  it("acknowledges at once what nobody owes: unreadable, expired, or empty", async () => {
    const { post } = await setUp({}, false);
    expect(await post('{"metrics":1}').answer).toEqual({ ...counts, deadLettered: 1 });
    expect(await post(metricText("a"), { messageExpiryIntervalSeconds: 0 }).answer).toEqual({
      ...counts,
      expired: 1,
    });
    expect(await post('{"metrics":[]}').answer).toEqual(one);
  });

  it("acknowledges a request of many messages once the last of them is settled", async () => {
    const { post, sinks, run } = await setUp({}, false);
    const posted = post([logText("a"), metricText("b"), logText("c"), "unreadable"]);
    await quiet();
    const answered = Promise.withResolvers<ExportOutcome>();
    sinks.logs.answer = () => answered.promise;
    run();
    await Promise.all([sinks.metrics.received(1), sinks.logs.received(1)]);
    await quiet();
    expect(posted.state).toBe("waiting");
    answered.resolve(outcomes.accepted);
    expect(await posted.answer).toEqual({ ...counts, accepted: 3, deadLettered: 1 });
  });

  it("turns a request away after its time, and delivers its message once when it is repeated", async () => {
    const { post, sinks, clock, sent } = await setUp();
    const answered = Promise.withResolvers<ExportOutcome>();
    sinks.metrics.answer = () => answered.promise;
    const message = { messageId: "m1", timeoutMs: 20_000 };
    const first = post(metricText("a"), message);
    await sinks.metrics.received(1);
    clock.advance(20_000);
    await expect(first.answer).rejects.toThrow(NotSettledError);

    const second = post(metricText("a"), message);
    const third = post(metricText("a"), message);
    await quiet();
    expect([second.state, third.state]).toEqual(["waiting", "waiting"]);
    answered.resolve(outcomes.accepted);
    expect(await Promise.all([second.answer, third.answer])).toEqual([repeat, repeat]);
    expect(await post(metricText("a"), message).answer).toEqual(repeat);
    expect(sent("metrics")).toEqual([[metricText("a")]]);
  });

  it("takes a repeat without an identity for a message of its own", async () => {
    const { post, sinks, clock, sent } = await setUp();
    const answered = Promise.withResolvers<ExportOutcome>();
    sinks.metrics.answer = () => answered.promise;
    const first = post(metricText("a"), { timeoutMs: 1_000 });
    await sinks.metrics.received(1);
    clock.advance(1_000);
    await expect(first.answer).rejects.toThrow(NotSettledError);
    const second = post(metricText("a"));
    answered.resolve(outcomes.accepted);
    expect(await second.answer).toEqual(one);
    expect(sent("metrics").flat()).toEqual([metricText("a"), metricText("a")]);
  });

  it("acknowledges the repeat of a settled message at once, whatever waits behind it", async () => {
    const { post, sinks } = await setUp();
    await post(metricText("a"), { messageId: "m1" }).answer;
    sinks.metrics.answer = () => outcomes.unavailable;
    const waiting = post(metricText("b"), { messageId: "m2" });
    await sinks.metrics.received(2);
    expect(await post(metricText("a"), { messageId: "m1" }).answer).toEqual(repeat);
    expect(waiting.state).toBe("waiting");
  });

  it("holds back a request that repeats a message which still waits, though its others are delivered", async () => {
    const { post, sinks } = await setUp();
    sinks.logs.answer = () => new Promise(() => undefined);
    const first = post(logText("a"), { messageId: "m1" });
    await sinks.logs.received(1);
    const both = post([metricText("m"), logText("a")], { messageId: "m1" });
    await sinks.metrics.received(1);
    await quiet();
    expect([first.state, both.state]).toEqual(["waiting", "waiting"]);
  });
});

describe("receive() after a restart", () => {
  async function restarted(before: (gateway: ReturnType<typeof gatewayAround>) => Promise<void>) {
    const { store, reopen } = await stores.sqlite();
    const gateway = gatewayAround(store);
    await before(gateway);
    gateway.settled.end();
    await gateway.end();
    if (!reopen) throw new Error("The store does not survive");
    const after = gatewayAround(await reopen(), { clock: gateway.clock });
    onTestFinished(after.end);
    return after;
  }

  it("waits for the message that a repeat was turned away with, and delivers it once", async () => {
    const { post, sinks, run, sent, pending } = await restarted(async ({ post }) => {
      post(metricText("a"), { messageId: "m1" });
      post(metricText("b"), { messageId: "m2" });
      await quiet();
    });
    expect(await pending()).toEqual([2, 0]);
    const answered = Promise.withResolvers<ExportOutcome>();
    sinks.metrics.answer = () => answered.promise;
    run();
    const posted = post(metricText("a"), { messageId: "m1" });
    await sinks.metrics.received(1);
    await quiet();
    expect(posted.state).toBe("waiting");
    answered.resolve(outcomes.accepted);
    expect(await posted.answer).toEqual(repeat);
    expect(sent("metrics")).toEqual([[metricText("a"), metricText("b")]]);
  });

  it("acknowledges the repeat of a message that was settled before, once nothing of then waits", async () => {
    const { post, run, sent } = await restarted(async ({ post, run }) => {
      run();
      await post(metricText("a"), { messageId: "m1" }).answer;
      // The newest message of the store is the other lane's: this one's cursor never gets there.
      await post(logText("b"), { messageId: "m2" }).answer;
    });
    run();
    expect(await post(metricText("a"), { messageId: "m1" }).answer).toEqual(repeat);
    expect(sent("metrics")).toEqual([]);
  });

  it("waits again for a message whose settlement was cut off after it had been sent", async () => {
    const { post, run, sent, sinks } = await restarted(async (gateway) => {
      gateway.sinks.metrics.answer = () => new Promise(() => undefined);
      gateway.run();
      gateway.post(metricText("a"), { messageId: "m1" });
      await gateway.sinks.metrics.received(1);
    });
    const answered = Promise.withResolvers<ExportOutcome>();
    sinks.metrics.answer = () => answered.promise;
    run();
    const posted = post(metricText("a"), { messageId: "m1" });
    await sinks.metrics.received(1);
    await quiet();
    expect(posted.state).toBe("waiting");
    answered.resolve(outcomes.accepted);
    expect(await posted.answer).toEqual(repeat);
    expect(sent("metrics")).toEqual([[metricText("a")]]);
  });
});
