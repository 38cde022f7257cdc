import { describe, expect, it } from "vitest";
import { createDrainMeter, retryAfterSeconds } from "../../handlers/retry-after.ts";
import type { LaneLedger, Ledger } from "../../pipeline/store/batch-store.ts";
import { createFakeClock } from "../support/fake-clock.ts";

describe("retryAfterSeconds()", () => {
  it.each([
    ["nothing was measured", undefined, 5],
    ["nothing leaves", { settledPerSecond: 0, pending: 10 }, 30],
    ["all has left", { settledPerSecond: 0, pending: 0 }, 1],
    ["it drains fast", { settledPerSecond: 1_000_000, pending: 10 }, 1],
    ["it drains", { settledPerSecond: 1000, pending: 100_000 }, 10],
    ["it drains slowly", { settledPerSecond: 1, pending: 1_000_000 }, 300],
  ])("when %s", (_, drained, seconds) => {
    expect(retryAfterSeconds(drained)).toBe(seconds);
  });
});

describe("createDrainMeter()", () => {
  function setup() {
    const clock = createFakeClock();
    const lane = {
      isConfigured: true,
      delivered: 0,
      expired: 0,
      deadLettered: 0,
      pending: 100_000,
    } as LaneLedger;
    /** Nothing delivers it, so that what it keeps says nothing about the rate. */
    const removed = { ...lane, isConfigured: false };
    let samples = 0;
    let fails = false;
    const store = {
      async ledger() {
        samples += 1;
        if (fails) throw new Error("closed");
        return { lanes: [lane, removed] } as Ledger;
      },
    };
    const meter = createDrainMeter(store, clock);
    /** Asks, and lets the sample that this may have begun come to its end. */
    const ask = async () => {
      const seconds = meter();
      await new Promise(setImmediate);
      return seconds;
    };
    return {
      clock,
      lane,
      ask,
      samples: () => samples,
      fail: () => {
        fails = true;
      },
    };
  }

  it("answers from two samples of the ledger", async () => {
    const { ask, clock, lane } = setup();
    expect(await ask()).toBe(5);
    clock.advance(2000);
    lane.delivered += 2000;
    await ask();
    expect(await ask()).toBe(10);
  });

  it("samples at most once a second", async () => {
    const { ask, clock, samples } = setup();
    await ask();
    await ask();
    expect(samples()).toBe(1);
    clock.advance(1000);
    await ask();
    expect(samples()).toBe(2);
  });

  it("knows nothing after a long pause, or when the store fails", async () => {
    const { ask, clock, fail } = setup();
    await ask();
    clock.advance(61_000);
    await ask();
    expect(await ask()).toBe(5);
    clock.advance(1000);
    await ask();
    expect(await ask()).toBe(30);
    fail();
    clock.advance(1000);
    await ask();
    expect(await ask()).toBe(5);
  });
});
