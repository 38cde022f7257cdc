import { describe, expect, it } from "vitest";
import { endpoint, gateway, linesOf, load } from "./support.ts";

const silent = endpoint("host: http://file:1");
const written = `${silent}---\n${gateway(`log: { level: error }
listen: { host: localhost, port: 1 }
store: { path: file.db }
destinations:
  - endpointRef: collector
    protocol: grpc
    compression: none
    timeoutSeconds: 1
    headers: { a: file }
    resourceAttributes: { service.name: file, site: file }`)}`;

const environment = {
  OTEL_EXPORTER_OTLP_ENDPOINT: "https://environment:2",
  OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  OTEL_EXPORTER_OTLP_HEADERS: "Api-Key=a%20b%3D, x=1=2 ,",
  OTEL_EXPORTER_OTLP_TIMEOUT: "2500",
  OTEL_EXPORTER_OTLP_COMPRESSION: "GZIP",
  OTEL_SERVICE_NAME: "environment",
  OTEL_RESOURCE_ATTRIBUTES: "service.name=other,site=environment,line=%C3%A4",
  OTEL_LOG_LEVEL: "DEBUG",
};

describe("environment", () => {
  it("applies when there is no document", () => {
    const config = load("", { ...environment, PORT: "0", GATEWAY_HOST: "::1", GATEWAY_STORE_PATH: "x.db" });

    expect(config).toMatchObject({
      listen: { host: "::1", port: 0 },
      store: { path: "cwd:x.db" },
      log: { level: "debug" },
      destinations: [
        {
          name: "default",
          url: "https://environment:2",
          compression: "gzip",
          timeoutMs: 2500,
          headers: { "api-key": "a b=", x: "1=2" },
          resourceAttributes: { "service.name": "environment", site: "environment", line: "ä" },
        },
      ],
    });
  });

  it("applies where the document is silent", () => {
    expect(load(silent, environment).destinations[0]).toMatchObject({
      url: "http://file:1",
      timeoutMs: 2500,
      headers: { "api-key": "a b=", x: "1=2" },
      resourceAttributes: { "service.name": "environment", site: "environment", line: "ä" },
    });
  });

  it("gives way to what is written", () => {
    const config = load(written, environment);

    expect(config.log.level).toBe("error");
    expect(config.destinations[0]).toMatchObject({
      url: "http://file:1",
      compression: "none",
      timeoutMs: 1000,
      headers: { a: "file" },
      resourceAttributes: { "service.name": "file", site: "file", line: "ä" },
    });
    expect(config.destinations[0]?.headers).toEqual({ a: "file" });
  });

  it("overrides what platforms dictate", () => {
    const config = load(written, { PORT: "9", GATEWAY_HOST: "127.0.0.2", GATEWAY_STORE_PATH: "/x.db" });
    expect(config).toMatchObject({ listen: { host: "127.0.0.2", port: 9 }, store: { path: "cwd:/x.db" } });
  });

  it("is silent where a variable is empty", () => {
    const names = [...Object.keys(environment), "PORT", "GATEWAY_HOST", "GATEWAY_STORE_PATH"];
    expect(load("", Object.fromEntries(names.map((name) => [name, " "])))).toEqual(load(""));
  });

  it.each([
    ["collector:1", undefined, "https://collector:1"],
    ["collector:1", "true", "http://collector:1"],
    ["collector:1", "false", "https://collector:1"],
    ["http://collector", "false", "http://collector:4317"],
    ["http://collector:4317/", undefined, "http://collector:4317"],
  ])("resolves endpoint %s with INSECURE %s", (endpointText, insecure, url) => {
    const config = load("", {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpointText,
      OTEL_EXPORTER_OTLP_INSECURE: insecure,
    });
    expect(config.destinations[0]?.url).toBe(url);
  });

  it.each([
    ["none", "silent"],
    ["VERBOSE", "trace"],
    ["all", "trace"],
    ["Warn", "warn"],
  ])("understands log level %s", (word, level) => {
    expect(load("", { OTEL_LOG_LEVEL: word }).log.level).toBe(level);
  });

  it.each([
    ["PORT", "80a", 'Wanted a whole number from 0 to 65535, met "80a"'],
    ["PORT", "65536", 'Wanted a whole number from 0 to 65535, met "65536"'],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "0", 'Wanted a whole number from 1 to 3600000, met "0"'],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", 'Wanted one of gzip, none, met "zstd"'],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/json is not supported yet"],
    [
      "OTEL_EXPORTER_OTLP_PROTOCOL",
      "grcp",
      'Wanted one of grpc, http/protobuf, http/json, met "grcp"; did you mean grpc?',
    ],
    ["OTEL_EXPORTER_OTLP_INSECURE", "1", 'Wanted one of true, false, met "1"'],
    [
      "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
      "low",
      'Wanted one of cumulative, delta, lowmemory, met "low"',
    ],
    [
      "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
      "exponential",
      'Wanted one of explicit_bucket_histogram, base2_exponential_bucket_histogram, met "exponential"',
    ],
    [
      "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
      "/c.pem",
      "Wanted OTEL_EXPORTER_OTLP_CLIENT_KEY beside it, met none",
    ],
    [
      "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY",
      "/k.pem",
      "Wanted OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE beside it, met none",
    ],
    [
      "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE",
      "-----BEGIN CERTIFICATE-----",
      "Wanted the path of a file, met its content (not shown)",
    ],
    ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json", "http/json is not supported yet"],
    ["OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "0", 'Wanted a whole number from 1 to 3600000, met "0"'],
    [
      "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
      "hunter2",
      "Wanted percent-encoded name=value pairs separated by commas, met something else (not shown)",
    ],
    [
      "OTEL_EXPORTER_OTLP_HEADERS",
      "Bearer hunter2=",
      "Wanted a header name of letters, digits and !#$%&'*+.^_`|~-, met something else (not shown)",
    ],
    [
      "OTEL_EXPORTER_OTLP_HEADERS",
      "hunter2",
      "Wanted percent-encoded name=value pairs separated by commas, met something else (not shown)",
    ],
    [
      "OTEL_EXPORTER_OTLP_HEADERS",
      "a=%zz",
      "Wanted percent-encoded name=value pairs separated by commas, met something else (not shown)",
    ],
    [
      "OTEL_EXPORTER_OTLP_HEADERS",
      "content-type=x",
      'Wanted a header that the transport does not set itself, met "content-type"',
    ],
    [
      "OTEL_EXPORTER_OTLP_HEADERS",
      "a=%0Ahunter2",
      "Wanted visible ASCII characters and spaces, met others in header a",
    ],
    [
      "OTEL_RESOURCE_ATTRIBUTES",
      "=x",
      "Wanted percent-encoded name=value pairs separated by commas, met something else (not shown)",
    ],
    [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "http://u:hunter2@a",
      "Wanted a host without user name and password, met one with them",
    ],
    [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "<COLLECTOR_HOST>:4317",
      "Wanted the receiver's address, met the placeholder <COLLECTOR_HOST>",
    ],
    [
      "OTEL_LOG_LEVEL",
      "wran",
      'Wanted one of all, verbose, trace, debug, info, warn, error, fatal, none, silent, met "wran"; did you mean warn?',
    ],
  ])("rejects %s=%s", (name, value, message) => {
    expect(linesOf("", { [name]: value })).toEqual([`${name}: ${message}`]);
  });

  it("lets a signal's own variables win over those for both", () => {
    const config = load("", {
      ...environment,
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "metrics",
      OTEL_EXPORTER_OTLP_METRICS_INSECURE: "true",
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "grpc",
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: "m=1",
      OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "1",
      OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: "none",
    });

    expect(config.destinations).toMatchObject([
      {
        name: "default",
        signals: ["metrics"],
        url: "http://metrics:4317",
        headers: { m: "1" },
        timeoutMs: 2500,
        compression: "gzip",
      },
      {
        name: "default",
        signals: ["logs"],
        url: "https://environment:2",
        headers: { "api-key": "a b=", x: "1=2" },
        timeoutMs: 1,
        compression: "none",
      },
    ]);
    expect(config.destinations[0]?.headers).toEqual({ m: "1" });
  });

  it("lets a signal's own variables apply where the document is silent", () => {
    const config = load(silent, {
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://b",
      OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "7",
    });
    expect(config.destinations).toMatchObject([
      { name: "collector", signals: ["metrics"], url: "http://file:1", timeoutMs: 10_000 },
      { name: "collector", signals: ["logs"], url: "http://file:1", timeoutMs: 7 },
    ]);
  });

  it("warns once of what concerns both signals", () => {
    const config = load("", {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.example",
      OTEL_EXPORTER_OTLP_HEADERS: "k=v",
      OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "7",
    });
    expect(config.warnings).toEqual(["Destination default sends headers (k) without TLS"]);
  });

  it("says once what is wrong for both signals", () => {
    expect(
      linesOf("", {
        OTEL_EXPORTER_OTLP_TIMEOUT: "0",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: "none",
      }),
    ).toEqual([
      'OTEL_EXPORTER_OTLP_TIMEOUT: Wanted a whole number from 1 to 3600000, met "0"',
      "OTEL_EXPORTER_OTLP_PROTOCOL: http/json is not supported yet",
    ]);
  });

  it("takes port 4318 when the protocol is grpc", () => {
    const config = load("", {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:4318",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    });
    expect(config.destinations[0]?.url).toBe("http://a:4318");
  });

  it("does not stop a gateway whose documents say where and how to send", () => {
    const config = load(written, {
      OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://<HOST>",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "b:0",
    });
    expect(config.destinations).toMatchObject([
      { url: "http://file:1", protocol: "grpc" },
      { url: "http://file:1", protocol: "grpc" },
    ]);
  });
});

describe("variables of what is not sent", () => {
  it("are those of another signal", () => {
    const variables = {
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "ftp://a",
      OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json",
    };
    const text = (signal: string) =>
      `${endpoint("{}")}---\n${gateway(`destinations: [{ endpointRef: collector, signals: [${signal}] }]`)}`;
    expect(linesOf(text("metrics"), variables)).toEqual([]);
    expect(linesOf(text("logs"), variables)).toEqual([
      "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: http/json is not supported yet",
    ]);
  });

  it("are those of an endpoint that no destination names, whose own faults are shown", () => {
    const text = `${endpoint("host: ftp://a", "one")}---\n${endpoint("{}", "two")}---\n${endpoint("host: a", "three")}---\n${gateway("destinations: [{ endpointRef: three, protocol: grpc }]")}`;
    expect(linesOf(text, { OTEL_EXPORTER_OTLP_ENDPOINT: "b:0" })).toEqual([
      "gateway.yaml:7: spec.openTelemetrySettings.host: Wanted scheme http or https, met ftp",
    ]);
  });
});

describe("certificates of the environment", () => {
  const files = {
    OTEL_EXPORTER_OTLP_CERTIFICATE: "ca.pem",
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: "client.pem",
    OTEL_EXPORTER_OTLP_CLIENT_KEY: "key.pem",
  };
  const certificate = {
    method: "X509Certificate",
    certificateFile: "cwd:client.pem",
    keyFile: "cwd:key.pem",
  };

  it("apply where the document is silent", () => {
    for (const text of ["", endpoint("host: https://a")]) {
      expect(load(text, { ...files, OTEL_EXPORTER_OTLP_ENDPOINT: "https://b" })).toMatchObject({
        destinations: [
          { authentication: certificate, trustedCaFile: "cwd:ca.pem", trustedCaFolder: undefined },
        ],
        warnings: [],
      });
    }
  });

  it("give way to what is written", () => {
    const text = endpoint(
      "host: https://a\nauthentication: { method: Anonymous }\ntls: { trustedCaCertificateConfigMapRef: ca }",
    );
    expect(load(text, files).destinations).toMatchObject([
      {
        authentication: { method: "Anonymous" },
        trustedCaFile: undefined,
        trustedCaFolder: "cwd:/etc/gateway/config/ca",
      },
    ]);
  });

  it("can be a signal's own", () => {
    const config = load(endpoint("host: https://a"), {
      ...files,
      OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE: "logs.pem",
      OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY: "logs-key.pem",
    });
    expect(config.destinations).toMatchObject([
      { signals: ["metrics"], trustedCaFile: "cwd:ca.pem", authentication: certificate },
      {
        signals: ["logs"],
        trustedCaFile: "cwd:logs.pem",
        authentication: { ...certificate, keyFile: "cwd:logs-key.pem" },
      },
    ]);
  });

  it("have no effect without TLS, which is said", () => {
    const { destinations, warnings } = load("", files);
    expect(destinations).toMatchObject([{ authentication: { method: "Anonymous" } }]);
    expect(warnings).toEqual([
      "Destination default is reached without TLS; its trusted authorities have no effect",
      "Destination default is reached without TLS; OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE has no effect",
    ]);
  });

  it("leave the authorization to the endpoint's token", () => {
    const text = endpoint(
      "host: https://a\nauthentication: { method: ServiceAccountToken, serviceAccountTokenSettings: { audience: b } }",
    );
    const { destinations, warnings } = load(text, {
      OTEL_EXPORTER_OTLP_HEADERS: "Authorization=hunter2,x=y",
    });
    expect(destinations[0]?.headers).toEqual({ x: "y" });
    expect(warnings).toEqual([
      "Destination collector sends its token instead of the authorization of OTEL_EXPORTER_OTLP_HEADERS",
    ]);
  });
});

describe("metrics of the environment", () => {
  const temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
  const aggregation = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";

  it.each([
    [temporality, "Cumulative", { temporality: "cumulative" }],
    [temporality, "DELTA", { temporality: "delta" }],
    [temporality, "LowMemory", { temporality: "delta" }],
    [aggregation, "explicit_bucket_histogram", { histogramAggregation: "explicit" }],
    [aggregation, "base2_exponential_bucket_histogram", { histogramAggregation: "exponential" }],
  ])("%s=%s applies where the document is silent", (name, value, expected) => {
    expect(load("", { [name]: value }).destinations).toMatchObject([expected]);
    const text = `${silent}---\n${gateway("destinations: [{ endpointRef: collector, temporality: cumulative, histogramAggregation: explicit }]")}`;
    expect(load(text, { [name]: value }).destinations).toMatchObject([
      { temporality: "cumulative", histogramAggregation: "explicit" },
    ]);
  });
});
