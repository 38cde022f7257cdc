import { describe, expect, it } from "vitest";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { levels, metricTypes, type Parsed } from "../../pipeline/payload/format.ts";

const encoder = new TextEncoder();
const modes = [
  ["strictly", false],
  ["leniently", true],
] as const;

function parse(payload: string | Uint8Array, lenient = false, contentType?: string): Parsed {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  return aioFormat.parse(
    { source: "s", topic: "t", payload: bytes, contentType, userProperties: [] },
    { lenient },
  );
}

function metric(members: string, lenient = false) {
  const parsed = parse(`{"metrics":[{"name":"m","type":"f64_gauge","value":1,${members}}]}`, lenient);
  return parsed.kind === "items" ? parsed.items.metrics[0] : parsed.refusal;
}

function log(members: string, lenient = false) {
  const parsed = parse(`{"logs":[{"value":"text","level":"info",${members}}]}`, lenient);
  return parsed.kind === "items" ? parsed.items.logs[0] : parsed.refusal;
}

describe("aioFormat.parse() of values", () => {
  const int64 = "an integer from -9223372036854775808 to 9223372036854775807";
  const positive = "an integer from 0 to 9223372036854775807";
  const wanted = {
    u64_counter: positive,
    u64_gauge: positive,
    u64_histogram: positive,
    i64_up_down_counter: int64,
    i64_gauge: int64,
    f64_counter: "a finite number that is not negative",
    f64_up_down_counter: "a finite number",
    f64_gauge: "a finite number",
    f64_histogram: "a finite number",
  };
  const refused = Symbol("refused");
  /** Literal, then what unsigned integers, signed integers, rising floats and floats make of it. */
  const table: [string, unknown, unknown, unknown, unknown][] = [
    ["0", 0, 0, 0, 0],
    ["-0", 0, 0, 0, 0],
    ["72", 72, 72, 72, 72],
    ["72.0", 72, 72, 72, 72],
    ["72.5", refused, refused, 72.5, 72.5],
    ["1e3", 1000, 1000, 1000, 1000],
    ["-1", refused, -1, refused, -1],
    ["-0.5", refused, refused, refused, -0.5],
    ["1e999", refused, refused, refused, refused],
    ["-1e999", refused, refused, refused, refused],
    [
      "1754851200000000001",
      1754851200000000001n,
      1754851200000000001n,
      1754851200000000000,
      1754851200000000000,
    ],
    [
      "1754851200000000001.0",
      1754851200000000001n,
      1754851200000000001n,
      1754851200000000000,
      1754851200000000000,
    ],
    ["1754851200000000001.5", refused, refused, 1754851200000000000, 1754851200000000000],
    ["9223372036854775807", 2n ** 63n - 1n, 2n ** 63n - 1n, 2 ** 63, 2 ** 63],
    ["9223372036854775808", refused, refused, 2 ** 63, 2 ** 63],
    ["-9007199254740993", refused, -9007199254740993n, refused, -9007199254740992],
    ["-9223372036854775808", refused, -(2n ** 63n), refused, -(2 ** 63)],
    ["-9223372036854775809", refused, refused, refused, -(2 ** 63)],
    ["1e300", refused, refused, 1e300, 1e300],
    ['"1"', refused, refused, refused, refused],
    ["null", refused, refused, refused, refused],
    ["true", refused, refused, refused, refused],
    ["[1]", refused, refused, refused, refused],
    ["{}", refused, refused, refused, refused],
  ];
  const column = (type: string) =>
    type.startsWith("u64") ? 1 : type.startsWith("i64") ? 2 : type === "f64_counter" ? 3 : 4;
  const cases = metricTypes.flatMap((type) => table.map((row) => [row[0], type, row[column(type)]] as const));

  it.each(cases)("reads %s as %s", (literal, type, value) => {
    for (const [, lenient] of modes) {
      const parsed = parse(`{"metrics":[{"name":"m","type":"${type}","value":${literal}}]}`, lenient);
      if (value === refused) {
        const refusal = {
          path: "metrics[0].value",
          message: expect.stringContaining(`wanted ${wanted[type]}`),
        };
        expect(parsed).toEqual({ kind: "refused", refusal });
      } else {
        expect(parsed).toMatchObject({ kind: "items", items: { metrics: [{ type }], logs: [] } });
        expect(parsed.kind === "items" && parsed.items.metrics[0]?.value).toBe(value);
      }
    }
  });

  it("names the field, the value met and the value wanted", () => {
    expect(parse('{"metrics":[{"name":"m","type":"u64_gauge","value":-1}]}')).toEqual({
      kind: "refused",
      refusal: {
        path: "metrics[0].value",
        message: "Cannot read u64_gauge: met -1, wanted an integer from 0 to 9223372036854775807",
      },
    });
  });
});

