import { describe, expect, it } from "vitest";
import { endpoint, gateway, issuesOf, linesOf, load } from "./support.ts";

const minimal = endpoint("host: http://localhost:4317");
const clientCa = "listen: { tls: { certificateFile: a, keyFile: b, clientCaFile: c } }";

function sourceOf(fields: string, more = "") {
  const [only] = load(gateway(`sources: [{ ${fields} }]\n${more}`)).sources;
  return only;
}

describe("source", () => {
  it("is taken as written", () => {
    const spec = `sources:
  - name: plant
    adapter: aws-iot
    authentication: { method: Bearer, token: { env: TOKEN } }
    topicFilters: ["plant/#", "+/state"]
    lenient: true
    payloadEncoding: base64
    fields: { topic: /meta/topic, payload: "" }
    confirmationHosts: [IOT.eu-central-1.amazonaws.com]
    retryStatus: 429
    counterValues: total
    attributes: { site: north, "line.name": "\${topic.2}/\${userProperty.line}" }
    attributeValuesMax: 7
    baggage: [tenant]`;

    expect(load(gateway(spec)).sources).toEqual([
      {
        name: "plant",
        adapter: "aws-iot",
        authentication: { method: "Bearer", token: { env: "TOKEN" } },
        topicFilters: ["plant/#", "+/state"],
        lenient: true,
        payloadEncoding: "base64",
        fields: { topic: "/meta/topic", payload: "" },
        allowedOrigins: [],
        confirmationHosts: ["iot.eu-central-1.amazonaws.com"],
        retryStatus: 429,
        counterValues: "total",
        attributes: { site: "north", "line.name": "$\u{7b}topic.2}/$\u{7b}userProperty.line}" },
        attributeValuesMax: 7,
        baggage: ["tenant"],
      },
    ]);
  });

  it("derives its adapter from its name, its name from its adapter", () => {
    const { sources } = load(gateway("sources: [{ name: aws-iot }, { adapter: raw }, { name: press }]"));

    expect(sources.map(({ name, adapter, authentication }) => [name, adapter, authentication])).toEqual([
      ["aws-iot", "aws-iot", undefined],
      ["raw", "raw", undefined],
      ["press", "mqtt", undefined],
    ]);
  });

  it.each(["mqtt", "raw", "emqx", "emqx4", "vernemq", "rmqtt", "cloudevents", "aws-iot", "json"])(
    "can have adapter %s",
    (adapter) => {
      expect(sourceOf(`name: a, adapter: ${adapter}`)).toMatchObject({ name: "a", adapter });
    },
  );

  it.each([
    ["emqx", "payloadEncoding: base64", { payloadEncoding: "base64" }],
    ["emqx4", "payloadEncoding: plain", { payloadEncoding: "plain" }],
    ["vernemq", "payloadEncoding: plain", { payloadEncoding: "plain" }],
    ["json", "payloadEncoding: base64", { payloadEncoding: "base64" }],
    ["json", "fields: { topic: /a~1b/0 }", { fields: { topic: "/a~1b/0" } }],
    ["cloudevents", "allowedOrigins: [eventgrid.azure.net]", { allowedOrigins: ["eventgrid.azure.net"] }],
  ])("of adapter %s can have %s", (adapter, field, wanted) => {
    expect(sourceOf(`adapter: ${adapter}, ${field}`)).toMatchObject(wanted);
  });

  it.each([
    ["raw", "payloadEncoding", "plain", "emqx, emqx4, vernemq, aws-iot or json"],
    ["cloudevents", "payloadEncoding", "plain", "emqx, emqx4, vernemq, aws-iot or json"],
    ["emqx", "fields", "{ topic: /a }", "aws-iot or json"],
    ["aws-iot", "allowedOrigins", "[]", "cloudevents"],
    ["json", "confirmationHosts", "[]", "aws-iot"],
  ])("of adapter %s cannot have %s", (adapter, field, value, wanted) => {
    expect(linesOf(gateway(`sources:\n  - adapter: ${adapter}\n    ${field}: ${value}`))).toEqual([
      `gateway.yaml:6: spec.sources[0].${field}: Wanted adapter ${wanted} for ${field}, met ${adapter}`,
    ]);
  });

  it("is not judged by an adapter that there is not", () => {
    expect(issuesOf(gateway("sources: [{ adapter: emqq, fields: {} }]"))).toHaveLength(1);
  });

  it.each([
    [
      "name: a/b",
      "name",
      `Wanted 1 to 63 letters, digits, '.', '_' or '-', the first a letter or digit, met "a/b"`,
    ],
    ["name: constructor", "name", 'Wanted a name that is no word of the gateway\'s own, met "constructor"'],
    [
      "payloadEncoding: plain",
      "payloadEncoding",
      "Wanted adapter emqx, emqx4, vernemq, aws-iot or json for payloadEncoding, met mqtt",
    ],
    [
      "adapter: emqq",
      "adapter",
      'Wanted one of mqtt, raw, emqx, emqx4, vernemq, rmqtt, cloudevents, aws-iot, json, met "emqq"; did you mean emqx?',
    ],
    [
      'topicFilters: ["a/#/b"]',
      "topicFilters[0]",
      'Wanted a Topic Filter such as plant/+/state or plant/#, met "a/#/b"',
    ],
    ["lenient: yes", "lenient", 'Wanted true or false, met "yes"'],
    ["name: emqx, payloadEncoding: hex", "payloadEncoding", 'Wanted one of plain, base64, met "hex"'],
    [
      "counterValues: totals",
      "counterValues",
      'Wanted one of increment, total, met "totals"; did you mean total?',
    ],
    ["retryStatus: 500", "retryStatus", "Wanted one of 503, 429, met 500"],
    [
      "name: json, fields: { topic: topic }",
      "fields.topic",
      'Wanted a JSON Pointer such as /device/topic, met "topic"',
    ],
    [
      "name: json, fields: { topic: /a~b }",
      "fields.topic",
      'Wanted a JSON Pointer such as /device/topic, met "/a~b"',
    ],
    ["name: json, fields: { topic: [a] }", "fields.topic", "Wanted a text, met a list"],
    ["name: json, fields: { topics: /a }", "fields.topics", "Unknown field; did you mean topic?"],
    [
      "name: cloudevents, allowedOrigins: ['']",
      "allowedOrigins[0]",
      "Wanted a text that is not empty, met an empty one",
    ],
    ...["https://iot.example", "iot.example:443", "10.0.0.1", "iot_.example", "*.amazonaws.com", "[::1]"].map(
      (host): [string, string, string] => [
        `name: aws-iot, confirmationHosts: ["${host}"]`,
        "confirmationHosts[0]",
        `Wanted the name of a host, without scheme and port, met "${host}"`,
      ],
    ),
    ["attributes: { '': a }", 'attributes[""]', "Wanted a text that is not empty, met an empty one"],
    ["attributes: { a: 1 }", "attributes.a", "Wanted a text, met 1"],
    [
      "attributes: { a: 'x$\u{7b}topc}' }",
      "attributes.a",
      expect.stringMatching(/^Wanted \$\{topic\}, .*\$\{userProperty\.NAME\}, met \$\{topc\}$/),
    ],
    ["attributeValuesMax: 0", "attributeValuesMax", "Wanted at least 1, met 0"],
    ["attributeValuesMax: 1000001", "attributeValuesMax", "Wanted at most 1000000, met 1000001"],
    ["baggage: ['a b']", "baggage[0]", 'Wanted a key of baggage, without spaces, met "a b"'],
    ["nmae: x", "nmae", "Unknown field; did you mean name?"],
  ])("is rejected with %s", (fields, path, message) => {
    expect(
      issuesOf(gateway(`sources:\n  - ${fields.startsWith("name") ? `{ ${fields} }` : fields}`)),
    ).toEqual([{ file: "gateway.yaml", line: 5, path: `spec.sources[0].${path}`, message }]);
  });

  it("is rejected with the name of another", () => {
    expect(linesOf(gateway("sources:\n  - name: emqx\n  - adapter: emqx"))).toEqual([
      'gateway.yaml:6: spec.sources[1]: Wanted a name of its own, met "emqx" again',
    ]);
  });

  it("can be named by a destination", () => {
    const text = `${minimal}---\n${gateway("sources: [{ adapter: rmqtt }]\ndestinations: [{ endpointRef: collector, sources: [rmqtt] }]")}`;
    expect(load(text).destinations[0]?.sources).toEqual(["rmqtt"]);
  });
});

