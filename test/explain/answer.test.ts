import { describe, expect, it } from "vitest";
import type { SourceConfig } from "../../pipeline/config/config.ts";
import { configOf, explain } from "./support.ts";

const broken = { payload: "no JSON" };
const withBridge = { spec: "bridges: [{ name: plant, endpointRef: broker, topicFilters: [plant/#] }]" };

/** The only source speaks as its adapter says. */
function configWith(adapter: SourceConfig["adapter"], options: Parameters<typeof configOf>[0] = {}) {
  const config = configOf(options);
  return { ...config, sources: config.sources.map((source) => ({ ...source, adapter })) };
}

describe("the answer of an explanation", () => {
  it.each([
    ["stored", /^the sender gets 200 once the message is on disk, where it waits/],
    ["delivered", /^the sender gets 200 once every destination that wants the message has settled it$/],
  ] as const)("says what 2xx means with acknowledge: %s", async (acknowledge, answer) => {
    expect((await explain({ ...configOf(), acknowledge })).answer).toMatch(answer);
  });

  it.each(["stored", "delivered"] as const)(
    "says that nobody wants the message with acknowledge: %s",
    async (acknowledge) => {
      const config = { ...configOf({ destination: "topicFilters: [site/#]" }), acknowledge };
      expect((await explain(config)).answer).toBe(
        "the sender gets 200, and the message is sent nowhere, as no destination wants it: it is counted in accepted of /status",
      );
    },
  );

  it("says that a payload which cannot be read is acknowledged and kept", async () => {
    expect((await explain(configOf(), broken)).answer).toBe(
      "the sender gets 200, and the message goes nowhere: it is kept as a dead letter: see GET /dead-letters",
    );
  });

  it.each([
    ["a topic that is not taken", 400, { source: "topicFilters: [site/#]" }],
    ["a payload that is too large", 413, { spec: "limits: { payloadBytes: 83 }" }],
  ])("tells %s alone from the same in an array", async (_, status, options) => {
    expect((await explain(configOf(options))).answer).toBe(
      `the sender gets ${status} when it posts the message alone, which is stored nowhere then; among others in an array it gets 200, and it is kept as a dead letter: see GET /dead-letters`,
    );
  });

  it("says that a sender which would repeat or lose it is never refused", async () => {
    const { answer } = await explain(configWith("vernemq", { source: "topicFilters: [site/#]" }));
    expect(answer).toMatch(/^the sender gets 200, .* kept as a dead letter/);
  });

  it("of a bridge is the PUBACK, also for what is too large", async () => {
    const config = configOf({ spec: `limits: { payloadBytes: 83 }\n${withBridge.spec}` });
    expect((await explain(config, { from: "plant" })).answer).toMatch(
      /^the broker gets its PUBACK, .* kept as a dead letter/,
    );
  });

  it("says where an expired message is counted", async () => {
    const { answer } = await explain(configOf(), { messageExpiryIntervalSeconds: 0 });
    expect(answer).toBe(
      "the sender gets 200, and the message is kept nowhere: it is counted in expiredOnArrival of /status",
    );
  });
});
