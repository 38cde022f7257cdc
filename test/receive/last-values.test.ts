import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { createJudge } from "../../pipeline/judge.ts";
import {
  LastValues,
  type LastValuesOptions,
  lastValueBytesMax,
  lastValueKeyCharsMax,
  standInBytesMax,
} from "../../pipeline/last-values.ts";
import { createPayloadFormat } from "../../pipeline/mapping/mappings.ts";
import type { LaneName } from "../../pipeline/message.ts";
import { createParse } from "../../pipeline/parse-message.ts";
import { createReceiver } from "../../pipeline/receive.ts";
import type { Element } from "../../pipeline/source/adapter.ts";
import type { Arrival, BatchStore } from "../../pipeline/store/batch-store.ts";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { metric, rules } from "../mapping/support.ts";
import { roomy } from "../store/arrivals.ts";
import { sourceConfig } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

const topic = { source: "plant", topic: "plant/a" };
const input = { rule: "Mapping m", input: "t", member: "" };

function setUp(options: Partial<LastValuesOptions> = {}) {
  const forgotten: string[] = [];
  const lastValues = new LastValues({
    stored: [],
    onForgotten: (rule, reason) => forgotten.push(`${rule}: ${reason}`),
    ...options,
  });
  return {
    lastValues,
    forgotten,
    /** A message that has this value, and whether it turns out to be stored. */
    meet(value: unknown, one = input, of = topic) {
      const recall = lastValues.recall(of);
      recall.meet(one, value);
      recall.keep(5);
      return recall.settle;
    },
    known: (one = input, of = topic) => lastValues.recall(of).last(one)?.value,
  };
}

describe("LastValues", () => {
  it("knows what the store remembers", () => {
    const { known, lastValues } = setUp({ stored: [{ ...topic, ...input, value: "1", metAtUs: 3 }] });
    expect(lastValues.recall(topic).last(input)).toMatchObject({ value: "1", metAtUs: 3 });
    expect(known(input, { source: "plant", topic: "plant/b" })).toBeUndefined();
    expect(known({ ...input, member: '["x"]' })).toBeUndefined();
  });

  it("has the value of a message for those behind it before it is known to be stored", () => {
    const { meet, known } = setUp();
    const settle = meet(1);
    expect(known()).toBe("1");
    settle(true);
    expect(known()).toBe("1");
  });

  it("has what was there before once a message turns out not to be stored", () => {
    const { meet, known } = setUp();
    meet(1)(true);
    meet(2)(false);
    expect(known()).toBe("1");
  });

  it("knows nothing again once the first message turns out not to be stored", () => {
    const { meet, known } = setUp();
    meet(1)(false);
    expect(known()).toBeUndefined();
  });

  it("does not bring back a message that turned out not to be stored, behind a later one that was not either", () => {
    const { meet, known } = setUp();
    meet(1)(true);
    const [second, third] = [meet(2), meet(3)];
    second(false);
    expect(known()).toBe("3");
    third(false);
    expect(known()).toBe("1");
  });

  it("keeps a later message when an earlier one turns out not to be stored after it was", () => {
    const { meet, known } = setUp();
    const [first, second] = [meet(1), meet(2)];
    second(true);
    first(false);
    expect(known()).toBe("2");
  });

  it("knows nothing in place of a value that is too long to remember, and says so", () => {
    const { meet, known, forgotten } = setUp();
    const longest = "x".repeat(lastValueBytesMax - 2);
    meet(longest)(true);
    expect(known()).toBe(JSON.stringify(longest));
    meet("ä".repeat(lastValueBytesMax / 2))(true);
    expect(known()).toBeUndefined();
    expect(forgotten).toEqual(["Mapping m: it has 1026 bytes, limit is 1024"]);
  });

  it("remembers no more values than it may, and goes on with those that it has", () => {
    const { meet, known, forgotten } = setUp({ valuesMax: 1 });
    meet(1)(true);
    const other = { ...input, input: "u" };
    meet(2, other)(true);
    meet(3)(true);
    expect([known(), known(other)]).toEqual(["3", undefined]);
    expect(forgotten).toEqual(["Mapping m: 1 values are remembered already"]);
  });

  it("remembers no more bytes than it may, and knows nothing in place of a value that has grown", () => {
    const place = Buffer.byteLength('["Mapping m","t","","plant","plant/a"]');
    const { meet, known, forgotten } = setUp({ bytesMax: place + 4 });
    meet(1234)(true);
    expect(known()).toBe("1234");
    const other = { ...input, input: "u" };
    meet(5, other)(true);
    meet(12345)(true);
    expect([known(), known(other)]).toEqual([undefined, undefined]);
    meet(678)(true);
    expect(known()).toBe("678");
    const reason = `Mapping m: ${place + 4} bytes are remembered already, limit is ${place + 4}`;
    expect(forgotten).toEqual([reason, reason]);
  });

  it("has the room again of what was not stored", () => {
    const { meet, known } = setUp({ bytesMax: 50 });
    meet("x")(false);
    const other = { ...input, input: "u" };
    meet("y", other)(true);
    expect([known(), known(other)]).toEqual([undefined, '"y"']);
  });

  it.each([
    ["one that is nested too deeply to be printed", JSON.parse("[".repeat(100_000) + "]".repeat(100_000))],
    ["one with too many members", Object.fromEntries(Array.from({ length: 512 }, (_, index) => [index, 1]))],
  ])("knows nothing in place of a value such as %s", (_, large) => {
    const { meet, known, forgotten } = setUp();
    meet([1])(true);
    meet(large)(true);
    expect(known()).toBeUndefined();
    expect(forgotten).toEqual(["Mapping m: it has more than 511 members"]);
  });

  it.each([[Array(511).fill(1)], [JSON.parse("[".repeat(512) + "]".repeat(512))]])(
    "remembers a value with as many members as its bytes allow",
    (value) => {
      const { meet, known } = setUp();
      meet(value)(true);
      expect(known()).toBe(JSON.stringify(value));
    },
  );

  it("lets no more stand in for one message than a lane can hold, and says so", () => {
    const { meet, lastValues, forgotten } = setUp();
    const value = "x".repeat(1000);
    const places = Array.from({ length: 300 }, (_, index) => ({ ...input, member: `["m${index}"]` }));
    for (const place of places) meet(value, place)(true);
    const recall = lastValues.recall(topic);
    const found = places.filter((place) => recall.last(place) !== undefined);
    expect(found).toEqual(places.slice(0, found.length));
    expect(found.every((place) => recall.last(place) !== undefined)).toBe(true);
    expect(recall.standIns()).toHaveLength(found.length);
    const bytes = found.length * (value.length + 2 + "Mapping m".length + "t".length);
    expect(bytes).toBeLessThanOrEqual(standInBytesMax);
    expect(bytes).toBeGreaterThan(0.9 * standInBytesMax);
    expect(new Set(forgotten)).toEqual(
      new Set([`Mapping m: those for one message have more than ${standInBytesMax} bytes`]),
    );
    expect(lastValues.recall(topic).last(places[299] ?? input)).toBeDefined();
  });

  it("remembers nothing at places with names that are too long", () => {
    const { meet, known, forgotten } = setUp();
    const long = { source: "plant", topic: "x".repeat(lastValueKeyCharsMax) };
    meet(1, input, long)(true);
    expect(known(input, long)).toBeUndefined();
    expect(forgotten).toEqual([
      `Mapping m: the names of its place have more than ${lastValueKeyCharsMax} characters`,
    ]);
  });

  it("puts together no names that are too long, however many members a message has", () => {
    const { lastValues } = setUp();
    const chars = (topic: string) => {
      const stringify = vi.spyOn(JSON, "stringify");
      const recall = lastValues.recall({ source: "plant", topic });
      for (let index = 0; index < 100; index += 1) {
        const member = { ...input, member: `["m${index}"]` };
        recall.last(member);
        recall.meet(member, index);
      }
      const { results } = stringify.mock;
      const made = results.reduce((sum, { value }) => sum + String(value).length, 0);
      stringify.mockRestore();
      return made;
    };
    expect(chars("x".repeat(65_535))).toBeLessThan(chars("short"));
  });
});

