import { describe, expect, it } from "vitest";
import { createTestApp, problemOf } from "../support/app.ts";

const json = { "Content-Type": "application/json" };
const flush = (options: Parameters<typeof createTestApp>[0] = {}, init: RequestInit = {}) => {
  const { app, flushes } = createTestApp(options);
  return { flushes, response: app.request("/timer/flush", { method: "POST", ...init }) };
};

describe("POST /timer/flush", () => {
  it("answers what was done and what is left", async () => {
    const { response, flushes } = flush({
      flushResult: { batches: 1, messages: 2, items: 3, pending: 4, nextDueMs: 1200 },
    });
    expect((await response).status).toBe(200);
    expect(await (await response).json()).toEqual({
      batches: 1,
      messages: 2,
      items: 3,
      pending: 4,
      nextDueSeconds: 2,
    });
    expect(flushes).toEqual([{ force: false, deadlineMs: 25_000 }]);
  });

  it("says null when nothing waits", async () => {
    expect(await (await flush().response).json()).toMatchObject({ nextDueSeconds: null });
  });

  it("answers 503 with the same body when a destination did not take what was due", async () => {
    const response = await flush({ flushResult: { pending: 7, nextDueMs: 0, failed: true } }).response;
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      batches: 0,
      messages: 0,
      items: 0,
      pending: 7,
      nextDueSeconds: 0,
    });
  });

  it.each([
    ["no body", { headers: json }, false],
    ["an empty object", { headers: json, body: "{}" }, false],
    [
      "force",
      { headers: { "Content-Type": "application/json; charset=utf-8" }, body: '{"force": true}' },
      true,
    ],
  ] as [string, RequestInit, boolean][])("takes %s", async (_, init, force) => {
    const { response, flushes } = flush({}, init);
    expect((await response).status).toBe(200);
    expect(flushes).toMatchObject([{ force }]);
  });

  it.each([
    ["a wrong type", json, '{"force": 1}', 400],
    ["an unknown field", json, '{"forced": true}', 400],
    ["no JSON", json, "{", 400],
    ["another content type", { "Content-Type": "text/plain" }, '{"force": true}', 415],
    ["a large body", json, `{"force": ${" ".repeat(2000)}true}`, 413],
  ] as [string, Record<string, string>, string, number][])("refuses %s", async (_, headers, body, status) => {
    const { response, flushes } = flush({}, { headers, body });
    expect(await problemOf(await response)).toMatchObject({ status });
    expect(flushes).toEqual([]);
  });

  it.each([
    ['{"force": 1}', /^force: /],
    ['{"forced": true}', /^Unrecognized key/],
    ["[]", /^Invalid input/],
  ])("says of %s what is wrong with it, as a sentence", async (body, detail) => {
    const { response } = flush({}, { headers: json, body });
    expect((await problemOf(await response)).detail).toMatch(detail);
  });
});
