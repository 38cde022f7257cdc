import { describe, expect, it } from "vitest";
import { savedState } from "../store/saved-state.ts";
import { outcomes } from "../support/fake-exporter.ts";
import { setUp, textsOf } from "./setup.ts";

/** A receiver that takes everything else. */
const refusePoison = (request: Uint8Array) =>
  textsOf(request).some((text) => text.startsWith("poison")) ? outcomes.invalid : outcomes.accepted;
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

describe("a refused batch", () => {
  it("loses only the poisonous one among 5,000, in few requests", async () => {
    const { append, flush, exporter, ledger, deadLetters, encoder } = setUp();
    const texts = numbered(5_000).map((text, index) => (index === 3_141 ? "poison" : text));
    await append(texts);
    exporter.answer = refusePoison;
    expect(await flush()).toMatchObject({ messages: 4_999, pending: 0, failed: false });
    expect(exporter.requests.length).toBeLessThan(60);
    expect(await ledger()).toMatchObject({ owed: 5_000, delivered: 4_999, deadLettered: 1, pending: 0 });
    const letters = await deadLetters();
    expect(letters).toMatchObject([
      { reason: "refused", possiblyDelivered: false, detail: "INVALID_ARGUMENT: bad data" },
    ]);
    expect(new TextDecoder().decode(letters[0]?.message.payload)).toBe("poison");
    expect(encoder.values).toEqual(texts.filter((text) => text !== "poison"));
  });

  it("loses each of several poisonous ones and nothing else", async () => {
    const { append, flush, exporter, ledger, deadLetters } = setUp();
    await append(numbered(300).map((text, index) => (index % 97 === 5 ? `poison${index}` : text)));
    exporter.answer = refusePoison;
    await flush();
    expect(await ledger()).toMatchObject({ delivered: 296, deadLettered: 4, pending: 0 });
    expect(await deadLetters()).toHaveLength(4);
  });

  it("takes an expired neighbour along when the poisonous one is alone", async () => {
    const { append, flush, clock, exporter, ledger } = setUp();
    await append(["stale"], { expiresAtUs: clock.nowUs() });
    await append(["poison"]);
    exporter.answer = () => outcomes.invalid;
    await flush();
    expect(await ledger()).toMatchObject({ expired: 1, deadLettered: 1, pending: 0 });
  });

  it("tells that the dead letter may have been delivered, and begins its series anew, after an attempt without an answer", async () => {
    const { append, flush, exporter, deadLetters, encoder, lane } = setUp();
    await append(["poison"]);
    exporter.answer = () => outcomes.cut;
    await flush();
    exporter.answer = () => outcomes.invalid;
    await flush();
    expect(await deadLetters()).toMatchObject([{ possiblyDelivered: true }]);
    expect(encoder.restarted).toEqual(["poison"]);
    expect((await savedState(lane)).map((bytes) => new TextDecoder().decode(bytes))).toEqual([
      "restart poison",
    ]);
  });

  it("begins its series anew behind all that went with it in the attempt without an answer", async () => {
    const { append, flush, exporter, encoder } = setUp();
    await append(["a", "poison", "b", "broken", ...numbered(600)]);
    exporter.answer = () => outcomes.cut;
    await flush();
    await append(["later"]);
    exporter.answer = refusePoison;
    await flush();
    // What could not be read ended the batch, and was in no attempt.
    expect(encoder.restarted).toEqual(["poison before b"]);
  });

  it("begins its series anew behind a whole batch", async () => {
    const { append, flush, exporter, encoder } = setUp();
    await append(["poison", ...numbered(1_200)]);
    exporter.answer = () => outcomes.cut;
    await flush();
    await append(["later"]);
    exporter.answer = refusePoison;
    await flush();
    expect(encoder.restarted).toEqual([["poison", ...numbered(1_200)].join(" before ")]);
  });

  it("says nothing of the kind of a message that came after the attempt without an answer", async () => {
    const { append, flush, exporter, deadLetters, encoder } = setUp();
    await append(["first"]);
    exporter.answer = () => outcomes.cut;
    await flush();
    await append(["poison"]);
    exporter.answer = refusePoison;
    await flush();
    expect(await deadLetters()).toMatchObject([{ possiblyDelivered: false }]);
    expect(encoder.restarted).toEqual([]);
  });

  it("says nothing of the kind when the attempts before came to no connection", async () => {
    const { append, flush, exporter, deadLetters, encoder, delivery } = setUp();
    await append(["poison"]);
    exporter.answer = () => outcomes.unconnected;
    await flush();
    await flush();
    expect(delivery.health()).toMatchObject({
      health: "Degraded",
      reasonCode: "DataflowOtelTargetSendFailed",
      reason: "The connection was refused. Nothing is dropped: the batch is sent again",
      retries: 2,
    });
    exporter.answer = () => outcomes.invalid;
    await flush();
    expect(await deadLetters()).toMatchObject([{ possiblyDelivered: false }]);
    expect(encoder.restarted).toEqual([]);
  });

  it("tells that the dead letter may have been delivered although the last attempt came to no connection", async () => {
    const { append, flush, exporter, deadLetters } = setUp();
    await append(["poison"]);
    exporter.answer = (_request, attempt) =>
      [outcomes.cut, outcomes.unconnected, outcomes.invalid][attempt - 1] ?? outcomes.accepted;
    for (let attempt = 0; attempt < 3; attempt++) await flush();
    expect(await deadLetters()).toMatchObject([{ possiblyDelivered: true }]);
  });

  it("is logged at most once a second for each reason, with how many were left out", async () => {
    const { append, flush, exporter, logger, clock, deadLetters } = setUp();
    const letters = () =>
      logger.lines.filter(({ message }) => message.includes("dead letter")).map(({ fields }) => fields);
    exporter.answer = () => outcomes.invalid;
    await append(["a", "b", "c", "broken"]);
    await flush();
    const [first] = await deadLetters();
    expect(letters()).toMatchObject([
      { id: first?.id, topic: first?.message.topic, reason: "refused", possiblyDelivered: false },
      { reason: "invalidPayload" },
    ]);
    clock.advance(1_000);
    await append(["d"]);
    await flush();
    expect(letters()[2]).toMatchObject({ reason: "refused", suppressed: 2, source: "s" });
  });

  it("goes on at the pace of the back-off after 64 refusals without a success", async () => {
    const { append, delivery, exporter, ledger, clock } = setUp({ latencyMs: 0 });
    await append(numbered(200));
    exporter.answer = () => outcomes.invalid;
    expect(await delivery.flush({ force: false })).toMatchObject({ failed: true, nextDueMs: 1_000 });
    expect(exporter.requests).toHaveLength(64);
    expect(delivery.health()).toMatchObject({
      health: "Degraded",
      reasonCode: "DataflowOtelTargetProcessingError",
    });
    clock.advance(1_000);
    expect(await delivery.flush({ force: false })).toMatchObject({ failed: true, nextDueMs: 1_500 });
    expect(exporter.requests).toHaveLength(65);
    exporter.answer = () => outcomes.accepted;
    clock.advance(1_500);
    expect(await delivery.flush({ force: false })).toMatchObject({ failed: false, pending: 0 });
    const { owed, delivered, deadLettered } = await ledger();
    expect(delivered + deadLettered).toBe(owed);
  });
});

