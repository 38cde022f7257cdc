import { describe, expect, it } from "vitest";
import { admission } from "../../pipeline/graph/throttle.ts";
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

  it("takes a message with the id of the last one for another one when it says something else", () => {
    const clock = createFakeClock();
    const admits = createThrottle(clock);
    const id = { messageId: "1", clientId: "c" };
    expect(admits(limit, messageOf('{"v":1}', id))).toBe(true);
    expect(admits(limit, messageOf('{"v":2}', id))).toBe(false);
    expect(admits(limit, messageOf('{"v":1}', { ...id, topic: "plant/mill" }))).toBe(false);
    expect(admits(limit, messageOf('{"v":1}', id))).toBe(true);
  });

  it("takes messages without an id for different ones", () => {
    const { admits } = setUp();
    expect([admits(), admits()]).toEqual([true, false]);
  });
});

describe("admission()", () => {
  const passes = () => true;
  const other = { name: "b", intervalMs: 100 };

  it("asks about each limit, for the message as it came", () => {
    const message = messageOf("{}");
    const asked: unknown[] = [];
    const admits = admission(message, (...question) => asked.push(question) > 1);
    expect([admits(limit), admits(other)]).toEqual([false, true]);
    expect(asked).toEqual([
      [limit, message],
      [other, message],
    ]);
  });

  it("lets one of the copies of a message pass, and no other", () => {
    const admits = admission(messageOf("{}"), passes);
    expect([admits(limit), admits(limit), admits(other)]).toEqual([true, false, true]);
  });

  it("drops a message where it was dropped when it arrived, and nowhere else", () => {
    const admits = admission(messageOf("{}", { throttledBy: ["a"] }), undefined);
    expect([admits(limit), admits(other), admits(other)]).toEqual([false, true, false]);
  });

  it("lets nothing pass in an infinite interval, whether or not a limit is kept to", () => {
    const never = { name: "a", intervalMs: Number.POSITIVE_INFINITY };
    expect(admission(messageOf("{}"), passes)(never)).toBe(false);
    expect(admission(messageOf("{}"), undefined)(never)).toBe(false);
  });
});
