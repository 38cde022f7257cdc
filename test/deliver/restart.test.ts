import { describe, expect, it } from "vitest";
import { StoreFullError } from "../../pipeline/errors.ts";
import type { Lane, SavedState } from "../../pipeline/store/batch-store.ts";
import { savedState } from "../store/saved-state.ts";
import { outcomes } from "../support/fake-exporter.ts";
import { patched, setUp, textsOf } from "./setup.ts";

const second = 1_000;

/** Another process on the same store. */
function restart({ store, clock }: ReturnType<typeof setUp>, options: Parameters<typeof setUp>[0] = {}) {
  return setUp({ ...options, store, clock });
}

describe("after a restart", () => {
  it("the open batch is sent again, byte for byte, and what arrived since follows", async () => {
    const before = setUp();
    await before.append(["a", "b"]);
    await before.flush();
    await before.append(["c", "d"]);
    before.exporter.answer = () => outcomes.cut;
    await before.flush();
    await before.append(["e"]);

    const after = restart(before);
    await after.flush();
    expect(after.exporter.requests[0]).toEqual(before.exporter.requests[1]);
    expect(after.sent()).toEqual([["c", "d"], ["e"]]);
    expect(after.encoder.values).toEqual(["a", "b", "c", "d", "e"]);
    expect(await after.ledger()).toMatchObject({ owed: 5, delivered: 5, pending: 0 });
  });

  it("expiry is judged by the instant of sealing, not by the clock", async () => {
    const before = setUp();
    const now = before.clock.nowUs();
    await before.append(["stale"], { expiresAtUs: now });
    await before.append(["a"], { expiresAtUs: now + 1_000_000 });
    before.exporter.answer = () => outcomes.cut;
    await before.flush();
    before.clock.advance(3_600 * second);

    const after = restart(before);
    await after.flush();
    expect(after.exporter.requests).toEqual(before.exporter.requests);
    expect(await after.ledger()).toMatchObject({ delivered: 1, expired: 1 });
  });

  it("the pause goes on", async () => {
    const before = setUp({ latencyMs: 0 });
    await before.append(["a"]);
    before.exporter.answer = () => ({ ...outcomes.unavailable, retryDelayMs: 40 * second });
    await before.delivery.flush({ force: false });
    before.clock.advance(15 * second);

    const after = restart(before, { latencyMs: 0 });
    expect(await after.delivery.flush({ force: false })).toMatchObject({
      failed: true,
      nextDueMs: 25 * second,
    });
    before.clock.advance(25 * second);
    expect(await after.delivery.flush({ force: false })).toMatchObject({ messages: 1 });
  });

  it("a long pause is still the receiver's wish, which a forced flush respects", async () => {
    const before = setUp({ latencyMs: 0 });
    await before.append(["a"]);
    before.exporter.answer = () => ({ ...outcomes.unavailable, retryDelayMs: 300 * second });
    await before.flush();
    const after = restart(before);
    expect(await after.flush()).toMatchObject({ failed: true, nextDueMs: 300 * second });
    expect(after.exporter.requests).toHaveLength(0);
  });

  it("a back-off of our own does not hold back a forced flush", async () => {
    const before = setUp({ latencyMs: 0 });
    await before.append(["a"]);
    before.exporter.answer = () => outcomes.unavailable;
    await before.flush();
    expect(await restart(before).flush()).toMatchObject({ messages: 1, failed: false });
  });

  it("a pause that the wall clock makes a year long is no pause", async () => {
    const before = setUp({ latencyMs: 0 });
    await before.append(["a"]);
    before.exporter.answer = () => outcomes.unavailable;
    await before.delivery.flush({ force: false });
    before.clock.jumpWall(-365 * 86_400 * second);

    const after = restart(before, { latencyMs: 0 });
    expect(await after.delivery.flush({ force: false })).toMatchObject({ messages: 1, failed: false });
  });

  it("an open batch that does not fit one request any more is sealed again, smaller", async () => {
    const before = setUp();
    await before.append(["aa", "bb", "cc"]);
    before.exporter.answer = () => outcomes.cut;
    await before.flush();

    const after = restart(before, { requestBytesMax: 6 });
    await after.flush();
    expect(after.sent()).toEqual([["aa", "bb"], ["cc"]]);
    expect(await after.ledger()).toMatchObject({ delivered: 3, pending: 0 });
  });

  it("series that were saved and are damaged begin anew, and the lane goes on", async () => {
    const { store, clock } = setUp();
    const damaged = patched(store, () => ({
      state: async (afterId) => (afterId === 0 ? { id: 1, bytes: Uint8Array.of(0xff) } : undefined),
    }));
    const { append, flush, sent, ledger, delivery, logger } = setUp({ store: damaged, clock });
    await append(["a"]);
    expect(await flush()).toMatchObject({ messages: 1, failed: false });
    await append(["b"]);
    await flush();
    expect(sent()).toEqual([["a"], ["b"]]);
    expect(await ledger()).toMatchObject({ delivered: 2, pending: 0 });
    expect(delivery.health()).toMatchObject({ health: "Available", seriesLosses: 1 });
    expect(logger.lines.filter(({ level }) => level === "error")).toEqual([
      {
        level: "error",
        message: "The saved series cannot be read: each begins anew, with a new start time",
        fields: { lane: "collector/metrics", error: "Cannot load: met version 255, wanted 1" },
      },
    ]);
  });

  /** A process on a store with three chunks of saved series; `state` stands between them. */
  async function loading(state: (lane: Lane, afterId: number) => Promise<SavedState | undefined>) {
    const { append, flush, store, clock } = setUp();
    for (const text of ["a", "b", "c"]) {
      await append([text]);
      await flush();
    }
    const asked: number[] = [];
    const between = patched(store, (lane) => ({
      async state(afterId) {
        asked.push(afterId);
        return await state(lane, afterId);
      },
    }));
    const after = setUp({ store: between, clock });
    await after.append(["d"]);
    return { ...after, asked };
  }

  it("saved series are loaded one chunk after the other, and from where the store failed", async () => {
    let failures = 1;
    const after = await loading(async (lane, afterId) => {
      if (afterId === 2 && failures-- > 0) throw new Error("Cannot read: the disk is gone");
      return await lane.state(afterId);
    });
    expect(await after.flush()).toMatchObject({ failed: true, pending: 1 });
    expect(after.exporter.requests).toEqual([]);
    after.clock.advance(6 * second);
    expect(await after.flush()).toMatchObject({ messages: 1, failed: false });
    expect(after.asked).toEqual([0, 1, 2, 2, 3]);
    expect(after.encoder.values).toEqual(["a", "b", "c", "d"]);
    expect(after.delivery.health()).toMatchObject({ seriesLosses: 0 });
  });

  it("no more of the saved series is loaded behind a damaged chunk", async () => {
    const after = await loading(async (lane, afterId) => {
      const saved = await lane.state(afterId);
      return saved?.id === 2 ? { id: 2, bytes: Uint8Array.of(0xff) } : saved;
    });
    expect(await after.flush()).toMatchObject({ messages: 1, failed: false });
    expect(after.asked).toEqual([0, 1]);
    expect(after.delivery.health()).toMatchObject({ seriesLosses: 1 });
    expect(after.logger.lines.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  it("a refusal of what was sent before knows that it may have been delivered", async () => {
    const before = setUp();
    await before.append(["fine", "poison"]);
    before.exporter.answer = () => outcomes.cut;
    await before.flush();

    const after = restart(before);
    after.exporter.answer = (request) =>
      textsOf(request).includes("poison") ? outcomes.invalid : outcomes.accepted;
    await after.flush();
    expect(await after.deadLetters()).toMatchObject([{ possiblyDelivered: true }]);
    expect(after.encoder.restarted).toEqual(["poison"]);
  });
});

describe("when an attempt is given up", () => {
  it("the batch stays open, counts as unanswered, and is sent again without a pause", async () => {
    const { append, delivery, exporter, lane, ledger } = setUp({ latencyMs: 0 });
    await append(["a", "b"]);
    exporter.answer = () => new Promise(() => {});
    const stop = new AbortController();
    const flushed = delivery.flush({ force: false, signal: stop.signal });
    await exporter.received(1);
    stop.abort();
    expect(await flushed).toMatchObject({ batches: 0, pending: 2, failed: true });
    const { open, unansweredLastId } = await lane.position();
    expect(open).toMatchObject({ firstId: 1, lastId: 2 });
    expect(unansweredLastId).toBe(2);
    expect(delivery.health()).toMatchObject({ health: "Unknown", retries: 0 });

    exporter.answer = () => outcomes.accepted;
    expect(await delivery.flush({ force: false })).toMatchObject({ messages: 2 });
    expect(exporter.requests[1]).toEqual(exporter.requests[0]);
    expect(await ledger()).toMatchObject({ delivered: 2 });
  });

  it("the batch does not count as unanswered when no connection had come about", async () => {
    const { append, delivery, exporter, lane } = setUp({ latencyMs: 0 });
    await append(["a", "b"]);
    const stop = new AbortController();
    exporter.export = async () => {
      stop.abort();
      return outcomes.unconnected;
    };
    await delivery.flush({ force: false, signal: stop.signal });
    const { open, unansweredLastId } = await lane.position();
    expect(open).toMatchObject({ firstId: 1, lastId: 2 });
    expect(unansweredLastId).toBe(0);
    expect(delivery.health()).toMatchObject({ health: "Unknown", retries: 0 });
  });

  it("flush() keeps its deadline", async () => {
    const { append, delivery, exporter, clock } = setUp();
    await append(["a"]);
    exporter.answer = () => new Promise(() => {});
    const flushed = delivery.flush({ force: true, deadlineMs: 25 * second });
    await exporter.received(1);
    clock.advance(25 * second);
    expect(await flushed).toMatchObject({ failed: true, pending: 1 });
  });

  it("flush() keeps its deadline also while another one is under way", async () => {
    const { append, delivery, exporter, clock } = setUp();
    await append(["a"]);
    const answer = Promise.withResolvers<typeof outcomes.accepted>();
    exporter.answer = () => answer.promise;
    const first = delivery.flush({ force: true });
    await exporter.received(1);
    const second_ = delivery.flush({ force: true, deadlineMs: 5 * second });
    clock.advance(5 * second);
    expect(await second_).toMatchObject({ batches: 0, failed: true, pending: 1 });
    answer.resolve(outcomes.accepted);
    expect(await first).toMatchObject({ messages: 1, failed: false });
  });

  it("what the receiver took before stays settled", async () => {
    const { append, delivery, exporter, ledger, encoder } = setUp({ requestBytesMax: 3 });
    await append(["aa", "bb"]);
    const stop = new AbortController();
    exporter.answer = async (_request, attempt) => {
      if (attempt === 1) return outcomes.accepted;
      stop.abort();
      return await new Promise(() => {});
    };
    expect(await delivery.flush({ force: true, signal: stop.signal })).toMatchObject({
      messages: 1,
      pending: 1,
    });
    expect(await ledger()).toMatchObject({ delivered: 1, pending: 1 });
    expect(encoder.values).toEqual(["aa"]);
  });
});

describe("when the store fails", () => {
  /** A lane whose `method` fails the first time. */
  function failingOnce(method: "seal" | "settle" | "postpone" | "backlog" | "position" | "read") {
    const plain = setUp();
    let failures = 1;
    const store = patched(plain.store, (lane) => ({
      [method]: async (...parameters: unknown[]) => {
        if (failures-- > 0) throw new StoreFullError("Cannot write: the disk is full");
        return await Reflect.apply(lane[method], lane, parameters);
      },
    }));
    return setUp({ store, clock: plain.clock });
  }

  it.each(["seal", "backlog", "position", "read"] as const)(
    "%s: nothing is lost or sent twice, and it is tried again after a pause",
    async (method) => {
      const { append, delivery, exporter, ledger, clock, logger } = failingOnce(method);
      await append(["a", "b"]);
      expect(await delivery.flush({ force: true })).toMatchObject({ failed: true });
      expect(exporter.requests).toHaveLength(0);
      expect(delivery.health()).toMatchObject({ health: "Degraded" });
      expect(logger.lines).toHaveLength(1);
      clock.advance(6 * second);
      expect(await delivery.flush({ force: false })).toMatchObject({
        messages: 2,
        pending: 0,
        failed: false,
      });
      expect(exporter.requests).toHaveLength(1);
      expect(await ledger()).toMatchObject({ delivered: 2, pending: 0 });
    },
  );

  it("the log tells how, and the health no more than that it did", async () => {
    const { store, clock } = setUp();
    const backlog = () => Promise.reject(new Error("EACCES: permission denied, open '/srv/gateway.db'"));
    const { delivery, logger } = setUp({ store: patched(store, () => ({ backlog })), clock });
    await delivery.flush({ force: true });
    expect(JSON.stringify(delivery.health())).not.toContain("/srv");
    expect(delivery.health().reason).toMatch(
      /^Reading or recording a batch failed \(Error\)\. .*its log tells how/,
    );
    expect(logger.lines).toMatchObject([{ fields: { error: expect.stringContaining("/srv/gateway.db") } }]);
  });

  it("settle: the outcome is recorded later, and the batch is not sent again", async () => {
    const { append, delivery, exporter, ledger, clock, encoder, lane } = failingOnce("settle");
    await append(["a", "b"]);
    expect(await delivery.flush({ force: true })).toMatchObject({ failed: true, pending: 2 });
    expect(await ledger()).toMatchObject({ delivered: 0, pending: 2 });
    clock.advance(6 * second);
    expect(await delivery.flush({ force: false })).toMatchObject({ pending: 0, failed: false });
    expect(exporter.requests).toHaveLength(1);
    expect(await ledger()).toMatchObject({ delivered: 2, pending: 0 });
    expect(encoder.values).toEqual(["a", "b"]);
    expect(await savedState(lane)).toHaveLength(1);
  });

  it.each(["seal", "settle"] as const)(
    "%s: what the store took although it reported a failure is not recorded twice",
    async (method) => {
      const plain = setUp();
      let failures = 1;
      const store = patched(plain.store, (lane) => ({
        [method]: async (...parameters: unknown[]) => {
          const result = await Reflect.apply(lane[method], lane, parameters);
          if (failures-- > 0) throw new Error("Cannot truncate the log: disk I/O error");
          return result;
        },
      }));
      const { append, delivery, sent, ledger, clock } = setUp({
        store,
        clock: plain.clock,
        requestBytesMax: 3,
      });
      await append(["aa", "bb", "cc"]);
      expect(await delivery.flush({ force: true })).toMatchObject({ failed: true });
      clock.advance(6 * second);
      expect(await delivery.flush({ force: false })).toMatchObject({ pending: 0, failed: false });
      expect(sent()).toEqual([["aa"], ["bb"], ["cc"]]);
      expect(await ledger()).toMatchObject({ delivered: 3, exportedItems: 3, pending: 0 });
    },
  );

  it("postpone: it is recorded before the next attempt", async () => {
    const { append, delivery, exporter, clock, lane } = failingOnce("postpone");
    await append(["a"]);
    exporter.answer = () => outcomes.cut;
    await delivery.flush({ force: true });
    clock.advance(6 * second);
    await delivery.flush({ force: false });
    expect((await lane.position()).unansweredLastId).toBe(1);
    expect(exporter.requests).toHaveLength(2);
  });
});