describe("authentication of a source", () => {
  it.each([
    ["method: None", { method: "None" }],
    ["method: Bearer, token: { file: t }", { method: "Bearer", token: { file: "gateway.yaml:t" } }],
    [
      "method: Basic, username: u, password: { file: p }",
      { method: "Basic", username: "u", password: { file: "gateway.yaml:p" } },
    ],
    [
      "method: HmacSha256, key: { file: k }",
      {
        method: "HmacSha256",
        key: { file: "gateway.yaml:k" },
        header: "X-Signature-256",
        timestamp: undefined,
      },
    ],
    [
      "method: HmacSha256, key: { env: K }, header: X-Sig, timestamp: { header: X-Time }",
      {
        method: "HmacSha256",
        key: { env: "K" },
        header: "X-Sig",
        timestamp: { header: "X-Time", toleranceMs: 300_000 },
      },
    ],
    [
      "method: HmacSha256, key: { env: K }, timestamp: { header: X-Time, toleranceSeconds: 5 }",
      expect.objectContaining({ timestamp: { header: "X-Time", toleranceMs: 5000 } }),
    ],
    [
      "method: UrlSecret, secret: { file: s }",
      { method: "UrlSecret", secret: { file: "gateway.yaml:s" }, parameter: "secret" },
    ],
    [
      "method: UrlSecret, secret: { env: S }, parameter: key",
      { method: "UrlSecret", secret: { env: "S" }, parameter: "key" },
    ],
    ["method: ClientCertificate", { method: "ClientCertificate", names: [] }],
    ["method: ClientCertificate, names: [a, b]", { method: "ClientCertificate", names: ["a", "b"] }],
  ])("takes %s", (fields, wanted) => {
    expect(sourceOf(`authentication: { ${fields} }`, clientCa)?.authentication).toEqual(wanted);
  });

  const secretWanted = "Wanted { file: PATH } or { env: NAME }, met";
  const aSecret = "{ env: S }";

  it.each([
    [
      "method: Digest",
      "method",
      'Wanted one of None, Bearer, Basic, HmacSha256, UrlSecret, ClientCertificate, met "Digest"',
    ],
    ["token: { env: T }", "method", expect.stringMatching(/^Missing, wanted one of None, Bearer, /)],
    ["method: None, token: { env: T }", "token", "Unknown field, wanted one of method"],
    ["method: Bearer", "token", `${secretWanted} nothing`],
    ["method: Bearer, token: hunter2", "token", `${secretWanted} a text (not shown)`],
    ["method: Bearer, token: { file: a, env: B }", "token", `${secretWanted} a map of fields`],
    [`method: Basic, password: ${aSecret}`, "username", "Missing, wanted a text"],
    [
      `method: Basic, password: ${aSecret}, username: 'a:hunter2'`,
      "username",
      "Wanted a user name without a colon, met a text (not shown)",
    ],
    ["method: Basic, username: u", "password", `${secretWanted} nothing`],
    ["method: Basic, username: u, password: hunter2", "password", `${secretWanted} a text (not shown)`],
    ["method: HmacSha256", "key", `${secretWanted} nothing`],
    ["method: HmacSha256, key: hunter2", "key", `${secretWanted} a text (not shown)`],
    [
      `method: HmacSha256, key: ${aSecret}, header: 'a b'`,
      "header",
      "Wanted the name of a header, met a text (not shown)",
    ],
    [`method: HmacSha256, key: ${aSecret}, timestamp: {}`, "timestamp.header", "Missing, wanted a text"],
    [
      `method: HmacSha256, key: ${aSecret}, timestamp: { header: a, toleranceSeconds: 0 }`,
      "timestamp.toleranceSeconds",
      "Wanted at least 1, met a number (not shown)",
    ],
    [
      `method: HmacSha256, key: ${aSecret}, timestamp: { header: a, toleranceSeconds: 86401 }`,
      "timestamp.toleranceSeconds",
      "Wanted at most 86400, met a number (not shown)",
    ],
    ["method: UrlSecret", "secret", `${secretWanted} nothing`],
    [
      `method: UrlSecret, secret: ${aSecret}, parameter: a&b`,
      "parameter",
      "Wanted the name of a query parameter, of letters, digits, '.', '_', '~' and '-', met a text (not shown)",
    ],
    [
      `method: UrlSecret, secret: ${aSecret}, parameter: topic`,
      "parameter",
      "Wanted a query parameter other than topic, which says the topic",
    ],
    [
      "method: ClientCertificate, names: ['']",
      "names[0]",
      "Wanted a text that is not empty, met an empty one",
    ],
  ])("rejects %s", (fields, path, message) => {
    const spec = `sources:\n  - authentication: { ${fields} }\n${clientCa}`;
    expect(issuesOf(gateway(spec))).toEqual([
      { file: "gateway.yaml", line: 5, path: `spec.sources[0].authentication.${path}`, message },
    ]);
  });

  it.each(["", "listen: { tls: { certificateFile: a, keyFile: b } }"])(
    "rejects ClientCertificate with nothing but '%s'",
    (listen) => {
      const spec = `sources:\n  - name: a\n    authentication: { method: ClientCertificate }\n${listen}`;
      expect(linesOf(gateway(spec))).toEqual([
        "gateway.yaml:6: spec.sources[0].authentication.method: Wanted listen.tls.clientCaFile for method ClientCertificate, met none",
      ]);
    },
  );

  it("shows no secret in any of its faults", () => {
    const fields = ["token", "username", "password", "key", "header", "secret", "parameter", "names"];
    const methods = ["Bearer", "Basic", "HmacSha256", "UrlSecret", "ClientCertificate", "None", "hunter"];
    const values = ["hunter2:@ ", "{ file: [hunter2] }", "{ hunter3: hunter2 }", "[[hunter2]]"];
    const texts = methods.flatMap((method) =>
      fields.flatMap((field) =>
        values.map((value) =>
          gateway(
            `sources: [{ name: a, authentication: { method: ${method}, ${field}: ${value.startsWith("h") ? `"${value}"` : value} } }]`,
          ),
        ),
      ),
    );
    for (const text of texts) expect(linesOf(text).join("\n")).not.toContain("hunter2");
  });
});

