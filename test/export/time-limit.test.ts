import { getEventListeners, once } from "node:events";
import { describe, expect, it } from "vitest";
import { startTimeLimit } from "../../pipeline/export/time-limit.ts";

describe("startTimeLimit()", () => {
  it("aborts when the time is over, and says so", async () => {
    const limit = startTimeLimit(1, []);
    await once(limit.signal, "abort");
    expect(limit.isExpired).toBe(true);
  });

  it("aborts when another signal does, which is no expiry", () => {
    const other = new AbortController();
    const limit = startTimeLimit(60_000, [undefined, other.signal]);
    expect(limit.signal.aborted).toBe(false);
    other.abort();
    expect(limit.signal.aborted).toBe(true);
    expect(limit.isExpired).toBe(false);
    limit.end();
  });

  it("is aborted from the start when another signal is", () => {
    const limit = startTimeLimit(60_000, [AbortSignal.abort()]);
    expect(limit.signal.aborted).toBe(true);
    limit.end();
  });

  it("is no expiry when the time is over after another signal aborted", async () => {
    const other = new AbortController();
    const limit = startTimeLimit(1, [other.signal]);
    const later = startTimeLimit(5, []);
    other.abort();
    await once(later.signal, "abort");
    expect(limit.isExpired).toBe(false);
  });

  it("aborts at the end, so that an answer that was not read is cut", () => {
    const limit = startTimeLimit(60_000, []);
    limit.end();
    expect(limit.signal.aborted).toBe(true);
    expect(limit.isExpired).toBe(false);
  });

  it("leaves nothing behind at the end", async () => {
    const other = new AbortController();
    const limit = startTimeLimit(1, [other.signal]);
    limit.end();
    expect(getEventListeners(other.signal, "abort")).toEqual([]);
    const later = startTimeLimit(5, []);
    await once(later.signal, "abort");
    expect(limit.isExpired).toBe(false);
  });
});
