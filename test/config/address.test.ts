import { describe, expect, it } from "vitest";
import { endpoint, gateway, issuesOf, load } from "./support.ts";

const grpc = { protocol: "grpc" };
const http = { protocol: "http/protobuf" };

function destination(host: string, fields = "", environment: Record<string, string> = {}) {
  const text = `${endpoint(`host: ${host}`)}---\n${gateway(`destinations: [{ endpointRef: collector${fields} }]`)}`;
  return load(text, environment).destinations[0];
}

const below = (base: string) => ({ metrics: `${base}/v1/metrics`, logs: `${base}/v1/logs` });

describe("address of an endpoint", () => {
  it.each([
    ["http://a", { ...grpc, url: "http://a:4317" }],
    ["http://a:4317/", { ...grpc, url: "http://a:4317" }],
    ["http://a:4318", { ...http, url: "http://a:4318", signalUrls: below("http://a:4318") }],
    ["https://a:4318/", { ...http, url: "https://a:4318", signalUrls: below("https://a:4318") }],
    ["a:4318", { ...http, url: "https://a:4318", signalUrls: below("https://a:4318") }],
    ["http://a/otlp", { ...http, url: "http://a:4318", signalUrls: below("http://a:4318/otlp") }],
    ["https://a:443/otlp/", { ...http, url: "https://a:443", signalUrls: below("https://a:443/otlp") }],
    ["a:80/x//", { ...http, url: "https://a:80", signalUrls: below("https://a:80/x") }],
  ])("%s decides about the protocol", (host, expected) => {
    expect(destination(host)).toMatchObject(expected);
  });

  it.each([
    ["http://a", "grpc", { ...grpc, url: "http://a:4317" }],
    ["http://a:4318", "grpc", { ...grpc, url: "http://a:4318" }],
    ["http://a", "http/protobuf", { ...http, url: "http://a:4318", signalUrls: below("http://a:4318") }],
    ["http://a:4317", "http/protobuf", { ...http, url: "http://a:4317", signalUrls: below("http://a:4317") }],
  ])("%s with protocol %s", (host, protocol, expected) => {
    expect(destination(host, `, protocol: ${protocol}`)).toMatchObject(expected);
    expect(destination(host, "", { OTEL_EXPORTER_OTLP_PROTOCOL: protocol })).toMatchObject(expected);
  });

  it("goes by the destination's protocol rather than by the environment's", () => {
    const environment = { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" };
    expect(destination("http://a", ", protocol: http/protobuf", environment)).toMatchObject(http);
  });

  it.each([
    ["http://a/otlp", "grpc", 'Wanted a host without a path for protocol grpc, met "/otlp"'],
    [
      "http://a/x/v1/logs/",
      "http/protobuf",
      'Wanted a host without the path of a signal, which is added, met "/x/v1/logs/"',
    ],
    [
      '"http://a/o x"',
      "http/protobuf",
      'Wanted a host such as collector:4317 or https://collector:4317, met "http://a/o x"',
    ],
  ])("rejects %s with protocol %s", (host, protocol, message) => {
    const text = `${endpoint(`host: ${host}`)}---\n${gateway(`destinations: [{ endpointRef: collector, protocol: ${protocol} }]`)}`;
    expect(issuesOf(text)).toEqual([
      { file: "gateway.yaml", line: 7, path: "spec.openTelemetrySettings.host", message },
    ]);
  });
});

describe("address from the environment", () => {
  const variables = (fields: Record<string, string>) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [`OTEL_EXPORTER_OTLP_${name}`, value]));

  it.each([
    [{}, { ...grpc, url: "http://localhost:4317" }],
    [
      { PROTOCOL: "http/protobuf" },
      { ...http, url: "http://localhost:4318", signalUrls: below("http://localhost:4318") },
    ],
    [{ ENDPOINT: "http://a" }, { ...grpc, url: "http://a:4317" }],
    [{ ENDPOINT: "http://a:4318" }, { ...http, url: "http://a:4318", signalUrls: below("http://a:4318") }],
    [
      { ENDPOINT: "http://a:4318", PROTOCOL: "grpc" },
      { ...grpc, url: "http://a:4318" },
    ],
    [{ ENDPOINT: "http://a/b/" }, { ...http, url: "http://a:80", signalUrls: below("http://a:80/b") }],
    [
      { ENDPOINT: "https://a", PROTOCOL: "http/protobuf" },
      { ...http, url: "https://a:443", signalUrls: below("https://a:443") },
    ],
    [{ ENDPOINT: "http://a:4318/v1/metrics" }, { ...http, signalUrls: below("http://a:4318/v1/metrics") }],
  ])("of %j", (fields, expected) => {
    expect(load("", variables(fields)).destinations).toMatchObject([{ name: "default", ...expected }]);
  });

  it("takes a signal's own URL as it is", () => {
    const [metrics, logs] = load(
      "",
      variables({
        ENDPOINT: "http://a:4317",
        METRICS_ENDPOINT: "http://b:4318/in/",
        LOGS_ENDPOINT: "https://c",
        LOGS_PROTOCOL: "http/protobuf",
      }),
    ).destinations;

    expect(metrics).toMatchObject({ ...http, signals: ["metrics"] });
    expect(metrics?.signalUrls.metrics).toBe("http://b:4318/in/");
    expect(logs).toMatchObject({ ...http, signals: ["logs"] });
    expect(logs?.signalUrls.logs).toBe("https://c:443/");
  });

  it("rejects a path with protocol grpc", () => {
    expect(issuesOf("", variables({ LOGS_ENDPOINT: "http://a/v1/logs", LOGS_PROTOCOL: "grpc" }))).toEqual([
      {
        path: "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        message: 'Wanted a host without a path for protocol grpc, met "/v1/logs"',
      },
    ]);
  });
});