describe("a batch refused for its size", () => {
  const taken = (exporter: { requests: readonly Uint8Array[] }, from = 0) =>
    exporter.requests.slice(from).map((request) => textsOf(request).length);

  it("is halved, and the size that worked is the limit until 100 requests in a row have succeeded", async () => {
    const { append, flush, exporter, ledger } = setUp();
    await append(Array.from({ length: 900 }, () => "xxxx"));
    exporter.answer = (request) => (textsOf(request).length > 8 ? outcomes.tooLarge : outcomes.accepted);
    await flush();
    expect(taken(exporter).slice(0, 9)).toEqual([900, 450, 225, 112, 56, 28, 14, 7, 7]);
    expect(taken(exporter, 7).slice(0, 101)).toEqual([...Array.from({ length: 100 }, () => 7), 14]);
    expect(taken(exporter)[108]).toBe(7);
    expect(await ledger()).toMatchObject({ delivered: 900, deadLettered: 0 });
  });

  it("becomes a dead letter when it is one message, and does not shrink the batches after it", async () => {
    const { append, flush, exporter, ledger, deadLetters } = setUp();
    const giant = "g".repeat(10_000);
    await append([...numbered(50), giant, ...numbered(50)]);
    exporter.answer = (request) => (request.byteLength > 5_000 ? outcomes.tooLarge : outcomes.accepted);
    await flush();
    expect(taken(exporter)).toEqual([101, 50, 1, 50]);
    expect(await ledger()).toMatchObject({ delivered: 100, deadLettered: 1 });
    expect(await deadLetters()).toMatchObject([{ reason: "tooLarge", possiblyDelivered: false }]);
  });
});

