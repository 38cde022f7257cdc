import { describe, expect, it } from "vitest";
import { observeSettled } from "../../pipeline/settled-lane.ts";
import type { Settlement } from "../../pipeline/store/batch-store.ts";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { arrival, logsLane, metricsLane, owedBy, roomy, startUs } from "../store/arrivals.ts";

const delivered: Settlement = { kind: "delivered", messages: 1, expired: 0, items: 1, rejectedItems: 0 };
const dead: Settlement = {
  kind: "dead",
  messageId: 1,
  reason: "refused",
  detail: "INVALID_ARGUMENT",
  possiblyDelivered: false,
  expired: 0,
};
const overdue: Settlement = { kind: "overdue", detail: "too old", expired: 0 };

/** A lane with messages 1, 2 and 3, of which batches hold one each; 4 is another lane's. */
async function setUp() {
  const store = openMemoryStore(roomy);
  const verdict = owedBy(store, [metricsLane]);
  await store.append(["a", "b", "c"].map((body) => arrival(body, verdict)));
  await store.append([arrival("d", owedBy(store, [logsLane]))]);
  const told: number[] = [];
  const inner = store.lane(metricsLane);
  const observe = (lane = inner) => observeSettled(lane, (_, lastId) => told.push(lastId));
  return { inner, told, observe, lane: observe() };
}

const batch = (id: number) => ({ firstId: id, lastId: id, sealedAtUs: startUs });

describe("observeSettled()", () => {
  it.each([delivered, dead, overdue])(
    "tells the last id of a batch that was settled: $kind",
    async (settlement) => {
      const { lane, told } = await setUp();
      await lane.seal(batch(1));
      expect(told).toEqual([]);
      await lane.settle(settlement, batch(2));
      expect(told).toEqual([1]);
      await lane.settle(delivered);
      expect(told).toEqual([1, 2]);
    },
  );

  it("tells nothing of a batch that is postponed, or open no more", async () => {
    const { lane, told } = await setUp();
    await lane.seal(batch(1));
    await lane.postpone({ notBeforeUs: startUs, unanswered: true });
    await lane.settle({ kind: "unsealed" }, batch(1));
    await lane.settle({ kind: "unsealed" });
    expect(told).toEqual([]);
  });

  it("tells up to the newest message of all, once, when nothing is owed", async () => {
    const { lane, told } = await setUp();
    await lane.backlog();
    expect(told).toEqual([]);
    await lane.seal({ ...batch(3), firstId: 1 });
    await lane.settle(delivered);
    await lane.backlog();
    await lane.backlog();
    expect(told).toEqual([3, 4]);
  });

  it("goes on from a batch that was sealed before", async () => {
    const { inner, observe, told } = await setUp();
    await inner.seal(batch(1));
    await inner.settle(delivered, batch(2));
    const lane = observe();
    await lane.position();
    expect(told).toEqual([1]);
    await lane.settle(delivered);
    expect(told).toEqual([1, 2]);
  });

  it("tells nothing of a settlement that failed, and of one that was taken all the same what the store says", async () => {
    const { inner, observe, told } = await setUp();
    let isTaken = false;
    const lane = observe({
      ...inner,
      name: inner.name,
      mask: inner.mask,
      seal: (...parameters) => inner.seal(...parameters),
      position: () => inner.position(),
      async settle(...parameters) {
        if (isTaken) await inner.settle(...parameters);
        throw new Error("disk I/O error");
      },
    });
    await lane.seal(batch(1));
    await expect(lane.settle(delivered)).rejects.toThrow("disk");
    expect(told).toEqual([]);
    isTaken = true;
    await expect(lane.settle(delivered)).rejects.toThrow("disk");
    expect(told).toEqual([]);
    await lane.position();
    expect(told).toEqual([1]);
  });
});
