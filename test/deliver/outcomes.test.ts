import { describe, expect, it } from "vitest";
import { savedState } from "../store/saved-state.ts";
import { outcomes } from "../support/fake-exporter.ts";
import { setUp } from "./setup.ts";

const second = 1_000;

describe("flush()", () => {
  it("settles as delivered what the receiver accepted", async () => {
    const { append, flush, sent, ledger, delivery, encoder } = setUp();
    await append(["a", "b", "c"]);
    expect(await flush()).toEqual({
      batches: 1,
      messages: 3,
      items: 3,
      pending: 0,
      nextDueMs: null,
      failed: false,
    });
    expect(sent()).toEqual([["a", "b", "c"]]);
    expect(await ledger()).toMatchObject({ owed: 3, delivered: 3, pending: 0, exportedItems: 3 });
    expect(delivery.health()).toMatchObject({ health: "Available", reasonCode: null, nextAttemptAtUs: null });
    expect(encoder.values).toEqual(["a", "b", "c"]);
  });

  it("saves the encoder's state with the settlement", async () => {
    const { append, flush, lane } = setUp();
    await append(["a", "b"]);
    await flush();
    expect((await savedState(lane)).map((bytes) => new TextDecoder().decode(bytes))).toEqual(["a\nb"]);
  });

  it("sends all that waits in batches that each fit one request", async () => {
    const { append, flush, sent, ledger } = setUp({ requestBytesMax: 6 });
    await append(["aa", "bb", "cc", "dd", "ee"]);
    expect(await flush()).toMatchObject({ batches: 3, messages: 5 });
    expect(sent()).toEqual([["aa", "bb"], ["cc", "dd"], ["ee"]]);
    expect(await ledger()).toMatchObject({ delivered: 5, pending: 0 });
  });

  it("leaves what arrives during a pass to the next one", async () => {
    const { append, flush, exporter, sent } = setUp();
    await append(["a"]);
    exporter.answer = async () => {
      await append(["late"]);
      return outcomes.accepted;
    };
    expect(await flush()).toMatchObject({ messages: 1, pending: 1, failed: false });
    expect(sent()).toEqual([["a"]]);
  });

  it("counts a partial success once and never sends it again", async () => {
    const { append, flush, exporter, ledger, delivery, sent } = setUp();
    await append(["a", "b", "c"]);
    exporter.answer = () => ({ kind: "partial", rejectedItems: 2, reason: "out of order" });
    expect(await flush()).toMatchObject({ items: 1, pending: 0, failed: false });
    await flush();
    expect(sent()).toHaveLength(1);
    expect(await ledger()).toMatchObject({ delivered: 3, exportedItems: 1, rejectedItems: 2 });
    expect(delivery.health()).toMatchObject({ health: "Available", warning: "out of order" });
  });

  it("sends the same bytes again after a retryable failure, once the back-off is over", async () => {
    const { append, delivery, exporter, clock, ledger } = setUp({ latencyMs: 0 });
    await append(["a", "b"]);
    exporter.answer = () => outcomes.unavailable;
    expect(await delivery.flush({ force: false })).toMatchObject({
      batches: 0,
      pending: 2,
      failed: true,
      nextDueMs: second,
    });
    await append(["c"]);
    exporter.answer = () => outcomes.accepted;
    expect(await delivery.flush({ force: false })).toMatchObject({ batches: 0, failed: true });
    expect(exporter.requests).toHaveLength(1);
    clock.advance(second);
    expect(await delivery.flush({ force: false })).toMatchObject({ batches: 2, messages: 3, failed: false });
    expect(exporter.requests[1]).toEqual(exporter.requests[0]);
    expect(await ledger()).toMatchObject({ delivered: 3 });
  });

  it("backs off by 1 s times 1.5 up to 30 s, and starts over after a success", async () => {
    const { append, delivery, exporter, clock } = setUp({ latencyMs: 0 });
    await append(["a"]);
    exporter.answer = () => outcomes.unavailable;
    const delays: (number | null)[] = [];
    for (let attempt = 0; attempt < 11; attempt += 1) {
      const { nextDueMs } = await delivery.flush({ force: false });
      delays.push(nextDueMs);
      clock.advance(nextDueMs ?? 0);
    }
    expect(delays).toEqual([1000, 1500, 2250, 3375, 5063, 7594, 11391, 17086, 25629, 30000, 30000]);
    expect(delivery.health().retries).toBe(11);
    exporter.answer = () => outcomes.accepted;
    await delivery.flush({ force: false });
    await append(["b"]);
    exporter.answer = () => outcomes.unavailable;
    expect(await delivery.flush({ force: false })).toMatchObject({ nextDueMs: second });
  });

  it("waits as long as the receiver asked for, even when forced", async () => {
    const { append, flush, exporter, clock } = setUp();
    await append(["a"]);
    exporter.answer = () => ({ ...outcomes.unavailable, retryDelayMs: 7 * second });
    expect(await flush()).toMatchObject({ nextDueMs: 7 * second, failed: true });
    clock.advance(7 * second - 1);
    expect(await flush()).toMatchObject({ failed: true });
    expect(exporter.requests).toHaveLength(1);
    clock.advance(1);
    await flush();
    expect(exporter.requests).toHaveLength(2);
  });

  it("waits at most 300 s, whatever the receiver asked for", async () => {
    const { append, flush, exporter } = setUp();
    await append(["a"]);
    exporter.answer = () => ({ ...outcomes.unavailable, retryDelayMs: 86_400 * second });
    expect(await flush()).toMatchObject({ nextDueMs: 300 * second });
  });

  it("does not hammer a receiver that asks for a delay of nothing", async () => {
    const { append, flush, exporter } = setUp();
    await append(["a"]);
    exporter.answer = () => ({ ...outcomes.unavailable, retryDelayMs: 0 });
    expect(await flush()).toMatchObject({ nextDueMs: second });
  });

  it("tries again at once when forced during a back-off of its own", async () => {
    const { append, flush, exporter } = setUp();
    await append(["a"]);
    exporter.answer = () => outcomes.unavailable;
    await flush();
    exporter.answer = () => outcomes.accepted;
    expect(await flush()).toMatchObject({ messages: 1, failed: false });
  });

  it("drops nothing when the receiver refuses credentials, and says so", async () => {
    const { append, flush, exporter, delivery, ledger, clock } = setUp();
    await append(["a"]);
    exporter.answer = () => outcomes.unauthenticated;
    expect(await flush()).toMatchObject({ failed: true, pending: 1, nextDueMs: second });
    expect(delivery.health()).toMatchObject({
      health: "Unavailable",
      reasonCode: "DataflowOtelTargetConfigurationError",
      reason: expect.stringContaining("UNAUTHENTICATED: who are you"),
      nextAttemptAtUs: clock.nowUs() + 1_000_000,
    });
    expect(await ledger()).toMatchObject({ pending: 1, deadLettered: 0 });
  });

  it("tries again at once when credentials change", async () => {
    const { append, delivery, exporter } = setUp({ latencyMs: 0 });
    await append(["a"]);
    exporter.answer = () => outcomes.unauthenticated;
    await delivery.flush({ force: false });
    exporter.answer = () => outcomes.accepted;
    delivery.retryNow();
    expect(await delivery.flush({ force: false })).toMatchObject({ messages: 1, failed: false });
  });

  it("takes an exporter that throws for an attempt without an answer", async () => {
    const { append, flush, exporter, lane, delivery } = setUp();
    await append(["a"]);
    exporter.answer = () => Promise.reject(new Error("bug"));
    expect(await flush()).toMatchObject({ failed: true, pending: 1 });
    expect((await lane.position()).unansweredLastId).toBe(1);
    expect(delivery.health().reason).toContain("bug");
  });

  it("reports each attempt with its outcome", async () => {
    const { append, flush, exporter, exports, clock } = setUp();
    await append(["a"]);
    exporter.answer = () => {
      clock.advance(40);
      return outcomes.unavailable;
    };
    await flush();
    exporter.answer = () => outcomes.accepted;
    await flush();
    expect(exports).toEqual([
      { outcome: "retryable", durationMs: 40 },
      { outcome: "accepted", durationMs: 0 },
    ]);
  });

  it("logs one line for each change of health, and tells what to do", async () => {
    const { append, flush, exporter, logger } = setUp();
    await append(["a"]);
    exporter.answer = () => outcomes.cut;
    await flush();
    await flush();
    await flush();
    exporter.answer = () => outcomes.accepted;
    await flush();
    await append(["b"]);
    await flush();
    expect(logger.lines.map(({ level, message }) => [level, message])).toEqual([
      ["warn", "Delivery of metrics to collector is degraded"],
      ["info", "Delivery of metrics to collector is available"],
    ]);
    expect(logger.lines[0]?.fields).toMatchObject({
      lane: "collector/metrics",
      reason: "The connection was cut. Nothing is dropped: the batch is sent again",
      reasonCode: "DataflowOtelTargetSendFailed",
    });
  });

  it.each([
    ["no answer came", outcomes.cut, "Degraded", "DataflowOtelTargetSendFailed", "is sent again"],
    ["it cannot take it now", outcomes.unavailable, "Degraded", "DataflowOtelTargetSendFailed", "own log"],
    [
      "it asks for a pause",
      { ...outcomes.unavailable, retryDelayMs: 10 },
      "Degraded",
      "DataflowOtelTargetSendFailed",
      "capacity",
    ],
    [
      "it wants another credential",
      outcomes.unauthenticated,
      "Unavailable",
      "DataflowOtelTargetConfigurationError",
      "credentials",
    ],
    [
      "it refuses the data",
      outcomes.invalid,
      "Degraded",
      "DataflowOtelTargetProcessingError",
      "dead letters",
    ],
  ])("tells the cause and what to do when %s", async (_, outcome, health, reasonCode, advice) => {
    const { append, flush, exporter, delivery } = setUp();
    await append(["a"]);
    exporter.answer = () => outcome;
    await flush();
    expect(delivery.health()).toMatchObject({ health, reasonCode });
    expect(delivery.health().reason).toContain(outcome.reason);
    expect(delivery.health().reason).toContain(advice);
  });
});

