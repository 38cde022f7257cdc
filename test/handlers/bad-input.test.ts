import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AdapterName } from "../../pipeline/config/config.ts";
import { createTestApp, sourceConfig, type TestApp, validMetrics } from "../support/app.ts";

/**
 * Aim: whatever is posted, no answer is a 5xx other than 503, and what is acknowledged is in the ledger, while what
 * is refused is not. Method: bodies that are known to hurt, and random damage to good ones, through the real
 * routes, adapters, checks and a memory store; after each one the ledger is held against the answer.
 */
const numRuns = Number(process.env.FAST_CHECK_RUNS ?? 300);
const adapters: readonly AdapterName[] = [
  ...(["raw", "mqtt", "emqx", "emqx4", "vernemq", "rmqtt", "cloudevents", "aws-iot", "json"] as const),
];

type Bytes = Uint8Array<ArrayBuffer>;
const encoder = new TextEncoder();
const bytesOf = (body: string | Bytes): Bytes => (typeof body === "string" ? encoder.encode(body) : body);
/** One byte a character. */
const latin1 = (text: string): Bytes => Uint8Array.from(text, (char) => char.charCodeAt(0));
const base64 = (payload: Bytes) => Buffer.from(payload).toString("base64");
const nested = (depth: number, inner = "") => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`;

const leastHook = { action: "message_publish", topic: "plant/a" };
const leastEvent = { specversion: "1.0", id: "1", source: "s", type: "t" };

/** A payload as each adapter's sender wraps it. */
const wrapped: Record<AdapterName, (payload: Bytes) => Bytes> = {
  raw: (payload) => payload,
  mqtt: (payload) => bytesOf(JSON.stringify({ topic: "plant/a", payloadBase64: base64(payload) })),
  emqx: (payload) => bytesOf(JSON.stringify({ topic: "plant/a", payload_b64: base64(payload) })),
  emqx4: (payload) => bytesOf(JSON.stringify({ ...leastHook, payload: base64(payload) })),
  vernemq: (payload) => bytesOf(JSON.stringify({ topic: "plant/a", payload: base64(payload) })),
  rmqtt: (payload) => bytesOf(JSON.stringify({ ...leastHook, payload: base64(payload) })),
  cloudevents: (payload) => bytesOf(JSON.stringify({ ...leastEvent, data_base64: base64(payload) })),
  "aws-iot": (payload) => bytesOf(JSON.stringify({ topic: "plant/a", payloadBase64: base64(payload) })),
  json: (payload) => bytesOf(JSON.stringify({ topic: "plant/a", payloadBase64: base64(payload) })),
};

function open(): TestApp {
  return createTestApp({
    sources: adapters.map((adapter) =>
      sourceConfig({ name: adapter, adapter, payloadEncoding: adapter === "emqx4" ? "base64" : undefined }),
    ),
    limits: { bodyBytesMax: 4_194_304, payloadBytesMax: 1_048_576 },
    storeOptions: { bytesMax: 1e9, deadLetterBytesMax: 1e9 },
  });
}

/** What the gateway itself did not expect. */
const failures = ({ logger }: TestApp) => logger.lines.filter(({ level }) => level === "error");

interface Ledger {
  received: number;
  accepted: number;
  duplicates: number;
  expiredOnArrival: number;
  filtered: number;
  deadLetteredOnArrival: number;
  ignored: number;
  refused: Record<string, number>;
}

const none = { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };

/** What a request added to the ledger, in the words of an answer. */
function added(before: Ledger, after: Ledger) {
  return {
    accepted: after.accepted - before.accepted,
    duplicates: after.duplicates - before.duplicates,
    expired: after.expiredOnArrival - before.expiredOnArrival,
    filtered: after.filtered - before.filtered,
    deadLettered: after.deadLetteredOnArrival - before.deadLetteredOnArrival,
  };
}

/** Post, and hold the answer against what the ledger says since. Resolves with the status and the counts of a 200. */
async function postChecked(
  test: TestApp,
  adapter: string,
  body: Bytes,
  headers: Record<string, string> = {},
) {
  const before = (await test.status()) as unknown as Ledger;
  const response = await test.post(`/webhooks/${adapter}`, body, headers);
  const answer = await response.json();
  const after = (await test.status()) as unknown as Ledger;

  const { status } = response;
  const counts = added(before, after);
  const sum = (numbers: Record<string, number>) => Object.values(numbers).reduce((total, n) => total + n, 0);
  expect([200, 400, 413, 415]).toContain(status);
  if (status === 200) expect(answer).toEqual(adapter === "vernemq" ? { result: "next" } : counts);
  else expect({ ...counts, ignored: after.ignored }).toMatchObject({ ...none, ignored: before.ignored });
  expect(after.received - before.received).toBe(sum(counts));
  expect(sum(after.refused) - sum(before.refused)).toBe(status === 200 ? 0 : 1);
  expect(failures(test)).toEqual([]);
  return { status, counts };
}

const metric = (fields: string) => `{"metrics":[{"name":"a","type":"f64_gauge",${fields}}]}`;
const good = metric('"value":1');

const payloads: [name: string, payload: string | Bytes, verdict: "accepted" | "deadLettered"][] = [
  ["nothing", "", "deadLettered"],
  ["a megabyte of spaces", " ".repeat(1_048_576), "deadLettered"],
  ["a megabyte of zeros", new Uint8Array(1_048_576), "deadLettered"],
  ["a byte order mark", `\ufeff${good}`, "accepted"],
  ["two byte order marks", `\ufeff\ufeff${good}`, "deadLettered"],
  ["UTF-16", Uint8Array.from([...good].flatMap((char) => [char.charCodeAt(0), 0])), "deadLettered"],
  ["invalid UTF-8", latin1('{"metrics":[],"x":"\xff\xfe"}'), "deadLettered"],
  ["an overlong encoding", latin1('{"metrics":[],"x":"\xc0\xaf"}'), "deadLettered"],
  ["half a surrogate pair in an escape", metric('"value":1,"description":"\\ud800"'), "deadLettered"],
  ["a truncated object", good.slice(0, -1), "deadLettered"],
  ["something behind the object", `${good}x`, "deadLettered"],
  ["a hundred thousand opening brackets", "[".repeat(100_000), "deadLettered"],
  ["a hundred thousand nested arrays", nested(100_000), "deadLettered"],
  ["a deep field that nobody reads", `{"metrics":[],"x":${nested(100_000)}}`, "accepted"],
  ["a deep field beside an exponent", `{"metrics":[],"x":${nested(100_000, "1e5")}}`, "deadLettered"],
  ["a repeated key", metric('"value":"x","value":1'), "accepted"],
  ["a prototype", `{"__proto__":{"metrics":[]}}`, "deadLettered"],
  ["a prototype within", metric('"__proto__":{"value":1}'), "deadLettered"],
  ["a prototype beside a long number", `{"metrics":[],"__proto__":{"x":9007199254740993}}`, "accepted"],
  ["a metric named as a member of every object", good.replace('"a"', '"constructor"'), "accepted"],
  ["a type named as a member of every object", good.replace("f64_gauge", "toString"), "deadLettered"],
  ["1e999", metric('"value":1e999'), "deadLettered"],
  ["-1e999", metric('"value":-1e999'), "deadLettered"],
  ["-0", metric('"value":-0'), "accepted"],
  ["a number of a hundred thousand digits", metric(`"value":${"9".repeat(100_000)}`), "deadLettered"],
  ["a fraction of a hundred thousand digits", metric(`"value":0.${"9".repeat(100_000)}`), "accepted"],
  ["an exponent of a hundred thousand digits", metric(`"value":1e${"9".repeat(100_000)}`), "deadLettered"],
  ["a large number by a long way", metric(`"value":${"1".repeat(99_999)}e-99980`), "accepted"],
  ["NaN", metric('"value":NaN'), "deadLettered"],
  ["a timestamp of 2^64", metric('"value":1,"timestamp":18446744073709551616'), "deadLettered"],
  ["a negative timestamp", metric('"value":1,"timestamp":-1'), "deadLettered"],
  ["a hundred thousand items of a wrong type", `{"logs":[${"0,".repeat(100_000)}0]}`, "deadLettered"],
  ["a key of half a megabyte", `{"metrics":[],"${"k".repeat(500_000)}":0}`, "accepted"],
  ["a hundred thousand keys", `{"metrics":[]${',"k":0'.repeat(100_000)}}`, "accepted"],
];

describe("a payload", () => {
  it.each(payloads)("of %s gets the same verdict from every adapter", async (_name, payload, verdict) => {
    const test = open();
    const verdicts = [];
    for (const adapter of adapters) {
      const { counts } = await postChecked(test, adapter, wrapped[adapter](bytesOf(payload)));
      verdicts.push(Object.entries(counts).filter(([, count]) => count > 0));
    }
    expect(verdicts).toEqual(adapters.map(() => [[verdict, 1]]));
  });
});

const eventText = JSON.stringify(leastEvent).slice(1);
const same =
  (...names: AdapterName[]) =>
  (status: number) =>
    Object.fromEntries(names.map((adapter) => [adapter, status]));
const all = same(...adapters);
/** Senders to whom everything that is not too large is a success. */
const kept = same("vernemq", "rmqtt")(200);
const json = (status: number) => ({
  ...same("mqtt", "emqx", "emqx4", "cloudevents", "aws-iot", "json")(status),
  ...kept,
});
/** Whose envelopes may be arrays. */
const arrays = same("mqtt", "cloudevents", "aws-iot", "json");
/** Whose envelopes have the members `topic` and `payload`. */
const flat = (status: number) => ({ ...same("mqtt", "emqx", "emqx4", "aws-iot", "json")(status), ...kept });

const envelopes: [name: string, body: string | Bytes, statuses: Partial<Record<AdapterName, number>>][] = [
  ["10 MB of nothing", new Uint8Array(10_000_000), all(413)],
  ["10 MB of spaces", " ".repeat(10_000_000), all(413)],
  ["4 MB of spaces", " ".repeat(4_000_000), { ...json(400), raw: 413 }],
  ["4 MB of numbers", `[${"0,".repeat(1_999_999)}0]`, json(400)],
  ["half a million user properties", userProperties(`[${"0,".repeat(500_000)}0]`), json(400)],
  ["half a million attributes", `{${'"a":0,'.repeat(500_000)}"specversion":"1.0"}`, { cloudevents: 400 }],
  ["a hundred thousand extensions", extensions(100_000), { cloudevents: 200 }],
  ["an event of nested data", `{"data":${nested(400_000)},${eventText}`, { cloudevents: 200 }],
  ["a million nested arrays", nested(1_000_000), { ...json(400), ...arrays(200) }],
  ["a byte order mark", `\ufeff{"action":"message_publish","topic":"t","payload":""}`, flat(200)],
  ["invalid UTF-8", latin1('{"topic":"t","payload":"\xff"}'), json(400)],
  ["a repeated topic", '{"action":"message_publish","topic":"a/#","topic":"b","payload":""}', flat(200)],
  ["a repeated payload", '{"action":"message_publish","topic":"b","payload":"","payload":"e30="}', flat(200)],
  ["a prototype", '{"__proto__":{"topic":"t","payload":""}}', json(400)],
  ["a topic of 1e999", '{"topic":1e999,"payload":""}', json(400)],
  ["a qos of -0", '{"action":"message_publish","topic":"t","payload":"","qos":-0}', flat(200)],
  ["a qos of 1e999", '{"topic":"t","payload":"","qos":1e999}', json(400)],
  ["a topic of 65,536 bytes", `{"topic":"${"a".repeat(65_536)}","payload":""}`, json(400)],
  ["a string", '"text"', json(400)],
];

function userProperties(list: string): string {
  const pairs = `{"User-Property-Pairs":${list}}`;
  return `{"topic":"t","payload":"","properties":{"userProperties":${list},"p_user_property":${list}},"pub_props":${pairs},"userProperties":${list}}`;
}

function extensions(count: number): string {
  const pairs = Array.from({ length: count }, (_, index) => `"a${index}":${index},`);
  return `{${pairs.join("")}${eventText}`;
}

describe("an envelope", () => {
  it.each(envelopes)("of %s gets the right status", async (_name, body, statuses) => {
    const test = open();
    for (const [adapter, status] of Object.entries(statuses)) {
      expect(await postChecked(test, adapter, bytesOf(body))).toMatchObject({ status });
    }
  });

  it("of 65,536 broken elements is kept whole", async () => {
    const { counts } = await postChecked(open(), "mqtt", bytesOf(`[${"0,".repeat(65_535)}0]`));
    expect(counts).toMatchObject({ deadLettered: 65_536 });
  });
});

describe("a source", () => {
  it.each(["nobody", "%", "%2e%2e", "%00", "constructor", "__proto__", "x".repeat(100_000)])(
    "named %s is unknown",
    async (name) => {
      const test = open();
      expect((await test.post(`/webhooks/${name}`, validMetrics)).status).toBe(404);
      expect(failures(test)).toEqual([]);
    },
  );
});

const nasty = fc.constantFrom(
  ...["1e999", "-0", "1e-999", "9007199254740993", "1754851200000000001", "null", "[]", "{}", '"', "\\"],
  ...[
    '"__proto__":',
    '"topic":"b",',
    '"metrics":',
    '"value":',
    ",",
    "\ufeff",
    "\u0000",
    "\\ud800",
    "undefined",
  ],
);
const piece = fc.oneof(
  nasty.map(bytesOf),
  fc.uint8Array({ maxLength: 4 }).map((bytes) => Uint8Array.from(bytes)),
);
/** At a place (as a share of the length), so many bytes are replaced by the piece, so many times over. */
const damage = fc.record({
  place: fc.double({ min: 0, max: 1, noNaN: true }),
  removed: fc.nat(12),
  piece,
  times: fc.constantFrom(1, 1, 1, 50),
});
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(bytes: Bytes, { place, removed, piece, times }: Damage): Bytes {
  const at = Math.floor(place * bytes.length);
  const inserted = Array.from({ length: times }, () => [...piece]).flat();
  return Uint8Array.from([...bytes.subarray(0, at), ...inserted, ...bytes.subarray(at + removed)]);
}

const whole = {
  topic: "plant/a",
  clientId: "c",
  messageId: "m",
  qos: 1,
  publishedAt: "2026-01-05T10:00:00Z",
  properties: { messageExpiryInterval: 30, userProperties: [["a", "b"]] },
  payload: JSON.parse(validMetrics) as unknown,
};
const ruleOutput = {
  event: "message.publish",
  topic: "plant/a",
  clientid: "c",
  id: "1",
  qos: 1,
  payload: validMetrics,
  pub_props: { "Message-Expiry-Interval": 30, "User-Property-Pairs": [{ key: "a", value: "b" }] },
};
const hook = {
  ...leastHook,
  from_client_id: "c",
  node: "n",
  qos: 1,
  retain: false,
  payload: base64(bytesOf(validMetrics)),
  ts: 1767607200000,
};
const hook5 = {
  topic: "plant/a",
  client_id: "c",
  mountpoint: "",
  qos: 1,
  payload: hook.payload,
  properties: { p_message_expiry_interval: 30, p_user_property: [{ key: "YQ==", val: "Yg==" }] },
};
const event = {
  ...leastEvent,
  subject: "plant/a",
  time: "2026-01-05T10:00:00Z",
  expirytime: "2027-01-05T10:00:00Z",
  mqttqos: 1,
  data: JSON.parse(validMetrics) as unknown,
};
const telemetry = {
  ...leastEvent,
  type: "Microsoft.Devices.DeviceTelemetry",
  data: { body: "e30=", properties: { a: "b" }, systemProperties: { "iothub-enqueuedtime": event.time } },
};
const selected = {
  topic: "plant/a",
  clientId: "c",
  messageId: "m",
  publishedAt: 1767607200000,
  payloadBase64: base64(bytesOf(validMetrics)),
  userProperties: [{ a: "b" }],
};
const bodies: Record<AdapterName, readonly string[]> = {
  raw: [validMetrics, '{"logs":[{"level":"info","value":"x","timestamp":1754851200000000001}]}'],
  mqtt: [JSON.stringify(whole), JSON.stringify([whole, { topic: "b", payloadBase64: "e30=" }])],
  emqx: [JSON.stringify(ruleOutput), JSON.stringify({ ...ruleOutput, event: "client.connected" })],
  emqx4: [JSON.stringify(hook), JSON.stringify({ ...hook, action: "client_connected" })],
  vernemq: [JSON.stringify(hook5), JSON.stringify({ client_id: "c", mountpoint: "" })],
  rmqtt: [
    JSON.stringify({ ...leastHook, from_clientid: "c", packet_id: 1, payload: hook.payload, ts: hook.ts }),
    JSON.stringify({ ...leastHook, payload: hook.payload, pts: hook.ts, action: "message_delivered" }),
  ],
  cloudevents: [JSON.stringify(event), JSON.stringify([event, telemetry])],
  "aws-iot": [JSON.stringify(selected), JSON.stringify([selected, { topic: "b", payload: 1.5 }])],
  json: [JSON.stringify(whole), JSON.stringify([selected, { ...whole, publishedAt: 1767607200000 }])],
};
const request = fc.constantFrom(...adapters).chain((adapter) =>
  fc.record({
    adapter: fc.constant(adapter),
    body: fc.constantFrom(...bodies[adapter]).map(bytesOf),
    damages: fc.array(damage, { maxLength: 4 }),
    headers: fc.dictionary(
      fc.constantFrom(
        ...["Content-Type", "Mqtt-Topic", "Mqtt-Qos", "Mqtt-Published-At", "Mqtt-User-Property"],
        ...["Mqtt-Message-Expiry-Interval", "Mqtt-Message-Id", "Mqtt-Client-Id", "Content-Length"],
        ...["ce-specversion", "ce-id", "ce-subject", "vernemq-hook"],
      ),
      fc.oneof(
        fc.constantFrom(
          "application/json",
          "t",
          "%",
          "%ff",
          "1",
          "-0",
          "1e999",
          "on_publish",
          "a=b, c=%",
          "undefined",
          "#",
        ),
        fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,20}$/),
      ),
      { maxKeys: 2 },
    ),
  }),
);

describe("a damaged request", () => {
  it("is stored, buried or refused, and the ledger says which", async () => {
    const test = open();
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(request, async ({ adapter, body, damages, headers }) => {
        const { status } = await postChecked(test, adapter, damages.reduce(damaged, body), headers);
        statuses.add(status);
      }),
      { numRuns },
    );
    // Otherwise the damage is too small, or too great, to find anything.
    expect([...statuses].sort()).toEqual([200, 400, 415]);
  });
});
