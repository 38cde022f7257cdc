import { describe, expect, it } from "vitest";
import { arrival, expired, filtered, invalid, metricsLane, startUs } from "../arrivals.ts";
import type { Subject } from "./subject.ts";

/** Repeats of a message, and ids that are used twice for different ones. */
export function dedupeContract(subject: Subject) {
  const { bodies, ledger, openAfresh, owedBy } = subject;

  describe("dedupe", () => {
    const accept = (body: string, messageId?: string, more: { source?: string; arrivedAtUs?: number } = {}) =>
      subject.store.append([
        arrival(body, owedBy([metricsLane]), {
          ...(messageId === undefined ? {} : { messageId }),
          ...more,
        }),
      ]);

    it("append() reports duplicates when a message is repeated", async () => {
      expect(await accept("a", "1")).toMatchObject({ accepted: 1, duplicates: 0 });
      expect(await accept("a", "1")).toMatchObject({ accepted: 0, duplicates: 1 });
      expect(await bodies()).toEqual(["a"]);
      expect((await ledger()).sources.plant).toMatchObject({
        received: 2,
        accepted: 1,
        duplicates: 1,
      });
    });

    it("append() reports duplicates within one request", async () => {
      const once = arrival("a", owedBy([metricsLane]), { messageId: "1" });
      expect(await subject.store.append([once, once, once])).toMatchObject({ accepted: 1, duplicates: 2 });
      expect(await bodies()).toEqual(["a"]);
    });

    it("append() takes no message without an id for a repeat", async () => {
      await accept("a");
      expect(await accept("a")).toMatchObject({ accepted: 1, duplicates: 0 });
    });

    it("append() takes the same id with another digest for a new message, and counts the conflict", async () => {
      await accept("a", "1");
      expect(await accept("b", "1")).toMatchObject({ accepted: 1, duplicates: 0 });
      expect((await ledger()).sources.plant).toMatchObject({ accepted: 2, idConflicts: 1 });
      expect(await bodies()).toEqual(["a", "b"]);
    });

    it("append() still knows the first of two messages with the same id", async () => {
      await accept("a", "1");
      await accept("b", "1");
      expect(await accept("a", "1")).toMatchObject({ duplicates: 1 });
      expect((await ledger()).sources.plant).toMatchObject({ idConflicts: 1 });
    });

    it("append() finds a conflict within one request too", async () => {
      const verdict = owedBy([metricsLane]);
      await subject.store.append([
        arrival("a", verdict, { messageId: "1" }),
        arrival("b", verdict, { messageId: "1" }),
      ]);
      expect((await ledger()).sources.plant).toMatchObject({ accepted: 2, idConflicts: 1 });
    });

    it("append() counts a repeat of what was filtered or died as a duplicate", async () => {
      const twice = (body: string, verdict: typeof filtered) => [
        arrival(body, verdict, { messageId: body }),
        arrival(body, verdict, { messageId: body }),
      ];
      expect(await subject.store.append([...twice("f", filtered), ...twice("d", invalid)])).toMatchObject({
        accepted: 0,
        duplicates: 2,
        expired: 0,
        filtered: 1,
        deadLettered: 1,
      });
    });

    it("append() judges expiry before repeats", async () => {
      await accept("a", "1");
      expect(await subject.store.append([arrival("a", expired, { messageId: "1" })])).toMatchObject({
        expired: 1,
        duplicates: 0,
      });
    });

    it("append() forgets an identity after the window", async () => {
      await accept("a", "1");
      expect(await accept("a", "1", { arrivedAtUs: startUs + 3_599_000_000 })).toMatchObject({
        duplicates: 1,
      });
      expect(await accept("a", "1", { arrivedAtUs: startUs + 3_601_000_000 })).toMatchObject({
        accepted: 1,
      });
    });

    it("append() still knows a repeat after the wall clock was set back", async () => {
      await accept("a", "1");
      expect(await accept("a", "1", { arrivedAtUs: startUs - 86_400_000_000 })).toMatchObject({
        duplicates: 1,
      });
    });

    it("append() forgets the oldest identities past entriesMax", async () => {
      await openAfresh({ dedupe: { windowSeconds: 3600, entriesMax: 10 } });
      for (let number = 0; number < 40; number += 1) await accept("a", `${number}`);
      expect(await accept("a", "39")).toMatchObject({ duplicates: 1 });
      expect(await accept("a", "0")).toMatchObject({ accepted: 1 });
    });

    it("append() finds no duplicates when dedupe is off", async () => {
      await openAfresh({ dedupe: { windowSeconds: 0, entriesMax: 10 } });
      await accept("a", "1");
      expect(await accept("a", "1")).toMatchObject({ accepted: 1, duplicates: 0 });
    });
  });
}
