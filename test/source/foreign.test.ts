import { describe, expect, it } from "vitest";
import type { AdapterName } from "../../pipeline/config/config.ts";
import { EnvelopeError } from "../../pipeline/errors.ts";
import { adapters } from "../../pipeline/source/adapters.ts";
import { foreignHint } from "../../pipeline/source/foreign.ts";
import { readError, webhookRequest } from "./request.ts";

const hook = { action: "message_publish", topic: "t", payload: "e30=", qos: 0, retain: false, ts: 1 };
const bodies: [sender: string, adapter: AdapterName, body: object][] = [
  [
    "EMQX's rule engine",
    "emqx",
    { event: "message.publish", publish_received_at: 1, node: "emqx@h", topic: "t", payload: "{}" },
  ],
  ["RMQTT", "rmqtt", { ...hook, from_clientid: "c", from_node: 1 }],
  ["EMQX 4", "emqx4", { ...hook, from_client_id: "c", node: "emqx@h" }],
  ["NanoMQ", "emqx4", { ...hook, from_client_id: null }],
  ["VerneMQ", "vernemq", { mountpoint: "", client_id: "c", topic: "t", payload: "e30=", qos: 0 }],
  ["ChirpStack", "json", { deduplicationId: "1", deviceInfo: { devEui: "0" }, data: "e30=" }],
  [
    "a sender of CloudEvents",
    "cloudevents",
    { specversion: "1.0", id: "1", source: "/s", type: "t", data: {} },
  ],
  ["a script", "mqtt", { topic: "t", payloadBase64: "e30=" }],
];
/** Those that read JSON of one shape alone. */
const shaped: AdapterName[] = ["mqtt", "emqx", "emqx4", "vernemq", "rmqtt"];
const wrong = shaped.flatMap((name) =>
  bodies
    .filter(([, adapter]) => adapter !== name)
    .map(([sender, adapter, body]) => [name, sender, adapter, body] as const),
);

describe("foreignHint()", () => {
  it.each(bodies)("knows what %s posts as that of the adapter %s", (sender, adapter, body) => {
    expect(foreignHint(body, "another")).toBe(
      `it looks like what ${sender} posts, which the adapter ${adapter} reads`,
    );
    expect(foreignHint(body, adapter)).toBeUndefined();
  });

  it.each([null, 1, "text", [], [bodies[0]?.[2]], {}, { topic: "t", payload: "{}" }])(
    "knows nothing of %j",
    (body) => {
      expect(foreignHint(body, "another")).toBeUndefined();
    },
  );
});

describe("an adapter that reads one shape", () => {
  it.each(wrong)("%s hints that a body is what %s posts", (name, sender, adapter, body) => {
    const error = readError(adapters[name]({}), webhookRequest(JSON.stringify(body)));
    expect(error).toBeInstanceOf(EnvelopeError);
    expect(error).toMatchObject({
      message: `Cannot read the body as ${name}: it looks like what ${sender} posts, which the adapter ${adapter} reads`,
    });
  });
});
