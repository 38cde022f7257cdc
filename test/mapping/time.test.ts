import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TimeUnit } from "../../pipeline/mapping/rules.ts";
import { parseUnixNano, scaleUnixNano } from "../../pipeline/mapping/time.ts";
import { mapped, metric, metricsOf, refusalOf, rules } from "./support.ts";

describe("parseUnixNano()", () => {
  it.each([
    ["2025-06-01T08:30:00.1234567Z", 1748766600123456700n],
    ["2025-06-01T08:30:00.123456789Z", 1748766600123456789n],
    ["2025-06-01T08:30:00.000000001Z", 1748766600000000001n],
    ["2025-06-01T08:30:00Z", 1748766600000000000n],
    ["2025-06-01t10:30:00.5+02:00", 1748766600500000000n],
    ["2025-06-01 08:30:00.1234567 +00:00", 1748766600123456700n],
    ["1970-01-01T00:00:00Z", 0n],
    ["001748766600123:00000:0b1c2d3e-node", 1748766600123000000n],
    ["1748766600123:18446744073709551615:a:b", 1748766600123000000n],
    ["008993721599999:00000:last", 8993721599999000000n],
    ["000000000000000:00000:unset", 0n],
  ])("reads %s", (text, time) => {
    expect(parseUnixNano(text)).toBe(time);
  });

  it.each([
    "",
    "yesterday",
    "2025-06-01",
    "2025-06-01T08:30:00",
    "2025-02-30T08:30:00Z",
    "2025-06-01T08:30:00.1234567890Z",
    "2025-06-01T08:30:00.Z",
    "2025-06-01T08:30:00 Z",
    "1969-12-31T23:59:59Z",
    "2255-01-01T00:00:00Z",
    "1748766600",
    "08:30:00",
    "001748766600123",
    "001748766600123:00000",
    "001748766600123::node",
    "-01748766600123:00000:node",
    "008993721600000:00000:late",
  ])("does not read %j", (text) => {
    expect(parseUnixNano(text)).toBeUndefined();
  });

  it("is exact for any nanosecond", () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 8_993_721_599n),
        fc.integer({ min: 0, max: 999_999_999 }),
        (second, nanosecond) => {
          const whole = new Date(Number(second) * 1000).toISOString().slice(0, 19);
          const text = `${whole}.${String(nanosecond).padStart(9, "0")}Z`;
          expect(parseUnixNano(text)).toBe(second * 1_000_000_000n + BigInt(nanosecond));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("scaleUnixNano()", () => {
  it.each([
    [1748766600, "s", 1748766600000000000n],
    [1748766600.123, "s", 1748766600123000000n],
    [1748766600.1234567, "s", 1748766600123456700n],
    [1748766600123, "ms", 1748766600123000000n],
    [1748766600123.25, "ms", 1748766600123250000n],
    [1748766600123456, "us", 1748766600123456000n],
    [1748766600123456789n, "ns", 1748766600123456789n],
    [1.9, "ns", 1n],
    [5e-7, "s", 500n],
    [0, "s", 0n],
    [18446744073709551615n, "ns", 18446744073709551615n],
  ] as [number | bigint, TimeUnit, bigint][])("makes nanoseconds of %s %s", (value, unit, time) => {
    expect(scaleUnixNano(value, unit)).toBe(time);
  });

  it.each([
    [-1, "s"],
    [-1n, "ns"],
    [Number.POSITIVE_INFINITY, "s"],
    [Number.NaN, "s"],
    [1e300, "ns"],
    [18446744073709551616n, "ns"],
    [18446744073710, "ms"],
    [1748766600123456789n, "s"],
  ] as [number | bigint, TimeUnit][])("makes no time of %s %s", (value, unit) => {
    expect(scaleUnixNano(value, unit)).toBeUndefined();
  });
});

const timed = (unit: TimeUnit | undefined, path = "t") =>
  rules({ timestamp: { path, unit }, metrics: [metric()] });

describe("timestamp", () => {
  it.each([
    [undefined, '"2025-06-01T08:30:00.1234567Z"', 1748766600123456700n],
    ["ns", "1748766600123456789", 1748766600123456789n],
    ["s", "1748766600.5", 1748766600500000000n],
  ] as const)("with unit %s reads %s", (unit, written, time) => {
    expect(metricsOf(timed(unit), `{"v":1,"t":${written}}`)[0]?.timeUnixNano).toBe(time);
  });

  it.each([
    [
      undefined,
      '"noon"',
      'met "noon", wanted a time as RFC 3339 has it, or of a hybrid logical clock, from 1970 to 2254',
    ],
    [undefined, "1748766600", "met 1748766600, wanted a time as RFC 3339 has it"],
    ["ms", '"1748766600123"', 'met "1748766600123", wanted a number of ms since 1970'],
    ["ms", "-1", "met -1, wanted a number of ms since 1970"],
    ["ms", "{}", "met an object, wanted a number of ms since 1970"],
  ] as const)("with unit %s refuses %s", (unit, written, message) => {
    expect(refusalOf(timed(unit), `{"v":1,"t":${written}}`)).toEqual({
      path: "t",
      message: expect.stringContaining(`Cannot read a time: ${message}`),
    });
  });

  it("takes a number in a string when the reading is lenient", () => {
    expect(metricsOf(timed("ms"), '{"v":1,"t":"1748766600123"}', { lenient: true })[0]?.timeUnixNano).toBe(
      1748766600123000000n,
    );
  });

  it("can stand beside the payload", () => {
    const userProperties = [["time", "2025-06-01T08:30:00Z"]] as const;
    expect(
      metricsOf(timed(undefined, "$metadata.user_property.time"), { v: 1 }, { userProperties })[0]
        ?.timeUnixNano,
    ).toBe(1748766600000000000n);
  });

  it("of zero counts as absent, once a message, and is counted", () => {
    const mapping = { ...timed("s"), metrics: [metric(), metric()] };
    const parsed = mapped(mapping, { v: 1, t: 0 });
    expect(parsed).toMatchObject({
      items: { metrics: [{ timeUnixNano: undefined }, {}] },
      oddities: { zeroTimestamps: 1 },
    });
  });

  it("that is missing is a missing value of each item that would have it", () => {
    expect(refusalOf(timed("s"), { v: 1 }).path).toBe("t");
    expect(metricsOf({ ...timed("s"), onMissing: "skip" }, { v: 1 })).toEqual([]);
    const own = metric({ timestamp: { path: "at", unit: "s" } });
    expect(metricsOf({ ...timed("s"), metrics: [own] }, { v: 1, at: 2 })[0]?.timeUnixNano).toBe(
      2_000_000_000n,
    );
  });
});