describe("aioFormat.parse() of timestamps", () => {
  it.each<[string, bigint | undefined]>([
    ["0", undefined],
    ["-0", undefined],
    ["0.0", undefined],
    ["1", 1n],
    ["1e3", 1000n],
    ["1754851200000000001", 1754851200000000001n],
    ["1754851200000000001.0", 1754851200000000001n],
    ["18446744073709551615", 2n ** 64n - 1n],
  ])("takes %s", (literal, timeUnixNano) => {
    for (const [, lenient] of modes) {
      expect(metric(`"timestamp":${literal}`, lenient)).toHaveProperty("timeUnixNano", timeUnixNano);
      expect(log(`"timestamp":${literal}`, lenient)).toHaveProperty("timeUnixNano", timeUnixNano);
    }
  });

  it.each([
    "-1",
    "1.5",
    "1754851200000000001.5",
    "18446744073709551616",
    "1e999",
    "true",
    "{}",
    '"x"',
    '""',
    '"-1"',
    '"1.0"',
  ])("refuses %s", (literal) => {
    for (const [, lenient] of modes) {
      expect(metric(`"timestamp":${literal}`, lenient)).toHaveProperty("path", "metrics[0].timestamp");
      expect(log(`"timestamp":${literal}`, lenient)).toHaveProperty("path", "logs[0].timestamp");
    }
  });

  it.each<[string, bigint | undefined]>([
    ['"1754851200000000001"', 1754851200000000001n],
    ['"0"', undefined],
    ["null", undefined],
  ])("takes %s leniently only", (literal, timeUnixNano) => {
    expect(metric(`"timestamp":${literal}`, true)).toHaveProperty("timeUnixNano", timeUnixNano);
    expect(metric(`"timestamp":${literal}`)).toHaveProperty("path", "metrics[0].timestamp");
  });
});

describe("aioFormat.parse() of attributes", () => {
  it("takes strings", () => {
    const attributes = [
      { key: "device", value: "t-1" },
      { key: "site", value: "" },
    ];
    expect(
      metric('"attributes":[{"key":"device","value":"t-1","extra":1},{"key":"site","value":""}]'),
    ).toMatchObject({ attributes });
    expect(log('"attributes":[]')).toMatchObject({ attributes: [] });
  });

  it("takes the last value of a key that comes twice", () => {
    expect(
      log('"attributes":[{"key":"a","value":"1"},{"key":"b","value":"2"},{"key":"a","value":"3"}]'),
    ).toMatchObject({
      attributes: [
        { key: "a", value: "3" },
        { key: "b", value: "2" },
      ],
    });
  });

  it.each<[string, string]>([
    ["{}", "attributes"],
    ["null", "attributes"],
    ['"a"', "attributes"],
    ["[1]", "attributes[0]"],
    ["[[]]", "attributes[0]"],
    ['[{"key":"a","value":"b"},{"value":"b"}]', "attributes[1].key"],
    ['[{"key":"","value":"b"}]', "attributes[0].key"],
    ['[{"key":1,"value":"b"}]', "attributes[0].key"],
    ['[{"key":"a"}]', "attributes[0].value"],
    ['[{"key":"a","value":null}]', "attributes[0].value"],
    ['[{"key":"a","value":1}]', "attributes[0].value"],
    ['[{"key":"a","value":true}]', "attributes[0].value"],
    ['[{"key":"a","value":"\\ud800"}]', "attributes[0].value"],
  ])("refuses %s strictly", (literal, path) => {
    expect(metric(`"attributes":${literal}`)).toHaveProperty("path", `metrics[0].${path}`);
    expect(log(`"attributes":${literal}`)).toHaveProperty("path", `logs[0].${path}`);
  });

  it.each<[string, unknown]>([
    ["true", true],
    ["1.5", 1.5],
    ["-9223372036854775808", -(2n ** 63n)],
    ["1754851200000000001", 1754851200000000001n],
  ])("types %s leniently", (literal, value) => {
    expect(metric(`"attributes":[{"key":"a","value":${literal}}]`, true)).toMatchObject({
      attributes: [{ key: "a", value }],
    });
  });

  it("leaves null attributes out leniently", () => {
    expect(metric('"attributes":null', true)).toMatchObject({ attributes: [] });
    expect(metric('"attributes":[{"key":"a","value":null}]', true)).toMatchObject({ attributes: [] });
  });

  it.each(["9223372036854775808", "1e999", "1e300", "{}", "[]"])("refuses %s leniently too", (literal) => {
    expect(metric(`"attributes":[{"key":"a","value":${literal}}]`, true)).toHaveProperty(
      "path",
      "metrics[0].attributes[0].value",
    );
  });

  it("reads a hundred thousand attributes of one key in linear time", () => {
    const list = Array.from({ length: 100_000 }, (_, index) => `{"key":"k${index}","value":""}`);
    expect(metric(`"attributes":[${list}]`)).toMatchObject({ attributes: { length: 100_000 } });
  });
});

