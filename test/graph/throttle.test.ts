import { describe, expect, it } from "vitest";
import { createThrottle } from "../../pipeline/throttle.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { messageOf } from "./support.ts";

const limit = { name: "a", intervalMs: 100 };

function setUp() {
  const clock = createFakeClock();
  const admits = createThrottle(clock);
  return { clock, admits: (fields = {}, of = limit) => admits(of, messageOf("{}", fields)) };
}

describe("createThrottle()", () => {
  it("lets one message pass in each interval, counted from the last one that passed", () => {
    const { clock, admits } = setUp();
    const passed = [0, 99, 1, 60, 39, 1].map((ms) => {
      clock.advance(ms);
      return admits();
    });
    expect(passed).toEqual([true, false, true, false, false, true]);
  });

  it("saves nothing up", () => {
    const { clock, admits } = setUp();
    clock.advance(10_000);
    expect([admits(), admits()]).toEqual([true, false]);
  });

  it("goes by no wall clock", () => {
    const { clock, admits } = setUp();
    admits();
    clock.jumpWall(3_600_000);
    expect(admits()).toBe(false);
  });

  it("keeps limits apart", () => {
    const { admits } = setUp();
    expect([admits(), admits({}, { ...limit, name: "b" })]).toEqual([true, true]);
  });

  it("lets nothing pass in an infinite interval", () => {
    const { admits } = setUp();
    expect(admits({}, { ...limit, intervalMs: Number.POSITIVE_INFINITY })).toBe(false);
  });

  it("lets a repeat of the message pass that passed last", () => {
    const { admits } = setUp();
    const first = { messageId: "1", clientId: "c" };
    expect(admits(first)).toBe(true);
    expect(admits(first)).toBe(true);
    expect(admits({ ...first, messageId: "2" })).toBe(false);
    expect(admits({ ...first, clientId: "d" })).toBe(false);
    expect(admits({ ...first, source: "other" })).toBe(false);
    expect(admits({ clientId: "c" })).toBe(false);
  });

  it("takes messages without an id for different ones", () => {
    const { admits } = setUp();
    expect([admits(), admits()]).toEqual([true, false]);
  });
});