describe("a message that can never be sent", () => {
  it("becomes a dead letter of a batch of its own when its items alone do not fit a request", async () => {
    const { append, flush, sent, ledger, deadLetters } = setUp({ requestBytesMax: 10 });
    await append(["a", "much too long", "b"]);
    await flush();
    expect(sent()).toEqual([["a"], ["b"]]);
    expect(await ledger()).toMatchObject({ delivered: 2, deadLettered: 1, pending: 0 });
    expect(await deadLetters()).toMatchObject([{ reason: "tooLarge", lane: { signal: "metrics" } }]);
  });

  it("becomes a dead letter with the path of the field when its payload cannot be read any more", async () => {
    const { append, flush, sent, ledger, deadLetters } = setUp();
    await append(["broken1", "a", "broken2", "broken3"]);
    await flush();
    expect(sent()).toEqual([["a"]]);
    expect(await ledger()).toMatchObject({ delivered: 1, deadLettered: 3, pending: 0 });
    const letters = await deadLetters();
    expect(letters).toHaveLength(3);
    expect(letters[0]).toMatchObject({
      reason: "invalidPayload",
      path: "metrics[0].value",
      detail: "Cannot read a value",
    });
  });

  it.each(["parse", "add", "finish"])(
    "becomes a dead letter when the code fails on it in %s, first, in the middle and last",
    async (place) => {
      const { append, flush, sent, ledger, deadLetters, encoder } = setUp();
      const crash = `crash ${place}`;
      await append([crash, "a", "b", crash, "c", "d", crash]);
      expect(await flush()).toMatchObject({ messages: 4, pending: 0, failed: false });
      expect(sent().flat()).toEqual(["a", "b", "c", "d"]);
      expect(encoder.values).toEqual(["a", "b", "c", "d"]);
      expect(await ledger()).toMatchObject({ owed: 7, delivered: 4, deadLettered: 3, pending: 0 });
      const letters = await deadLetters();
      expect(letters).toHaveLength(3);
      expect(letters[0]).toMatchObject({
        reason: "invalidPayload",
        path: "",
        detail: expect.stringMatching(
          /^Cannot read or encode the message: the gateway failed with \w+Error \(/,
        ),
      });
    },
  );

  it("is found among expired ones when the code fails on it", async () => {
    const { append, flush, ledger, clock } = setUp();
    const expired = { expiresAtUs: clock.nowUs() };
    await append(["stale"], expired);
    await append(["crash add"]);
    await append(["stale"], expired);
    await append(["crash finish"]);
    await append(["stale"], expired);
    await flush();
    expect(await ledger()).toMatchObject({ owed: 5, expired: 3, deadLettered: 2, pending: 0 });
  });

  it("does not stop a batch that was sealed before a restart", async () => {
    const before = setUp();
    await before.append(["a", "b", "c"]);
    before.exporter.answer = () => outcomes.cut;
    await before.flush();
    const after = setUp({ store: before.store, clock: before.clock });
    after.failOn("b");
    await after.flush();
    expect(after.sent().flat()).toEqual(["a", "c"]);
    expect(await after.ledger()).toMatchObject({ delivered: 2, deadLettered: 1, pending: 0 });
  });
});