const lane: LaneName = { destination: "collector", signal: "metrics" };
const format = createPayloadFormat([
  rules({
    name: "m",
    filter: { inputs: ["drop ?? false"], expression: "$1" },
    metrics: [metric({ value: { path: "t ? $last" } }), metric({ value: { path: "n ?? 0" } })],
  }),
]);

function element(payload: object | string, fields: object = {}): Element {
  const bytes = new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload));
  return { kind: "message", message: { topic: "plant/a", payload: bytes, userProperties: [], ...fields } };
}

/** A front door before a store, of which a test may replace parts. */
function openDoor(parts: Partial<BatchStore> = {}) {
  const store = { ...openMemoryStore({ ...roomy, lanes: [lane] }), ...parts };
  const clock = createFakeClock();
  const lastValues = new LastValues({ stored: [], onForgotten: () => undefined });
  const source = sourceConfig();
  const receiver = createReceiver({
    store,
    clock,
    logger: createFakeLogger(),
    format,
    lanes: [{ name: lane, mask: store.lane(lane).mask }],
    sources: [source],
    payloadBytesMax: 1000,
    lastValues,
  });
  const parse = createParse([source], format);
  return {
    store,
    receiver,
    receive: (...elements: Element[]) => receiver.receive(source, { elements, isArray: true }),
    /** The first value of each message that is stored, as a lane reads it. */
    async values() {
      return (await store.lane(lane).read(0, 1000)).map((message) => {
        const parsed = parse(message);
        return parsed.kind === "items" ? parsed.items.metrics[0]?.value : parsed.refusal.message;
      });
    },
    known: () => lastValues.recall({ source: source.name, topic: "plant/a" }).last({ ...input })?.value,
    stored: async () => (await store.lastValues()).map(({ value }) => value),
  };
}

