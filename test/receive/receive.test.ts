import { describe, expect, it } from "vitest";
import type { LaneName } from "../../pipeline/message.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { createReceiver, type ReceiverOptions } from "../../pipeline/receive.ts";
import type { Element } from "../../pipeline/source/adapter.ts";
import type { Arrival, DeadLetter } from "../../pipeline/store/batch-store.ts";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { sourceConfig, validMetrics } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

const utf8 = new TextEncoder();
const metric = validMetrics.slice(1, -1);
const log = '"logs":[{"value":"hello","level":"info","attributes":[]}]';
const laneNames: LaneName[] = [
  { destination: "a", signal: "metrics" },
  { destination: "a", signal: "logs" },
  { destination: "b", signal: "logs" },
];

function setup(options: Partial<ReceiverOptions> = {}) {
  const clock = createFakeClock();
  const logger = createFakeLogger();
  const appended: Arrival[] = [];
  const replayed: unknown[] = [];
  let wakes = 0;
  const receiver = createReceiver({
    store: {
      async append(arrivals) {
        appended.push(...arrivals);
        const deadLettered = arrivals.filter(({ verdict }) => verdict.kind === "deadLettered").length;
        const accepted = arrivals.length - deadLettered;
        return { accepted, duplicates: 0, expired: 0, filtered: 0, deadLettered };
      },
      deadLetters: {
        list: async () => [],
        get: async () => undefined,
        delete: async () => false,
        async replay(id, verdict) {
          replayed.push({ id, ...verdict });
          return id !== 404;
        },
      },
    },
    clock,
    logger,
    format: aioFormat,
    lanes: laneNames.map((name, index) => ({ name, mask: 2 ** (index + 40) })),
    sources: [sourceConfig()],
    payloadBytesMax: 1000,
    onAppended: () => {
      wakes += 1;
    },
    ...options,
  });
  return { clock, logger, receiver, appended, replayed, wakes: () => wakes };
}

function message(payload: string, fields: object = {}): Element {
  return {
    kind: "message",
    message: { topic: "t", payload: utf8.encode(payload), userProperties: [], ...fields },
  };
}

function letter(payload: string, fields: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id: 7,
    message: { source: "raw", topic: "t", payload: utf8.encode(payload), userProperties: [] },
    arrivedAtUs: 1,
    diedAtUs: 1,
    reason: "invalidPayload",
    path: "",
    detail: "",
    lane: undefined,
    possiblyDelivered: false,
    ...fields,
  };
}