describe("secrets that arrive without TLS", () => {
  const open = "listen: { host: 0.0.0.0 }\nadministration: { token: { env: T } }";
  const methods = {
    Bearer: "token: { env: A }",
    Basic: "username: u, password: { env: A }",
    UrlSecret: "secret: { env: A }",
    HmacSha256: "key: { env: A }",
    None: "",
  };
  const sources = Object.entries(methods)
    .map(([method, fields]) => `  - { name: ${method}, authentication: { method: ${method}, ${fields} } }`)
    .join("\n");

  it("are a warning beyond loopback, where the method sends them as they are", () => {
    expect(load(gateway(`${open}\nsources:\n${sources}`)).warnings).toEqual([
      "Secrets of sources Bearer, Basic, UrlSecret arrive without TLS on 0.0.0.0, unless a proxy with TLS stands before it",
    ]);
  });

  it("are none on loopback, and none with TLS", () => {
    expect(load(gateway(`sources:\n${sources}`)).warnings).toEqual([]);
    const tls = open.replace("0.0.0.0", "0.0.0.0, tls: { certificateFile: a, keyFile: b }");
    expect(load(gateway(`${tls}\nsources:\n${sources}`)).warnings).toEqual([]);
  });

  it("are a warning when the environment opens the listener", () => {
    const text = gateway(`administration: { token: { env: T } }\nsources:\n${sources}`);
    expect(load(text, { GATEWAY_HOST: "10.1.2.3" }).warnings).toEqual([
      expect.stringContaining("arrive without TLS on 10.1.2.3"),
    ]);
  });
});

describe("signatures of the body alone", () => {
  it("are a warning where topic and message id stand in headers", () => {
    const authentication = "authentication: { method: HmacSha256, key: { env: A } }";
    const text = gateway(
      `sources:\n  - { name: a, adapter: raw, ${authentication} }\n  - { name: b, adapter: mqtt, ${authentication} }`,
    );
    expect(load(text).warnings).toEqual([
      "Senders of source a sign the body alone; whoever sees a request can post it again with another topic or message id",
    ]);
  });
});