describe("aioFormat.parse() of other fields", () => {
  it.each(metricTypes)("knows the type %s", (type) => {
    expect(parse(`{"metrics":[{"name":"m","type":"${type}","value":1}]}`)).toMatchObject({ kind: "items" });
  });

  it.each(['"i64_counter"', '"F64_GAUGE"', '"toString"', '"__proto__"', "1", "null", "[]"])(
    "refuses the type %s",
    (type) => {
      for (const [, lenient] of modes) {
        const parsed = parse(`{"metrics":[{"name":"m","type":${type},"value":1}]}`, lenient);
        expect(parsed).toMatchObject({ kind: "refused", refusal: { path: "metrics[0].type" } });
      }
    },
  );

  it("takes metric_type and unit leniently, and ignores them strictly", () => {
    const payload =
      '{"metrics":[{"name":"m","type":null,"metric_type":"u64_counter","unit":"Cel","description":null,"value":1}]}';
    expect(parse(payload, true)).toMatchObject({
      items: { metrics: [{ type: "u64_counter", unit: "Cel", description: undefined }] },
    });
    expect(parse(payload)).toMatchObject({ kind: "refused" });
    expect(metric('"unit":"Cel","metric_type":"bogus"')).toMatchObject({
      type: "f64_gauge",
      unit: undefined,
    });
    expect(metric('"metric_type":"u64_counter"', true)).toMatchObject({ type: "f64_gauge" });
    const bogus = parse('{"metrics":[{"name":"m","metric_type":"bogus","value":1}]}', true);
    expect(bogus).toMatchObject({
      refusal: { path: "metrics[0].metric_type", message: expect.stringContaining('met "bogus"') },
    });
  });

  it.each([...levels])("knows the level %s, in other cases leniently only", (level) => {
    const shout = level.toUpperCase();
    expect(log(`"level":"${level}"`)).toMatchObject({ level, severityText: level });
    expect(log(`"level":"${shout}"`, true)).toMatchObject({ level, severityText: shout });
    expect(log(`"level":"${shout}"`)).toHaveProperty("path", "logs[0].level");
  });

  it.each<[string, string]>([
    ['"name":""', "name"],
    ['"name":1', "name"],
    ['"name":"\\udc00"', "name"],
    ['"description":1', "description"],
    ['"description":null', "description"],
  ])("refuses a metric with %s", (members, path) => {
    expect(metric(members)).toHaveProperty("path", `metrics[0].${path}`);
  });

  it.each<[string, string]>([
    ['"value":1', "value"],
    ['"value":null', "value"],
    ['"value":{}', "value"],
    ['"level":"notice"', "level"],
    ['"level":5', "level"],
  ])("refuses a log with %s", (members, path) => {
    for (const [, lenient] of modes) expect(log(members, lenient)).toHaveProperty("path", `logs[0].${path}`);
  });

  it.each(["name", "type", "value"])("refuses a metric without %s", (field) => {
    const { [field]: _left, ...rest } = { name: "m", type: "f64_gauge", value: 1 } as Record<string, unknown>;
    const refusal = { path: `metrics[0].${field}`, message: expect.stringContaining("met nothing") };
    expect(parse(JSON.stringify({ metrics: [rest] }))).toEqual({ kind: "refused", refusal });
  });

  it("takes an empty log value and unknown keys", () => {
    expect(log('"value":"","extra":[1]')).toMatchObject({ body: "" });
  });

  it("refuses the whole message for its fourth metric", () => {
    const good = '{"name":"m","type":"f64_gauge","value":1}';
    const parsed = parse(`{"metrics":[${good},${good},${good},{}],"logs":[]}`);
    expect(parsed).toMatchObject({ kind: "refused", refusal: { path: "metrics[3].name" } });
  });

  it("quotes no more than a few characters of a payload", () => {
    const parsed = parse(`{"metrics":[{"name":"m","type":"${"x".repeat(5000)}","value":1}]}`);
    expect(parsed.kind === "refused" && parsed.refusal.message.length).toBeLessThan(250);
  });
});

