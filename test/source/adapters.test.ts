import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import { adapters } from "../../pipeline/source/adapters.ts";
import { isTopicName } from "../../pipeline/source/topic.ts";
import { webhookRequest } from "./request.ts";

const numRuns = Number(process.env.FAST_CHECK_RUNS ?? 2000);

const field = fc.constantFrom(
  "topic",
  "payload",
  "payloadBase64",
  "payload_b64",
  "qos",
  "properties",
  "userProperties",
  "pub_props",
  "User-Property-Pairs",
  "event",
  "publishedAt",
  "id",
  "metadata",
  "messageExpiryInterval",
  "specversion",
  "source",
  "type",
  "subject",
  "time",
  "expirytime",
  "data",
  "data_base64",
  "datacontenttype",
  "eventType",
  "eventTime",
  "systemProperties",
  "action",
  "from_client_id",
  "from_clientid",
  "ts",
  "pts",
  "client_id",
  "mountpoint",
  "p_user_property",
  "p_message_expiry_interval",
  "key",
  "val",
  "body",
  "__proto__",
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(
      null,
      true,
      0,
      1,
      -1,
      1e300,
      "a/b",
      "a/#",
      "e30=",
      "undefined",
      "message.publish",
      "Microsoft.Devices.DeviceTelemetry",
      "application/json",
      "2026-01-05T10:00:00Z",
      "\ud800",
    ),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(field, tie("tree"), { maxKeys: 6 }),
  ),
}));
const likely = fc.tuple(tree, tree).map(([rest, payload]) => {
  const others = typeof rest === "object" && !Array.isArray(rest) ? rest : {};
  return { action: "message_publish", topic: "t", ...others, payload };
});
const event = fc
  .tuple(tree, tree, fc.constantFrom("t", "Microsoft.Devices.DeviceTelemetry"))
  .map(([rest, data, type]) => {
    const others = typeof rest === "object" && !Array.isArray(rest) ? rest : {};
    return { specversion: "1.0", id: "1", source: "s", type, data, ...others };
  });
const body = fc.oneof(
  fc
    .oneof(tree, likely, event, fc.array(fc.oneof(likely, event), { maxLength: 3 }))
    .map((value) => new TextEncoder().encode(JSON.stringify(value))),
  fc.uint8Array({ maxLength: 100 }),
);
const headerName = fc.constantFrom(
  "Mqtt-Topic",
  "Mqtt-Qos",
  "Mqtt-Published-At",
  "Mqtt-User-Property",
  "Mqtt-Message-Expiry-Interval",
  "Content-Type",
  "ce-id",
  "ce-subject",
  "aeg-event-type",
  "vernemq-hook",
);
const headerValue = fc.oneof(
  fc.constantFrom(
    "t",
    "a%2Fb",
    "%",
    "1",
    "a=b, c=d",
    "application/json",
    "undefined",
    "SubscriptionDeletion",
    "on_publish",
  ),
  fc.stringMatching(/^[\x20-\x7e\x80-\xff]*$/),
);
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 4 });

describe("every adapter", () => {
  it.each(Object.entries(adapters))(
    "%s reads a body or says that it is not its envelope, and nothing else",
    (_name, create) => {
      const adapter = create({});
      fc.assert(
        fc.property(body, headers, (bytes, pairs) => {
          try {
            for (const element of adapter.read(webhookRequest(bytes, pairs)).elements) {
              if (element.kind === "message") {
                expect(isTopicName(element.message.topic)).toBe(true);
                expect(element.message.payload).toBeInstanceOf(Uint8Array);
                expect(element.message.userProperties.flat().every((text) => text.isWellFormed())).toBe(true);
                for (const instantUs of [element.message.publishedAtUs ?? 0, element.expiresAtUs ?? 0]) {
                  expect(Number.isSafeInteger(instantUs)).toBe(true);
                }
              }
            }
          } catch (error) {
            if (!(error instanceof EnvelopeError || error instanceof ContentTypeError)) throw error;
            if (error instanceof EnvelopeError) expect(error.issues).not.toEqual([]);
          }
        }),
        { numRuns },
      );
    },
  );
});
