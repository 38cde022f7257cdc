import { describe, expect, it } from "vitest";
import { outcomes } from "../support/fake-exporter.ts";
import { setUp, textsOf } from "./setup.ts";

const hour = 3_600_000;
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

describe("deliverWithinMs", () => {
  it("makes messages that have waited for longer dead letters of the lane, and sends the others", async () => {
    const { append, flush, clock, sent, ledger, deadLetters, store } = setUp({ deliverWithinMs: hour });
    await append(["old", "older"]);
    clock.advance(hour);
    await append(["young"]);
    expect(await flush()).toMatchObject({ messages: 1, pending: 0, failed: false });
    expect(sent()).toEqual([["young"]]);
    expect(await ledger()).toMatchObject({ owed: 3, delivered: 1, deadLettered: 2, pending: 0 });
    expect(await deadLetters()).toMatchObject([
      {
        reason: "overdue",
        detail: expect.stringContaining("within 3600 s"),
        lane: { destination: "collector", signal: "metrics" },
        possiblyDelivered: false,
      },
      { reason: "overdue" },
    ]);
    expect((await store.ledger()).deadLettered).toEqual([{ stage: "delivery", reason: "overdue", count: 2 }]);
  });

  it("leaves a message that is one microsecond younger", async () => {
    const { append, flush, clock, sent } = setUp({ deliverWithinMs: hour });
    await append(["a"]);
    clock.advance(hour - 0.001);
    await flush();
    expect(sent()).toEqual([["a"]]);
  });

  it("is none by default, however long a message waits", async () => {
    const { append, flush, clock, sent } = setUp();
    await append(["a"]);
    clock.advance(10_000 * hour);
    await flush();
    expect(sent()).toEqual([["a"]]);
  });

  it("finds an older message behind a younger one, as after the wall clock was set back", async () => {
    const { append, flush, clock, sent, ledger } = setUp({ deliverWithinMs: hour });
    await append(["young"]);
    clock.jumpWall(-2 * hour);
    await append(["old"]);
    clock.jumpWall(2 * hour);
    await append(["young too"]);
    await flush();
    expect(sent()).toEqual([["young"], ["young too"]]);
    expect(await ledger()).toMatchObject({ delivered: 2, deadLettered: 1, pending: 0 });
  });

  it("unseals an open batch that passed it, before it is attempted again", async () => {
    const { append, flush, clock, exporter, ledger, deadLetters, encoder } = setUp({ deliverWithinMs: hour });
    await append(["old"]);
    clock.advance(hour / 2);
    await append(["young"]);
    exporter.answer = () => outcomes.unavailable;
    await flush();
    clock.advance(hour / 2);
    exporter.answer = () => outcomes.accepted;
    await flush();
    expect(exporter.requests.map(textsOf)).toEqual([["old", "young"], ["young"]]);
    expect(await ledger()).toMatchObject({ owed: 2, delivered: 1, deadLettered: 1, pending: 0 });
    expect(await deadLetters()).toMatchObject([{ reason: "overdue", possiblyDelivered: false }]);
    expect(encoder.values).toEqual(["young"]);
    expect(encoder.restarted).toEqual([]);
  });

  it("unseals a batch that passed it while the process was away", async () => {
    const before = setUp({ deliverWithinMs: hour });
    await before.append(["old"]);
    before.clock.advance(hour / 2);
    await before.append(["young"]);
    before.exporter.answer = () => outcomes.unavailable;
    await before.flush();
    before.clock.advance(hour / 2);
    const { store, clock } = before;
    const after = setUp({ deliverWithinMs: hour, store, clock });
    await after.flush();
    expect(after.sent()).toEqual([["young"]]);
    expect(await after.ledger()).toMatchObject({ delivered: 1, deadLettered: 1, pending: 0 });
  });

  it("begins the series anew of what an attempt without an answer may have delivered", async () => {
    const { append, flush, clock, exporter, deadLetters, encoder } = setUp({ deliverWithinMs: hour });
    await append(["a", "b"]);
    clock.advance(1);
    await append(["c"]);
    exporter.answer = () => outcomes.cut;
    await flush();
    await append(["d"]);
    clock.advance(hour - 1);
    exporter.answer = () => outcomes.accepted;
    await flush();
    expect(await deadLetters()).toMatchObject([{ possiblyDelivered: true }, { possiblyDelivered: true }]);
    expect(encoder.restarted).toEqual(["a before b before c"]);
    expect(encoder.values).toEqual(["c", "d"]);
  });

  it("leaves what an attempt without an answer may have delivered unexpired, and what came after it not", async () => {
    const { append, flush, clock, exporter, sent, ledger } = setUp({ deliverWithinMs: hour });
    await append(["old"]);
    clock.advance(1);
    const soon = { expiresAtUs: clock.nowUs() + 1_000 };
    await append(["fresh"], soon);
    exporter.answer = () => outcomes.cut;
    await flush();
    await append(["stale"], soon);
    clock.advance(hour - 1);
    exporter.answer = () => outcomes.accepted;
    await append(["later"]);
    await flush();
    expect(sent().slice(1)).toEqual([["fresh"], ["later"]]);
    expect(await ledger()).toMatchObject({ owed: 4, delivered: 2, expired: 1, deadLettered: 1, pending: 0 });
  });

  it("counts those that expired before as expired, also between overdue ones", async () => {
    const { append, flush, clock, ledger } = setUp({ deliverWithinMs: hour });
    await append(["stale"], { expiresAtUs: clock.nowUs() + 1 });
    await append(["old"]);
    await append(["stale"], { expiresAtUs: clock.nowUs() + 1 });
    await append(["old too"]);
    clock.advance(hour);
    await flush();
    expect(await ledger()).toMatchObject({ owed: 4, expired: 2, deadLettered: 2, pending: 0 });
  });

  it("takes no more than 500 messages into one transaction, and sends nothing in between", async () => {
    const { append, flush, clock, lane, exporter, ledger } = setUp({ deliverWithinMs: hour });
    const sizes: number[] = [];
    const settle = lane.settle.bind(lane);
    lane.settle = async (...parameters) => {
      const { cursor } = await lane.position();
      const burials = await settle(...parameters);
      sizes.push((await lane.position()).cursor - cursor);
      return burials;
    };
    await append(numbered(1_200));
    clock.advance(hour);
    expect(await flush()).toMatchObject({ batches: 0, pending: 0, failed: false });
    expect(sizes).toEqual([500, 500, 200]);
    expect(exporter.requests).toHaveLength(0);
    expect(await ledger()).toMatchObject({ deadLettered: 1_200 });
  });

  it("applies to no message that an operator let through again", async () => {
    const { append, flush, clock, store, deadLetters, sent, lane } = setUp({ deliverWithinMs: hour });
    await append(["a"]);
    clock.advance(hour);
    await flush();
    const [letter] = await deadLetters();
    await store.deadLetters.replay(letter?.id ?? 0, { lanes: lane.mask });
    await flush();
    expect(sent()).toEqual([["a"]]);
    expect(await deadLetters()).toEqual([]);
  });

  it("is what /status promises while the receiver is away, instead of that nothing is dropped", async () => {
    const { append, flush, exporter, delivery } = setUp({ deliverWithinMs: hour });
    await append(["a"]);
    exporter.answer = () => outcomes.cut;
    await flush();
    expect(delivery.health().reason).toBe(
      "The connection was cut. The batch is sent again; messages older than 3600 s become dead letters",
    );
  });

  it("is logged at most once a second for each source, with how many were left out, and changes no health", async () => {
    const { append, flush, clock, logger, delivery } = setUp({ deliverWithinMs: hour });
    await append(numbered(700));
    clock.advance(hour);
    await flush();
    clock.advance(1_000);
    await append(["later"]);
    clock.advance(hour);
    await flush();
    expect(logger.lines.map(({ fields }) => fields)).toMatchObject([
      { source: "s", reason: "overdue", suppressed: 499 },
      { source: "s", reason: "overdue", suppressed: 200 },
    ]);
    expect(delivery.health().health).toBe("Unknown");
  });
});
