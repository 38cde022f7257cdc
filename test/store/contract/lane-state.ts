import { describe, expect, it } from "vitest";
import type { LaneName } from "../../../pipeline/message.ts";
import { bytes, logsLane, metricsLane, text } from "../arrivals.ts";
import { savedState } from "../saved-state.ts";
import { delivered } from "./settlements.ts";
import type { Subject } from "./subject.ts";

/** The bytes that a lane saves with its settlements. */
export function laneStateContract(subject: Subject) {
  const { append, kill, lane, seal } = subject;

  describe("state()", () => {
    const texts = async (of: LaneName = metricsLane) =>
      (await savedState(lane(of))).map((chunk) => text(chunk));

    async function settleWith(kind: "append" | "replace", value: string) {
      await append(["x"]);
      await seal(1);
      await lane().settle(delivered({ messages: 1, state: { kind, bytes: bytes(value) } }));
    }

    it("gives what was appended, in order, and only to its lane", async () => {
      await settleWith("append", "one");
      await settleWith("append", "two");
      expect(await texts()).toEqual(["one", "two"]);
      expect(await texts(logsLane)).toEqual([]);
    });

    it("gives only what replaced it, and what was appended since", async () => {
      await settleWith("append", "one");
      await settleWith("replace", "two");
      await settleWith("append", "three");
      expect(await texts()).toEqual(["two", "three"]);
    });

    it("is read one chunk after the other, by ids that rise", async () => {
      for (const value of ["one", "two"]) await settleWith("append", value);
      const first = await lane().state(0);
      expect(text(first?.bytes)).toBe("one");
      await append(["x"]);
      await seal(1);
      const state = { kind: "append", bytes: bytes("three"), dropOldest: 1 } as const;
      await lane().settle(delivered({ messages: 1, state }));
      const second = await lane().state(first?.id ?? 0);
      const third = await lane().state(second?.id ?? 0);
      expect([text(second?.bytes), text(third?.bytes)]).toEqual(["two", "three"]);
      expect(await lane().state(third?.id ?? 0)).toBeUndefined();
    });

    it("loses its oldest chunks when a settlement says that they are outdated", async () => {
      for (const value of ["one", "two", "three"]) await settleWith("append", value);
      await append(["x"]);
      await seal(1);
      const state = { kind: "append", bytes: bytes("four"), dropOldest: 2 } as const;
      await lane().settle(delivered({ messages: 1, state }));
      expect(await texts()).toEqual(["three", "four"]);
    });

    it("stays when a settlement has none, and is saved with a dead letter too", async () => {
      await settleWith("append", "one");
      await append(["a", "b"]);
      await seal(1);
      await lane().settle(delivered({ messages: 1 }));
      expect(await texts()).toEqual(["one"]);
      await kill({ state: { kind: "append", bytes: bytes("two") } });
      expect(await texts()).toEqual(["one", "two"]);
    });
  });
}