describe("expiry in the store", () => {
  it("leaves out what has expired when the batch is sealed, and counts it", async () => {
    const { append, flush, clock, sent, ledger } = setUp();
    const now = clock.nowUs();
    await append(["stale"], { expiresAtUs: now });
    await append(["fresh"], { expiresAtUs: now + 1 });
    await flush();
    expect(sent()).toEqual([["fresh"]]);
    expect(await ledger()).toMatchObject({ delivered: 1, expired: 1, pending: 0 });
  });

  it("is judged again by the instant of sealing, however late the batch is sent", async () => {
    const { append, flush, clock, exporter, ledger } = setUp();
    await append(["a"], { expiresAtUs: clock.nowUs() + 1_000_000 });
    exporter.answer = () => outcomes.unavailable;
    await flush();
    clock.advance(60 * second);
    exporter.answer = () => outcomes.accepted;
    await flush();
    expect(await ledger()).toMatchObject({ delivered: 1, expired: 0 });
  });

  it("sends nothing when everything has expired", async () => {
    const { append, flush, clock, exporter, ledger, delivery } = setUp();
    await append(["a", "b"], { expiresAtUs: clock.nowUs() });
    expect(await flush()).toMatchObject({ batches: 0, messages: 0, pending: 0, failed: false });
    expect(exporter.requests).toHaveLength(0);
    expect(await ledger()).toMatchObject({ expired: 2, pending: 0 });
    expect(delivery.health().health).toBe("Unknown");
  });
});