describe("receive()", () => {
  it.each([
    ["metrics", `{${metric}}`, 2 ** 40],
    ["logs", `{${log}}`, 2 ** 41 + 2 ** 42],
    ["both", `{${metric},${log}}`, 2 ** 40 + 2 ** 41 + 2 ** 42],
    ["nothing", '{"metrics":[]}', 0],
  ])("a message with %s is owed by the lanes of these signals", async (_, payload, lanes) => {
    const { receiver, appended, wakes } = setup();
    await receiver.receive(sourceConfig(), { elements: [message(payload)], isArray: false });
    expect(appended).toMatchObject([{ verdict: { kind: "accepted", lanes } }]);
    expect(wakes()).toBe(1);
  });

  it("owes a message only to lanes whose sources and Topic Filters take it", async () => {
    const [metrics, logs, otherLogs] = laneNames as [LaneName, LaneName, LaneName];
    const { receiver, appended } = setup({
      lanes: [
        { name: metrics, mask: 1, filter: { sources: ["raw", "emqx"], topicFilters: [] } },
        { name: logs, mask: 2, filter: { sources: [], topicFilters: ["plant/+", "hall"] } },
        { name: otherLogs, mask: 4, filter: { sources: ["emqx"], topicFilters: ["plant/#"] } },
        { name: { destination: "c", signal: "logs" }, mask: 8, filter: { sources: [], topicFilters: [] } },
      ],
    });
    const owed = async (source: string, topic: string, payload = `{${metric},${log}}`) => {
      await receiver.receive(sourceConfig({ name: source }), {
        isArray: false,
        elements: [message(payload, { topic })],
      });
      return appended.at(-1)?.verdict;
    };
    expect(await owed("raw", "t")).toMatchObject({ lanes: 1 + 8 });
    expect(await owed("raw", "plant/a")).toMatchObject({ lanes: 1 + 2 + 8 });
    expect(await owed("emqx", "plant/a")).toMatchObject({ lanes: 1 + 2 + 4 + 8 });
    expect(await owed("mqtt", "hall", `{${log}}`)).toMatchObject({ lanes: 2 + 8 });
    expect(await owed("mqtt", "hall", `{${metric}}`)).toMatchObject({ lanes: 0 });
  });

  it("carries the deadline, from the publish or else the arrival", async () => {
    const { receiver, appended, clock } = setup();
    const nowUs = clock.nowUs();
    const interval = { messageExpiryIntervalSeconds: 10 };
    const elements = [
      message('{"metrics":[]}', interval),
      message('{"metrics":[]}', { ...interval, publishedAtUs: nowUs - 3_000_000 }),
      message('{"metrics":[]}', { messageExpiryIntervalSeconds: 0 }),
      message("broken", { messageExpiryIntervalSeconds: 0 }),
    ];
    await receiver.receive(sourceConfig(), { elements, isArray: true });
    expect(appended.map(({ verdict }) => verdict)).toEqual([
      { kind: "accepted", lanes: 0, expiresAtUs: nowUs + 10_000_000 },
      { kind: "accepted", lanes: 0, expiresAtUs: nowUs + 7_000_000 },
      { kind: "expired" },
      { kind: "expired" },
    ]);
  });

  it("carries a deadline that a number holds exactly, however far the sender's clock and interval reach", async () => {
    const { receiver, appended } = setup();
    const far = { publishedAtUs: 8_993_721_599_999_000, messageExpiryIntervalSeconds: 2 ** 32 - 1 };
    await receiver.receive(sourceConfig(), { elements: [message('{"metrics":[]}', far)], isArray: false });
    expect(appended).toMatchObject([{ verdict: { expiresAtUs: Number.MAX_SAFE_INTEGER } }]);
  });

  const withStore = (deadLetterBytesMax = 1_000_000) =>
    setup({
      store: openMemoryStore({
        bytesMax: 1_000_000,
        deadLetterBytesMax,
        dedupe: { windowSeconds: 60, entriesMax: 10 },
        lanes: laneNames,
      }),
    });

  it("logs dead letters at most once a second for each source and reason", async () => {
    const { receiver, logger, clock } = withStore();
    const elements: Element[] = [
      message("{"),
      message('{"metrics":1}'),
      { kind: "broken", path: "[2]", reason: "met 3, wanted an object", body: utf8.encode("3") },
    ];
    await receiver.receive(sourceConfig(), { elements, isArray: true });
    clock.advance(1_000);
    await receiver.receive(sourceConfig(), { elements: [message('{"logs":1}')], isArray: false });
    const common = { source: "raw", topic: "t", reason: "invalidPayload" };
    const envelope = { source: "raw", reason: "invalidEnvelope", detail: "[2]: met 3, wanted an object" };
    expect(logger.lines.map(({ fields }) => fields)).toEqual([
      { id: 2, ...common, detail: expect.any(String), suppressed: 1 },
      { id: 3, ...envelope, suppressed: 0 },
      { id: 4, ...common, detail: expect.stringMatching(/^logs: /), suppressed: 0 },
    ]);
  });

  it("logs the dead letter of a repeat once, and one that is not kept without an id", async () => {
    const { receiver, logger, clock } = withStore(0);
    const envelope = { elements: [message("{", { messageId: "1" })], isArray: false };
    await receiver.receive(sourceConfig(), envelope);
    clock.advance(1_000);
    await receiver.receive(sourceConfig(), envelope);
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]?.fields).toMatchObject({ id: undefined, reason: "invalidPayload" });
  });

  it("counts what a sender may have meant otherwise", async () => {
    const counted: unknown[] = [];
    const { receiver } = setup({ oddities: { count: (...args) => counted.push(args) } });
    const elements: Element[] = [
      message('{"logs":[],"logs":[{"level":"info","value":"","timestamp":0}]}'),
      { ...message('{"metrics":[]}'), kind: "message", mayBeDamaged: true } as Element,
    ];
    await receiver.receive(sourceConfig(), { elements, isArray: true });
    expect(counted).toEqual([
      ["raw", "repeatedMembers", 1],
      ["raw", "zeroTimestamps", 1],
      ["raw", "damagedPayloads", 1],
    ]);
  });

  it("appends nothing when there are only lifecycle events", async () => {
    const { receiver, appended, wakes } = setup();
    const stored = await receiver.receive(sourceConfig(), {
      elements: [{ kind: "ignored" }],
      isArray: false,
    });
    expect(stored).toEqual({ accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 });
    expect(appended).toEqual([]);
    expect(wakes()).toBe(0);
  });

  it("gives the payload format what the source allows", async () => {
    const seen: boolean[] = [];
    const { receiver } = setup({
      format: {
        parse(_, { lenient }) {
          seen.push(lenient);
          return { kind: "items", items: { metrics: [], logs: [] } };
        },
      },
    });
    for (const lenient of [true, false]) {
      await receiver.receive(sourceConfig({ lenient }), { elements: [message("{}")], isArray: false });
    }
    expect(seen).toEqual([true, false]);
  });
});

