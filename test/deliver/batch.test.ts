import { describe, expect, it } from "vitest";
import { prepareBatch } from "../../pipeline/deliver-batch.ts";
import { unlimited } from "../../pipeline/deliver-limits.ts";
import type { StoredMessage } from "../../pipeline/store/batch-store.ts";
import { createFakeEncoder } from "./setup.ts";

function messages(count: number): StoredMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    source: "devices",
    topic: "plant",
    payload: new TextEncoder().encode(`m${index + 1}`),
    userProperties: [],
    arrivedAtUs: 0,
  }));
}

describe("prepareBatch()", () => {
  it.each([3, 5, 9])(
    "takes all up to message %d when the store gives fewer at a time than it was asked for",
    async (lastId) => {
      const stored = messages(5);
      const prepared = await prepareBatch({
        // As a store does with messages whose properties are large.
        lane: { read: async (afterId) => stored.filter(({ id }) => id > afterId).slice(0, 2) },
        encoder: createFakeEncoder(),
        parse: () => ({ kind: "items", items: { metrics: [], logs: [] } }),
        afterId: 0,
        lastId,
        sealedAtUs: 1,
        overdueUntilUs: undefined,
        limits: unlimited,
      });
      expect(prepared?.batch).toEqual({ firstId: 1, lastId: Math.min(lastId, 5), sealedAtUs: 1 });
    },
  );
});
