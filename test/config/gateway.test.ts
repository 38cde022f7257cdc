import { describe, expect, it } from "vitest";
import { loadConfig } from "../../pipeline/config/load.ts";
import { endpoint, gateway, issuesOf, linesOf, load } from "./support.ts";

const minimal = endpoint("host: http://localhost:4317");

function destination(fields: string) {
  const [only] = load(
    `${minimal}---\n${gateway(`destinations:\n  - endpointRef: collector\n${fields}`)}`,
  ).destinations;
  return only;
}

describe("Gateway document", () => {
  it("has a default for everything", () => {
    const config = load(gateway("{}"));

    expect(config).toEqual(load(""));
    expect(config).toMatchObject({
      name: "gateway",
      listen: { host: "127.0.0.1", port: 8080, tls: undefined },
      acknowledge: "stored",
      acknowledgeTimeoutMs: 20_000,
      limits: { bodyBytesMax: 4_194_304, payloadBytesMax: 1_048_576, concurrentRequestsMax: 512 },
      store: { type: "sqlite", path: "cwd:./data/gateway.db", bytesMax: 4_294_967_296 },
      deadLetters: { bytesMax: 268_435_456 },
      dedupe: { windowSeconds: 3600, entriesMax: 1_000_000 },
      drainMs: 0,
      shutdownGraceMs: 10_000,
      log: { level: "info" },
      administration: undefined,
      bridges: [],
      warnings: [],
    });
  });

  it("takes every field as written", () => {
    const config = load(
      `${gateway(`listen: { host: "::1", port: 0, tls: { certificateFile: a.pem, keyFile: /b.pem, clientCaFile: c.pem } }
limits: { bodyBytes: 10, payloadBytes: 20, concurrentRequests: 30 }
acknowledge: delivered
acknowledgeTimeoutSeconds: 0.25
store: { type: sqlite, path: db/x.db, bytesMax: 2000000 }
deadLetters: { bytesMax: 0 }
dedupe: { seconds: 0, entriesMax: 5 }
drainSeconds: 1.5
shutdownGraceSeconds: 0
log: { level: silent }
administration: { token: { file: ./secrets/admin } }`)}metadata: { name: edge-1, namespace: plant, labels: { a: b } }\n`,
    );

    expect(config).toMatchObject({
      name: "edge-1",
      listen: {
        host: "::1",
        port: 0,
        tls: {
          certificateFile: "gateway.yaml:a.pem",
          keyFile: "gateway.yaml:/b.pem",
          clientCaFile: "gateway.yaml:c.pem",
        },
      },
      acknowledge: "delivered",
      acknowledgeTimeoutMs: 250,
      limits: { bodyBytesMax: 10, payloadBytesMax: 20, concurrentRequestsMax: 30 },
      store: { type: "sqlite", path: "gateway.yaml:db/x.db", bytesMax: 2_000_000 },
      deadLetters: { bytesMax: 0 },
      dedupe: { windowSeconds: 0, entriesMax: 5 },
      drainMs: 1500,
      shutdownGraceMs: 0,
      log: { level: "silent" },
      administration: { token: { file: "gateway.yaml:./secrets/admin" } },
    });
  });

  it("listens on an IPv6 address that is written in brackets", () => {
    expect(load(gateway('listen: { host: "[::1]" }')).listen.host).toBe("::1");
  });

  it("offers every adapter under its own name when sources are left out", () => {
    expect(load(gateway("{}")).sources).toEqual(
      ["mqtt", "raw", "emqx", "emqx4", "vernemq", "rmqtt", "cloudevents", "aws-iot", "json"].map((name) => ({
        name,
        adapter: name,
        authentication: { method: "None" },
        topicFilters: [],
        lenient: false,
        payloadEncoding: undefined,
        fields: {},
        allowedOrigins: [],
        confirmationHosts: [],
        retryStatus: 503,
        counterValues: "increment",
        attributes: {},
        attributeValuesMax: 1000,
        baggage: [],
      })),
    );
  });

  it("warns when there is no source", () => {
    expect(load(gateway("sources: []")).warnings).toEqual(["There is no source; nothing can arrive"]);
  });

  it("asks a store in memory for less, and prefers delta there", () => {
    const config = load(gateway("acknowledge: delivered\nstore: { type: memory }"));
    expect(config).toMatchObject({
      store: { type: "memory", bytesMax: 268_435_456 },
      deadLetters: { bytesMax: 16_777_216 },
      destinations: [{ temporality: "delta" }],
    });
  });

  it("keeps to what is written of a store in memory", () => {
    const spec = `acknowledge: delivered
store: { type: memory, bytesMax: 2000000 }
deadLetters: { bytesMax: 5 }
destinations: [{ endpointRef: collector, temporality: cumulative }]`;
    expect(load(`${minimal}---\n${gateway(spec)}`)).toMatchObject({
      store: { type: "memory", bytesMax: 2_000_000 },
      deadLetters: { bytesMax: 5 },
      destinations: [{ temporality: "cumulative" }],
    });
    const environment = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "cumulative" };
    const undecided = gateway("acknowledge: delivered\nstore: { type: memory }");
    expect(load(undecided, environment).destinations[0]?.temporality).toBe("cumulative");
  });

  it.each(["", "acknowledge: stored"])("rejects a store in memory with '%s'", (acknowledge) => {
    expect(linesOf(gateway(`store: { type: memory }\n${acknowledge}`))).toEqual([
      "gateway.yaml:4: spec.store.type: Wanted acknowledge: delivered for a store in memory, met stored",
    ]);
  });

  it("completes a destination with defaults", () => {
    expect(destination("")).toEqual({
      name: "collector",
      url: "http://localhost:4317",
      protocol: "grpc",
      signalUrls: { metrics: "http://localhost:4317", logs: "http://localhost:4317" },
      authentication: { method: "Anonymous" },
      trustedCaFolder: undefined,
      trustedCaFile: undefined,
      batching: { latencyMs: 60_000, maxMessages: 100_000 },
      signals: ["metrics", "logs"],
      compression: "gzip",
      timeoutMs: 10_000,
      headers: {},
      requestBytesMax: 4_000_000,
      temporality: "cumulative",
      windowMs: 60_000,
      histogramAggregation: "explicit",
      histogramBounds: {
        default: [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000],
        byMetricName: {},
      },
      seriesMax: 100_000,
      seriesIdleMs: 3_600_000,
      restateMs: 60_000,
      resourceAttributes: { "service.name": "mqtt-otlp-gateway" },
      startAt: "now",
      sources: [],
      topicFilters: [],
      deliverWithinMs: undefined,
    });
  });

  it("takes a destination as written", () => {
    const fields = `    signals: [logs]
    protocol: grpc
    compression: none
    timeoutSeconds: 0.25
    headers: { X-Tenant: { file: ./tenant }, plain: text, other: { env: OTHER } }
    requestBytesMax: 1000
    temporality: delta
    windowSeconds: 2.5
    histogramAggregation: exponential
    seriesIdleSeconds: 0
    restateSeconds: 0
    startAt: oldest
    sources: [raw, mqtt]
    topicFilters: ["plant/#"]
    deliverWithinSeconds: 1.5
    histogramBounds: { default: [1, 2], cycle_time: [0.1, 1], none: [] }
    seriesMax: 7
    resourceAttributes: { service.name: plant-7, site: north }`;

    expect(destination(fields)).toMatchObject({
      signals: ["logs"],
      compression: "none",
      timeoutMs: 250,
      headers: { "x-tenant": { file: "gateway.yaml:./tenant" }, plain: "text", other: { env: "OTHER" } },
      requestBytesMax: 1000,
      temporality: "delta",
      windowMs: 2500,
      histogramAggregation: "exponential",
      seriesIdleMs: 0,
      restateMs: 0,
      startAt: "oldest",
      sources: ["raw", "mqtt"],
      topicFilters: ["plant/#"],
      deliverWithinMs: 1500,
      histogramBounds: { default: [1, 2], byMetricName: { cycle_time: [0.1, 1], none: [] } },
      seriesMax: 7,
      resourceAttributes: { "service.name": "plant-7", site: "north" },
    });
  });

  it.each([
    ["latencySeconds: 0", 1000],
    ["latencySeconds: 1", 1000],
    ["latencySeconds: 30", 30_000],
  ])("derives the window from %s", (batching, windowMs) => {
    const [only] = load(endpoint(`host: a:1\nbatching: { ${batching} }`)).destinations;
    expect(only?.windowMs).toBe(windowMs);
  });

  it("makes every endpoint a destination when destinations are left out", () => {
    const text = [endpoint("host: http://a:1", "one"), endpoint("host: b", "two"), gateway("{}")].join(
      "---\n",
    );
    expect(load(text).destinations.map(({ name, url }) => [name, url])).toEqual([
      ["one", "http://a:1"],
      ["two", "https://b:4317"],
    ]);
  });

  it("sends only to the destinations that are named", () => {
    const text = [
      endpoint("host: http://a:1", "one"),
      endpoint("host: b", "two"),
      gateway("destinations: [{ endpointRef: two }]"),
    ].join("---\n");
    expect(load(text).destinations.map(({ name }) => name)).toEqual(["two"]);
  });

  it("warns when headers leave without TLS for another machine", () => {
    const text = `${endpoint("host: http://a:1")}---\n${gateway("destinations: [{ endpointRef: collector, headers: { k: v } }]")}`;
    expect(load(text).warnings).toEqual(["Destination collector sends headers (k) without TLS"]);
  });

  it.each([
    ["listen: { port: 65536 }", "spec.listen.port", "Wanted at most 65535, met 65536"],
    ["listen: { port: -1 }", "spec.listen.port", "Wanted at least 0, met -1"],
    ["listen: { port: http }", "spec.listen.port", 'Wanted a number, met "http"'],
    ["listen: { port: 1.5 }", "spec.listen.port", "Wanted a whole number, met 1.5"],
    ["listen: { host: }", "spec.listen.host", "Wanted a text, met nothing"],
    ['listen: { host: "" }', "spec.listen.host", "Wanted a text that is not empty, met an empty one"],
    ["listen: 8080", "spec.listen", "Wanted a map of fields, met 8080"],
    ["listen: { tls: {keyFile: b} }", "spec.listen.tls.certificateFile", "Missing, wanted a text"],
    ["listen: { tls: {certificateFile: a} }", "spec.listen.tls.keyFile", "Missing, wanted a text"],
    [
      'listen: { tls: {certificateFile: a, keyFile: "-----BEGIN PRIVATE KEY-----"} }',
      "spec.listen.tls.keyFile",
      "Wanted the path of a file, met its content (not shown)",
    ],
    [
      "listen: { tls: {certificateFile: a, keyFile: b, caFile: c} }",
      "spec.listen.tls.caFile",
      "Unknown field, wanted one of certificateFile, keyFile, clientCaFile",
    ],
    [
      "acknowledge: store",
      "spec.acknowledge",
      'Wanted one of stored, delivered, met "store"; did you mean stored?',
    ],
    ["acknowledgeTimeoutSeconds: 0", "spec.acknowledgeTimeoutSeconds", "Wanted at least 0.001, met 0"],
    ["acknowledgeTimeoutSeconds: 3601", "spec.acknowledgeTimeoutSeconds", "Wanted at most 3600, met 3601"],
    ["store: { type: disk }", "spec.store.type", 'Wanted one of sqlite, memory, met "disk"'],
    ["limits: { bodyBytes: 0 }", "spec.limits.bodyBytes", "Wanted at least 1, met 0"],
    ["limits: { bodyBytes: 268435457 }", "spec.limits.bodyBytes", "Wanted at most 268435456, met 268435457"],
    ["limits: { payloadBytes: 0 }", "spec.limits.payloadBytes", "Wanted at least 1, met 0"],
    ["limits: { concurrentRequests: 0 }", "spec.limits.concurrentRequests", "Wanted at least 1, met 0"],
    ["store: { bytesMax: 1999999 }", "spec.store.bytesMax", "Wanted at least 2000000, met 1999999"],
    ["deadLetters: { bytesMax: -1 }", "spec.deadLetters.bytesMax", "Wanted at least 0, met -1"],
    ["dedupe: { seconds: -1 }", "spec.dedupe.seconds", "Wanted at least 0, met -1"],
    ["dedupe: { entriesMax: 1.5 }", "spec.dedupe.entriesMax", "Wanted a whole number, met 1.5"],
    ["drainSeconds: -1", "spec.drainSeconds", "Wanted at least 0, met -1"],
    ["shutdownGraceSeconds: 3601", "spec.shutdownGraceSeconds", "Wanted at most 3600, met 3601"],
    [
      "log: { level: wran }",
      "spec.log.level",
      'Wanted one of trace, debug, info, warn, error, fatal, silent, met "wran"; did you mean warn?',
    ],
    [
      "administration: {}",
      "spec.administration.token",
      "Wanted { file: PATH } or { env: NAME }, met nothing",
    ],
    ["sources: {}", "spec.sources", "Wanted a list, met a map of fields"],
    ["sources: [emqx]", "spec.sources[0]", 'Wanted a map of fields, met "emqx"'],
    ['secretsPath: ""', "spec.secretsPath", "Wanted a text that is not empty, met an empty one"],
    ["configMapsPath: 1", "spec.configMapsPath", "Wanted a text, met 1"],
    ["serviceAccountTokenFile: {}", "spec.serviceAccountTokenFile", "Wanted a text, met a map of fields"],
    ["destinations: []", "spec.destinations", "Wanted at least 1 element, met a list"],
    ["destinations: [{}]", "spec.destinations[0].endpointRef", "Missing, wanted a text"],
    ["lisen: {}", "spec.lisen", "Unknown field; did you mean listen?"],
    ["listen: { zebra: 1 }", "spec.listen.zebra", "Unknown field, wanted one of host, port, tls"],
  ])("rejects %s", (spec, path, message) => {
    expect(issuesOf(gateway(spec))).toEqual([{ file: "gateway.yaml", line: 4, path, message }]);
  });

  it.each([
    ["signals: []", "signals", "Wanted at least 1 element, met a list"],
    ["signals: [metrics, metrics]", "signals", "Wanted each signal once, met one again"],
    ["signals: [metric]", "signals[0]", 'Wanted one of metrics, logs, met "metric"; did you mean metrics?'],
    ["compression: zip", "compression", 'Wanted one of gzip, none, met "zip"; did you mean gzip?'],
    ["timeoutSeconds: 0", "timeoutSeconds", "Wanted at least 0.001, met 0"],
    ["requestBytesMax: 255", "requestBytesMax", "Wanted at least 256, met 255"],
    ["windowSeconds: 0.5", "windowSeconds", "Wanted at least 1, met 0.5"],
    ["seriesMax: 0", "seriesMax", "Wanted at least 1, met 0"],
    ["protocol: http", "protocol", 'Wanted one of grpc, http/protobuf, met "http"'],
    ["temporality: lowmemory", "temporality", 'Wanted one of cumulative, delta, met "lowmemory"'],
    [
      "histogramAggregation: explict",
      "histogramAggregation",
      'Wanted one of explicit, exponential, met "explict"; did you mean explicit?',
    ],
    ["seriesIdleSeconds: -1", "seriesIdleSeconds", "Wanted at least 0, met -1"],
    ["seriesIdleSeconds: 2592001", "seriesIdleSeconds", "Wanted at most 2592000, met 2592001"],
    ["restateSeconds: -1", "restateSeconds", "Wanted at least 0, met -1"],
    ["restateSeconds: 0.5", "restateSeconds", "Wanted a whole number, met 0.5"],
    ["restateSeconds: 86401", "restateSeconds", "Wanted at most 86400, met 86401"],
    ["startAt: then", "startAt", 'Wanted one of now, oldest, met "then"'],
    ["deliverWithinSeconds: 0", "deliverWithinSeconds", "Wanted at least 1, met 0"],
    ["deliverWithinSeconds: 31536001", "deliverWithinSeconds", "Wanted at most 31536000, met 31536001"],
    ["allowPlaintext: yes", "allowPlaintext", 'Wanted true or false, met "yes"'],
    [
      "sources: [mqt]",
      "sources[0]",
      'Wanted the name of a source or bridge, met "mqt", and there is mqtt, raw, emqx, emqx4, vernemq, rmqtt, cloudevents, aws-iot, json; did you mean mqtt?',
    ],
    [
      "topicFilters: [a/#/b]",
      "topicFilters[0]",
      'Wanted a Topic Filter such as plant/+/state or plant/#, met "a/#/b"',
    ],
    ["certificates: { ca: x }", "certificates.ca", expect.stringMatching(/^Unknown field, wanted one of /)],
    [
      "histogramBounds: { a: [1, 1] }",
      "histogramBounds.a",
      "Wanted strictly increasing numbers, met one that is not above its neighbour",
    ],
    ["histogramBounds: { a: [.inf] }", "histogramBounds.a[0]", "Wanted a number, met Infinity"],
    ["histogramBounds: { a: [.nan] }", "histogramBounds.a[0]", "Wanted a number, met NaN"],
    [
      "headers: { 'a b': c }",
      'headers["a b"]',
      "Wanted a header name of letters, digits and !#$%&'*+.^_`|~-",
    ],
    [
      "headers: { grpc-timeout: c }",
      "headers.grpc-timeout",
      "Wanted a header that the transport does not set itself",
    ],
    ["headers: { X-A: b, x-a: c }", "headers", "Wanted each header once, whatever its case, met one again"],
    [
      'headers: { a: "b\\nc" }',
      "headers.a",
      "Wanted a text of visible ASCII characters and spaces, { file: PATH } or { env: NAME }, met a text (not shown)",
    ],
    ["headers: { a-bin: c }", "headers.a-bin", "Binary headers (-bin) are not supported yet"],
    [
      "headers: { a: [b] }",
      "headers.a",
      "Wanted a text of visible ASCII characters and spaces, { file: PATH } or { env: NAME }, met a list",
    ],
    ["resourceAttributes: { a.b: 1 }", 'resourceAttributes["a.b"]', "Wanted a text, met 1"],
    ["nmae: x", "nmae", expect.stringMatching(/^Unknown field, wanted one of endpointRef, signals, /)],
  ])("rejects a destination with %s", (field, path, message) => {
    const spec = `destinations:\n  - endpointRef: collector\n    ${field}`;
    expect(issuesOf(`${gateway(spec)}---\n${minimal}`)).toEqual([
      { file: "gateway.yaml", line: 6, path: `spec.destinations[0].${path}`, message },
    ]);
  });

  it.each([
    ["protocol: http/json", "http/json"],
    ["signals: [traces]", "traces"],
  ])("says that a destination's %s is not supported yet", (field, what) => {
    const spec = `destinations: [{ endpointRef: collector, ${field} }]`;
    expect(issuesOf(`${gateway(spec)}---\n${minimal}`).map(({ message }) => message)).toEqual([
      `${what} is not supported yet`,
    ]);
  });

  it("knows the sources that a destination may name", () => {
    const text = `${minimal}---\n${gateway("sources: [{ name: a }, { adapter: raw }]\ndestinations: [{ endpointRef: collector, sources: [a, raw, mqtt] }]")}`;
    expect(linesOf(text)).toEqual([
      'gateway.yaml:13: spec.destinations[0].sources[2]: Wanted the name of a source or bridge, met "mqtt", and there is a, raw',
    ]);
  });

  it("warns of an endpoint that no destination names", () => {
    const text = [
      endpoint("host: http://a:1", "one"),
      endpoint("host: b", "two"),
      gateway("destinations: [{ endpointRef: two }]"),
    ].join("---\n");
    expect(load(text).warnings).toEqual(["Endpoint one is named by no destination; nothing is sent there"]);
  });

  it("rejects an endpoint that is named twice, or that does not exist", () => {
    const text = `${minimal}---\n${gateway("destinations: [{ endpointRef: collector }, { endpointRef: collector }, { endpointRef: colector }]")}`;
    expect(linesOf(text)).toEqual([
      'gateway.yaml:12: spec.destinations[1].endpointRef: Wanted each endpoint once, met "collector" again',
      'gateway.yaml:12: spec.destinations[2].endpointRef: Wanted the name of an OpenTelemetry endpoint, met "colector", and there is collector',
    ]);
  });

  it("rejects a second Gateway document", () => {
    expect(linesOf(`${gateway("{}")}---\n${gateway("{}")}`)).toEqual([
      "gateway.yaml:7: kind: Wanted one Gateway document, met another one",
    ]);
  });
});

