/** Messages for graphs, through the real routes and checks to the store and out of it. */
import { describe, expect, it } from "vitest";
import { createConfiguredFormat } from "../../pipeline/configured-format.ts";
import { createJudge } from "../../pipeline/judge.ts";
import { createParse } from "../../pipeline/parse-message.ts";
import { createRouteParse } from "../../pipeline/routes.ts";
import type { StoredMessage } from "../../pipeline/store/batch-store.ts";
import { createTestApp, sourceConfig, type TestApp } from "../support/app.ts";
import { line, messageOf, otelTransform } from "./support.ts";

const throttle = { kind: "throttle", rules: [{ topic: "#", messagesPerSecondMax: 1 }] } as const;
const metric = { ...otelTransform, rules: { ...otelTransform.rules, valuePath: "v" } };
const origins = ["mqtt"];
const origin = sourceConfig({ attributes: { line: "7" }, counterValues: "total" });
function setUp(...graphs: ReturnType<typeof line>[]) {
  return createTestApp({ graphs });
}

async function post({ app }: TestApp, ...messages: object[]) {
  const body = JSON.stringify(messages.map((message) => ({ topic: "t", payload: { v: 1 }, ...message })));
  const headers = { "content-type": "application/json" };
  return (await app.request("/webhooks/mqtt", { method: "POST", body, headers })).json();
}

async function owed({ store }: TestApp): Promise<number[]> {
  return (await store.ledger()).lanes.map((lane) => lane.owed);
}

describe("a message for a graph", () => {
  it("is owed by the lanes of the destination that it reaches", async () => {
    const test = setUp(line({ metric }, { origins }));
    expect(await post(test, {})).toMatchObject({ accepted: 1 });
    expect(await owed(test)).toEqual([1, 0]);
  });

  it("is owed by no lane of another destination", async () => {
    const test = setUp(line({ metric }, { origins, destination: "cloud" }));
    expect(await post(test, {})).toMatchObject({ accepted: 1 });
    expect(await owed(test)).toEqual([0, 0]);
  });

  it("is throttled before the store, and counted by its reason", async () => {
    const test = setUp(line({ throttle, metric }, { origins }));
    expect(await post(test, {}, {}, {})).toMatchObject({ accepted: 1, filtered: 2 });
    test.clock.advance(1000);
    expect(await post(test, {})).toMatchObject({ accepted: 1, filtered: 0 });
    expect(await test.status()).toMatchObject({ received: 4, accepted: 2, filtered: 2 });
    expect([...test.telemetry.filtered.bySource()]).toEqual([
      { source: "mqtt", reason: "throttled", count: 2 },
    ]);
    expect(await (await test.app.request("/metrics")).text()).toContain(
      'gateway_messages_filtered_total{source="mqtt",reason="throttled"} 2',
    );
  });

  it("is a duplicate when it is repeated, whatever the limit", async () => {
    const test = setUp(line({ throttle, metric }, { origins }));
    expect(await post(test, { messageId: "1" })).toMatchObject({ accepted: 1 });
    expect(await post(test, { messageId: "1" })).toMatchObject({ duplicates: 1, filtered: 0 });
  });

  it("is counted by its reason once when it is repeated in one request", async () => {
    const test = setUp(line({ throttle, metric }, { origins }));
    const repeats = [{ messageId: "1" }, { messageId: "1" }];
    expect(await post(test, {}, ...repeats)).toMatchObject({ accepted: 1, filtered: 1, duplicates: 1 });
    expect([...test.telemetry.filtered.bySource()]).toMatchObject([{ reason: "throttled", count: 1 }]);
  });

  it("is held to limits once, and not when it is replayed", () => {
    const graphs = [line({ throttle, metric }, { origins: ["raw"] })];
    const judge = createJudge({
      format: createConfiguredFormat({ graphs, mappings: [] }),
      lanes: [{ name: { destination: "collector", signal: "metrics" }, mask: 4 }],
      payloadBytesMax: 100,
      admits: () => false,
    });
    const message = messageOf('{"v":1}');
    expect(judge.judge(origin, message, { arrivedAtUs: 0 })).toEqual({
      kind: "filtered",
      reason: "throttled",
    });
    expect(judge.checkPayload(origin, message)).toEqual({ kind: "accepted", lanes: 4 });
  });

  it("is owed by a lane that wants it, of a destination that it reaches", () => {
    const graphs = [line({ metric }, { origins: ["raw"] })];
    const name = { destination: "collector", signal: "metrics" } as const;
    const filters = [
      { sources: ["raw"], topicFilters: [] },
      { sources: ["emqx"], topicFilters: [] },
    ];
    const judge = createJudge({
      format: createConfiguredFormat({ graphs, mappings: [] }),
      lanes: filters.map((filter, index) => ({ name, mask: 2 ** index, filter })),
      payloadBytesMax: 100,
    });
    expect(judge.checkPayload(origin, messageOf('{"v":1}'))).toEqual({ kind: "accepted", lanes: 1 });
  });
});

describe("createRouteParse()", () => {
  const graphs = [line({ metric }, { origins: ["raw"] })];
  const parse = createParse([origin], createConfiguredFormat({ graphs, mappings: [] }));
  const stored: StoredMessage = { ...messageOf('{"v":1}'), id: 1, arrivedAtUs: 0 };

  it("gives a destination what a graph leads there, with what its origin adds", () => {
    expect(createRouteParse("collector", parse)(stored)).toMatchObject({
      items: {
        metrics: [{ name: "temperature", value: 1 }],
        counterValues: "total",
        added: [{ key: "line", value: "7" }],
      },
    });
  });

  it("gives another destination nothing", () => {
    expect(createRouteParse("cloud", parse)(stored)).toMatchObject({ items: { metrics: [], logs: [] } });
  });

  it("gives all of them what no graph takes", () => {
    const plain = { ...stored, ...messageOf('{"logs":[{"level":"info","value":"x"}]}', { source: "other" }) };
    expect(createRouteParse("cloud", parse)(plain)).toMatchObject({ items: { logs: [{ body: "x" }] } });
  });
});