describe("receive() with last values", () => {
  it("stores with a message what stands in for what it lacks, also from the same request", async () => {
    const { receive, values, stored } = openDoor();
    await receive(element({ t: 1 }), element({}), element({ t: 2 }), element({ t: null }));
    await receive(element({}));
    expect(await values()).toEqual([1, 1, 2, 2, 2]);
    expect(await stored()).toEqual(["2"]);
  });

  it("takes no last value from a repeat", async () => {
    const { receive, values, known, stored } = openDoor();
    await receive(element({ t: 1 }, { messageId: "1" }));
    await receive(element({ t: 2 }, { messageId: "2" }));
    expect(await receive(element({ t: 1 }, { messageId: "1" }))).toMatchObject({ duplicates: 1 });
    expect([known(), await stored()]).toEqual(["2", ["2"]]);
    await receive(element({}));
    expect(await values()).toEqual([1, 2, 2]);
  });

  it("takes no last value from the repeats among the messages of a request", async () => {
    const { receive, known, stored } = openDoor();
    await receive(element({ t: 1 }, { messageId: "1" }), element({ t: 2 }, { messageId: "2" }));
    const result = await receive(
      element({}),
      element({ t: 1 }, { messageId: "1" }),
      element({ t: 3 }, { messageId: "3" }),
      element({ t: 2 }, { messageId: "2" }),
    );
    expect(result).toMatchObject({ accepted: 2, duplicates: 2 });
    expect([known(), await stored()]).toEqual(["3", ["3"]]);
  });

  it("takes no last value from a request that could not be stored", async () => {
    const memory = openMemoryStore({ ...roomy, lanes: [lane] });
    let isFull = false;
    const { receive, known } = openDoor({
      ...memory,
      append: (arrivals) => (isFull ? Promise.reject(new Error("full")) : memory.append(arrivals)),
    });
    await receive(element({ t: 1 }));
    isFull = true;
    await expect(receive(element({ t: 2 }))).rejects.toThrow("full");
    expect(known()).toBe("1");
  });

  it("takes last values from filtered messages and dead letters", async () => {
    const { receive, values, stored } = openDoor();
    expect(await receive(element({ t: 1, drop: true }))).toMatchObject({ filtered: 1 });
    await receive(element({}));
    expect(await receive(element({ t: 2, n: "x" }))).toMatchObject({ deadLettered: 1 });
    await receive(element({}));
    expect(await values()).toEqual([1, 2]);
    expect(await stored()).toEqual(["2"]);
  });

  it("takes none from a message that had expired, whose payload is not read", async () => {
    const { receive, known } = openDoor();
    const late = { messageExpiryIntervalSeconds: 0 };
    expect(await receive(element({ t: 1 }, late))).toMatchObject({ expired: 1 });
    expect(known()).toBeUndefined();
  });

  it("keeps a message that needs what is not known as a dead letter, and replays it with what is known then", async () => {
    const { receive, receiver, store, values, known } = openDoor();
    expect(await receive(element({ n: 7 }))).toMatchObject({ deadLettered: 1 });
    const [letter] = await store.deadLetters.list({ afterId: 0, limit: 1 });
    if (letter === undefined) throw new Error("No dead letter");
    expect(letter).toMatchObject({
      path: "t ? $last",
      detail: expect.stringContaining("metrics[0] of Mapping m"),
    });
    expect(await receiver.replay(letter)).toMatchObject({ kind: "refused" });
    await receive(element({ t: 5 }));
    expect(await receiver.replay(letter)).toEqual({ kind: "replayed" });
    await receive(element({ t: 6 }));
    expect(await values()).toEqual([5, 5, 6]);
    expect(known()).toBe("6");
  });

  it("takes no last value from a dead letter that is replayed: it is older than what came since", async () => {
    const { receive, receiver, store, known } = openDoor();
    await receive(element({ t: 1, n: "x" }));
    await receive(element({ t: 2 }));
    const [letter] = await store.deadLetters.list({ afterId: 0, limit: 1 });
    if (letter === undefined) throw new Error("No dead letter");
    await receiver.replay({
      ...letter,
      message: { ...letter.message, payload: new TextEncoder().encode('{"t":1}') },
    });
    expect(known()).toBe("2");
  });

  it("knows what the store remembers, and a lane reads what was judged, whatever comes", async () => {
    const frame = fc.record({ t: fc.option(fc.integer()), id: fc.option(fc.constantFrom("a", "b")) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(frame, { maxLength: 3 }), { maxLength: 8 }), async (requests) => {
        const judged: Arrival[] = [];
        const memory = openMemoryStore({ ...roomy, lanes: [lane] });
        const { receive, values, known, stored } = openDoor({
          ...memory,
          append(arrivals) {
            judged.push(...arrivals);
            return memory.append(arrivals);
          },
        });
        for (const request of requests) {
          await receive(...request.map(({ t, id }) => element({ t }, { messageId: id ?? undefined })));
        }
        expect(await stored()).toEqual([known()].filter((value) => value !== undefined));
        for (const value of await values()) expect(typeof value).toBe("number");
        const { checkPayload } = createJudge({ format, lanes: [], payloadBytesMax: 1000 });
        for (const { message, verdict } of judged) {
          expect(checkPayload(sourceConfig(), message).kind).toBe(verdict.kind);
        }
      }),
      { numRuns: 50 },
    );
  });
});
