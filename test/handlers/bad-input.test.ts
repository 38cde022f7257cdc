import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AdapterName } from "../../pipeline/config/config.ts";
import { createTestApp, type TestApp, validMetrics } from "../support/app.ts";

/**
 * Aim: whatever is posted, no answer is a 5xx other than 503, and what is acknowledged is in the ledger, while what
 * is refused is not. Method: bodies that are known to hurt, and random damage to good ones, through the real
 * routes, adapters, checks and a memory store; after each one the ledger is held against the answer.
 */
const numRuns = Number(process.env.FAST_CHECK_RUNS ?? 300);
const adapters: readonly AdapterName[] = ["raw", "mqtt", "emqx"];

type Bytes = Uint8Array<ArrayBuffer>;
const encoder = new TextEncoder();
const bytesOf = (body: string | Bytes): Bytes => (typeof body === "string" ? encoder.encode(body) : body);
/** One byte a character. */
const latin1 = (text: string): Bytes => Uint8Array.from(text, (char) => char.charCodeAt(0));
const base64 = (payload: Bytes) => Buffer.from(payload).toString("base64");
const nested = (depth: number, inner = "") => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`;

/** A payload as each adapter's sender wraps it. */
const wrapped: Record<AdapterName, (payload: Bytes) => Bytes> = {
  raw: (payload) => payload,
  mqtt: (payload) => bytesOf(JSON.stringify({ topic: "plant/a", payloadBase64: base64(payload) })),
  emqx: (payload) => bytesOf(JSON.stringify({ topic: "plant/a", payload_b64: base64(payload) })),
};

function open(): TestApp {
  return createTestApp({
    limits: { bodyBytesMax: 4_194_304, payloadBytesMax: 1_048_576 },
    storeOptions: { bytesMax: 1e9, deadLetterBytesMax: 1e9 },
  });
}

/** What the gateway itself did not expect. */
const failures = ({ logger }: TestApp) => logger.lines.filter(({ level }) => level === "error");

interface Counters {
  received: number;
  ignored: number;
  refused: Record<string, number>;
}

/** Post, and hold the answer against what the ledger says since. Resolves with the status and the counts of a 200. */
async function postChecked(
  test: TestApp,
  adapter: string,
  body: Bytes,
  headers: Record<string, string> = {},
) {
  const before = (await test.status()) as unknown as Counters;
  const response = await test.post(`/webhooks/${adapter}`, body, headers);
  const answer = (await response.json()) as Record<string, number>;
  const after = (await test.status()) as unknown as Counters;

  const { status } = response;
  expect([200, 400, 413, 415]).toContain(status);
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, n) => total + n, 0);
  expect(after.received - before.received).toBe(status === 200 ? sum(answer) : 0);
  expect(sum(after.refused) - sum(before.refused)).toBe(status === 200 ? 0 : 1);
  if (status !== 200) expect(after.ignored).toBe(before.ignored);
  expect(failures(test)).toEqual([]);
  return { status, counts: status === 200 ? answer : undefined };
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
      verdicts.push(Object.entries(counts ?? {}).filter(([, count]) => count > 0));
    }
    expect(verdicts).toEqual(adapters.map(() => [[verdict, 1]]));
  });
});

const envelopes: [name: string, body: string | Bytes, statuses: Partial<Record<AdapterName, number>>][] = [
  ["10 MB of nothing", new Uint8Array(10_000_000), { raw: 413, mqtt: 413, emqx: 413 }],
  ["10 MB of spaces", " ".repeat(10_000_000), { raw: 413, mqtt: 413, emqx: 413 }],
  ["4 MB of spaces", " ".repeat(4_000_000), { raw: 413, mqtt: 400, emqx: 400 }],
  ["4 MB of numbers", `[${"0,".repeat(1_999_999)}0]`, { mqtt: 400, emqx: 400 }],
  ["two million user properties", userProperties(`[${"0,".repeat(900_000)}0]`), { mqtt: 400, emqx: 400 }],
  ["a million nested arrays", nested(1_000_000), { mqtt: 200, emqx: 400 }],
  ["a byte order mark", `\ufeff{"topic":"t","payload":""}`, { mqtt: 200, emqx: 200 }],
  ["invalid UTF-8", latin1('{"topic":"t","payload":"\xff"}'), { mqtt: 400, emqx: 400 }],
  ["a repeated topic", '{"topic":"a/#","topic":"b","payload":""}', { mqtt: 200, emqx: 200 }],
  ["a repeated payload", '{"topic":"b","payload":"","payload":"1"}', { mqtt: 200, emqx: 200 }],
  ["a prototype", '{"__proto__":{"topic":"t","payload":""}}', { mqtt: 400, emqx: 400 }],
  ["a topic of 1e999", '{"topic":1e999,"payload":""}', { mqtt: 400, emqx: 400 }],
  ["a qos of -0", '{"topic":"t","payload":"","qos":-0}', { mqtt: 200, emqx: 200 }],
  ["a qos of 1e999", '{"topic":"t","payload":"","qos":1e999}', { mqtt: 400, emqx: 400 }],
  ["a topic of 65,536 bytes", `{"topic":"${"a".repeat(65_536)}","payload":""}`, { mqtt: 400, emqx: 400 }],
  ["a string", '"text"', { mqtt: 400, emqx: 400 }],
];

function userProperties(list: string): string {
  const pairs = `{"User-Property-Pairs":${list}}`;
  return `{"topic":"t","payload":"","properties":{"userProperties":${list}},"pub_props":${pairs}}`;
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
const bodies: Record<AdapterName, readonly string[]> = {
  raw: [validMetrics, '{"logs":[{"level":"info","value":"x","timestamp":1754851200000000001}]}'],
  mqtt: [JSON.stringify(whole), JSON.stringify([whole, { topic: "b", payloadBase64: "e30=" }])],
  emqx: [JSON.stringify(ruleOutput), JSON.stringify({ ...ruleOutput, event: "client.connected" })],
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