describe("replay()", () => {
  it("lets a message that is valid now through the front door", async () => {
    const { receiver, replayed, wakes } = setup();
    expect(await receiver.replay(letter(`{${metric}}`))).toEqual({ kind: "replayed" });
    expect(replayed).toEqual([{ id: 7, lanes: 2 ** 40 }]);
    expect(wakes()).toBe(1);
  });

  it("owes a refused message to its own lane, without reading it again", async () => {
    const { receiver, replayed } = setup();
    const lane = { destination: "b", signal: "logs" } as const;
    expect(await receiver.replay(letter("not read", { lane }))).toEqual({ kind: "replayed" });
    expect(replayed).toEqual([{ id: 7, lanes: 2 ** 42 }]);
  });

  it.each([
    ["still invalid", letter("{"), ""],
    ["a broken envelope", letter("{}", { reason: "invalidEnvelope", path: "[1]" }), "[1]"],
    ["too large", letter("x".repeat(1001)), "payload"],
    ["of a lane that is gone", letter("{}", { lane: { destination: "c", signal: "logs" } }), ""],
    [
      "of a source that is gone",
      letter(`{${metric}}`, { message: { ...letter("{}").message, source: "x" } }),
      "",
    ],
  ])("refuses one that is %s", async (_, dead, path) => {
    const { receiver, replayed } = setup();
    expect(await receiver.replay(dead)).toMatchObject({ kind: "refused", refusal: { path } });
    expect(replayed).toEqual([]);
  });

  it("judges the topic by the Topic Filters of today", async () => {
    const dead = letter(`{${metric}}`, { reason: "topicNotAllowed" });
    const { receiver } = setup({ sources: [sourceConfig({ topicFilters: ["other"] })] });
    expect(await receiver.replay(dead)).toMatchObject({ kind: "refused", refusal: { path: "topic" } });
    const widened = setup({ sources: [sourceConfig({ topicFilters: ["other", "+"] })] });
    expect(await widened.receiver.replay(dead)).toEqual({ kind: "replayed" });
  });

  it("owes what died on arrival to the lanes that want it, and what a lane refused to that lane whatever it wants", async () => {
    const filter = { sources: [], topicFilters: ["other"] };
    const { receiver, replayed } = setup({
      lanes: laneNames.map((name, index) => ({ name, mask: 2 ** index, filter })),
    });
    const lane = { destination: "a", signal: "metrics" } as const;
    await receiver.replay(letter(`{${metric}}`));
    await receiver.replay(letter(`{${metric}}`, { lane }));
    expect(replayed).toMatchObject([{ lanes: 0 }, { lanes: 1 }]);
  });

  it("says when the dead letter is no longer there", async () => {
    const { receiver } = setup();
    expect(await receiver.replay(letter(`{${metric}}`, { id: 404 }))).toEqual({ kind: "gone" });
  });
});
