import { describe, expect, it } from "vitest";
import { retryAfterMs } from "../../pipeline/export/retry-after.ts";

const date = "Sun, 06 Nov 1994 08:49:07 GMT";

describe("retryAfterMs()", () => {
  it.each([
    ["seconds", "120", 120_000],
    ["no seconds", "0", 0],
    ["a date", "Sun, 06 Nov 1994 08:49:37 GMT", 30_000],
    ["a date in the form of RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 30_000],
    ["a date in the form of asctime()", "Sun Nov  6 08:49:37 1994", 30_000],
    ["a date that has passed", "Sun, 06 Nov 1994 08:00:00 GMT", 0],
  ])("reads %s", (_name, value, ms) => {
    expect(retryAfterMs(new Headers({ "retry-after": value, date }))).toBe(ms);
  });

  it.each([
    "",
    "soon",
    "-5",
    "1.5",
    "5s",
    "1e3",
    "5 GMT",
    "Sun, 99 Nov 1994 08:49:37 GMT",
    "1994-11-06T08:49:37Z",
  ])("reads nothing in %j", (value) => {
    expect(retryAfterMs(new Headers({ "retry-after": value, date }))).toBeUndefined();
  });

  it("reads nothing when there is nothing", () => {
    expect(retryAfterMs(new Headers({ date }))).toBeUndefined();
  });

  it.each([{}, { date: "today" }])("goes by our own clock when the server's is not told: %j", (headers) => {
    const value = new Date(Date.now() + 60_000).toUTCString();
    const ms = retryAfterMs(new Headers({ "retry-after": value, ...headers })) ?? 0;
    expect(ms).toBeGreaterThan(50_000);
    expect(ms).toBeLessThanOrEqual(60_000);
  });
});