describe("listening beyond loopback", () => {
  const open = "listen: { host: 0.0.0.0 }";

  it.each(["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])("is not what %s does", (host) => {
    expect(issuesOf(gateway(`listen: { host: "${host}" }`))).toEqual([]);
  });

  it.each(["0.0.0.0", "::", "10.0.0.1", "edge.example", "127.example"])("is what %s does", (host) => {
    expect(issuesOf(gateway(`listen: { host: "${host}" }\nsources: []`))).toHaveLength(1);
  });

  it("needs sources with authentication, and a token", () => {
    expect(
      linesOf(gateway(`${open}\nsources: [{ name: a }, { name: b, authentication: { method: None } }]`)),
    ).toEqual([
      "gateway.yaml:3: spec.administration.token: Wanted an administration token, because the gateway listens on 0.0.0.0, met none",
      "gateway.yaml:5: spec.sources[0].authentication: Wanted a method of authentication, None when that is meant, because the gateway listens on 0.0.0.0, met nothing",
    ]);
  });

  it("does not open the default sources", () => {
    expect(linesOf(gateway(`${open}\nadministration: { token: { env: T } }`))).toEqual([
      "gateway.yaml:3: spec.sources: Wanted sources with authentication, because the gateway listens on 0.0.0.0, met none",
    ]);
  });

  it("takes method None for meant", () => {
    const spec = `${open}\nadministration: { token: { env: T } }\nsources: [{ name: a, authentication: { method: None } }]`;
    expect(load(gateway(spec)).listen.host).toBe("0.0.0.0");
  });

  it("counts when the environment says so", () => {
    expect(linesOf("", { GATEWAY_HOST: "0.0.0.0" })).toEqual([
      "GATEWAY_HOST: Wanted an administration token, because the gateway listens on 0.0.0.0, met none",
      "GATEWAY_HOST: Wanted sources with authentication, because the gateway listens on 0.0.0.0, met none",
    ]);
    expect(issuesOf(gateway(`${open}\nsources: [{ name: a }]`), { GATEWAY_HOST: "127.0.0.1" })).toEqual([]);
  });

  it("counts when the platform opens the gateway", () => {
    const exposed = (text: string) => () =>
      loadConfig({
        files: text === "" ? [] : [{ name: "g.yaml", text }],
        environment: {},
        resolvePath: (_, path) => path,
        isExposed: true,
      });
    const why = "because others can reach the gateway here, met";
    expect(exposed("")).toThrow(
      `GATEWAY_CONFIG: Wanted an administration token, ${why} none\nGATEWAY_CONFIG: Wanted sources with authentication, ${why} none`,
    );
    expect(exposed(gateway("administration: { token: { env: T } }\nsources: [{ name: a }]"))).toThrow(
      `g.yaml:5: spec.sources[0].authentication: Wanted a method of authentication, None when that is meant, ${why} nothing`,
    );
    expect(exposed(gateway("administration: { token: { env: T } }\nsources: []"))().warnings).toHaveLength(1);
  });
});