describe("aioFormat.parse() of whole payloads", () => {
  it.each(['{"metrics":[]}', '{"logs":[]}', '{"metrics":[],"logs":[],"traces":1}', ' \n{"logs":[]}\t'])(
    "takes %s, which carries nothing",
    (payload) => {
      expect(parse(payload)).toEqual({ kind: "items", items: { metrics: [], logs: [] } });
    },
  );

  it("tolerates a byte order mark", () => {
    expect(parse(`\ufeff{"logs":[]}`)).toMatchObject({ kind: "items" });
  });

  it("takes null for an absent list leniently only", () => {
    expect(parse('{"metrics":null,"logs":[]}', true)).toMatchObject({ kind: "items" });
    expect(parse('{"metrics":null,"logs":[]}')).toMatchObject({ refusal: { path: "metrics" } });
    expect(parse('{"metrics":null,"logs":null}', true)).toMatchObject({ refusal: { path: "" } });
  });

  it("takes the last of duplicate keys", () => {
    expect(parse('{"metrics":1,"metrics":[]}')).toMatchObject({ kind: "items" });
  });

  it.each<[string, string | Uint8Array]>([
    ["nothing", ""],
    ["ten megabytes of spaces", " ".repeat(10_000_000)],
    ["text", "hello"],
    ["a truncated object", '{"metrics":[{"name":"m"'],
    ["a trailing comma", '{"metrics":[],}'],
    ["NaN", '{"metrics":[{"name":"m","type":"f64_gauge","value":NaN}]}'],
    ["bytes that are not UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d)],
    ["UTF-16", Uint8Array.from([0xff, 0xfe, 0x7b, 0, 0x7d, 0])],
    ["a hundred thousand open brackets", "[".repeat(100_000)],
    ["a hundred thousand nested arrays", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["null", "null"],
    ["a number", "1754851200000000001"],
    ["an array", "[]"],
    ["an object with neither", "{}"],
    ["inherited lists", '{"__proto__":{"metrics":[]}}'],
  ])("refuses %s as a whole", (_what, payload) => {
    for (const [, lenient] of modes) {
      expect(parse(payload, lenient)).toMatchObject({ kind: "refused", refusal: { path: "" } });
    }
  });

  it.each(["{}", '"a"', "1", "true"])("refuses %s for a list", (literal) => {
    expect(parse(`{"metrics":${literal}}`)).toMatchObject({ refusal: { path: "metrics" } });
    expect(parse(`{"logs":${literal}}`)).toMatchObject({ refusal: { path: "logs" } });
  });

  it("never quotes a payload that is not JSON", () => {
    const parsed = parse('{"password": hunter2}');
    expect(parsed).toMatchObject({ kind: "refused" });
    expect(JSON.stringify(parsed)).not.toMatch(/hunter|password/);
  });

  it("ignores unknown members however deep they are nested", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(parse(`{"logs":[],"x":${deep}}`)).toMatchObject({ kind: "items" });
  });
});

describe("aioFormat.parse() of structured CloudEvents", () => {
  const contentType = "application/cloudevents+json; charset=utf-8";
  const data = '{"logs":[{"value":"v","level":"info","timestamp":1754851200000000001}]}';

  it("unwraps data", () => {
    for (const type of [contentType, "Application/CloudEvents", " application/cloudevents+json"]) {
      const parsed = parse(`{"specversion":"1.0","data":${data}}`, false, type);
      expect(parsed).toMatchObject({ items: { logs: [{ body: "v", timeUnixNano: 1754851200000000001n }] } });
    }
  });

  it("keeps a traceparent that is text", () => {
    expect(parse(`{"traceparent":"00-1","data":${data}}`, false, contentType)).toMatchObject({
      items: { traceparent: "00-1", logs: [{ body: "v" }] },
    });
    for (const other of ["5", "null", "{}"]) {
      const parsed = parse(`{"traceparent":${other},"data":${data}}`, false, contentType);
      expect(parsed).toEqual(parse(data));
    }
    expect(parse(`{"traceparent":"00-1","logs":[]}`)).not.toHaveProperty("items.traceparent");
  });

  it("unwraps data_base64", () => {
    expect(parse(JSON.stringify({ data_base64: btoa(data) }), false, contentType)).toEqual(parse(data));
  });

  it.each<[string, string]>([
    ["{}", "data"],
    ['{"data":null}', "data"],
    ['{"data":"text"}', "data"],
    ['{"data":{"logs":[{}]}}', "data.logs[0].level"],
    ['{"data_base64":1}', "data_base64"],
    ['{"data_base64":"e30"}', "data_base64"],
    ['{"data_base64":"e30="}', "data_base64"],
    ["[]", ""],
  ])("refuses %s", (event, path) => {
    expect(parse(event, false, contentType)).toMatchObject({ kind: "refused", refusal: { path } });
  });

  it("leaves data alone under another content type", () => {
    expect(parse(`{"data":${data}}`, false, "application/json")).toMatchObject({ kind: "refused" });
  });
});

describe("aioFormat.parse() of oddities", () => {
  const oddities = (payload: string, { audit = true, contentType = "" } = {}) => {
    const message = { source: "s", topic: "t", payload: encoder.encode(payload), userProperties: [] };
    const parsed = aioFormat.parse({ ...message, contentType }, { lenient: false, audit });
    return parsed.kind === "items" ? parsed.oddities : parsed.refusal;
  };
  const none = { repeatedMembers: 0, repeatedAttributes: 0, zeroTimestamps: 0 };
  const item = (members: string) => `{"logs":[{"value":"text","level":"info",${members}}]}`;
  const attribute = '{"key":"a","value":"1"}';

  it("says nothing of an ordinary payload", () => {
    expect(oddities(item(`"timestamp":1,"attributes":[${attribute}]`))).toBeUndefined();
  });

  it("counts timestamps of zero", () => {
    expect(oddities(item('"timestamp":0'))).toEqual({ ...none, zeroTimestamps: 1 });
    expect(oddities(item('"timestamp":-0.0'))).toEqual({ ...none, zeroTimestamps: 1 });
  });

  it("counts attributes that a later one replaced", () => {
    expect(oddities(item(`"attributes":[${attribute},${attribute},${attribute}]`))).toEqual({
      ...none,
      repeatedAttributes: 2,
    });
  });

  it("counts members that a later one replaced, for an audit alone", () => {
    const payload = item('"value":"other"');
    expect(oddities(payload)).toEqual({ ...none, repeatedMembers: 1 });
    expect(oddities(payload, { audit: false })).toBeUndefined();
  });

  it("counts in a CloudEvent's base64 too", () => {
    const data = Buffer.from(item('"timestamp":0,"timestamp":0')).toString("base64");
    const contentType = "application/cloudevents+json";
    expect(oddities(`{"data_base64":"","data_base64":"${data}"}`, { contentType })).toEqual({
      ...none,
      repeatedMembers: 2,
      zeroTimestamps: 1,
    });
  });

  it("says of JSON that is nested too deeply that this is its fault", () => {
    expect(oddities(`{"metrics":[],"x":${"[".repeat(1001)}1e17${"]".repeat(1001)}}`)).toEqual({
      path: "",
      message: "Cannot read payload: met deeper nested JSON, wanted at most 1000 levels",
    });
  });
});
