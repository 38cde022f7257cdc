import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { checkConfig } from "../../cli/check-config.ts";
import { startSink } from "../../cli/sink-server.ts";
import { useFolder } from "../config/support.ts";

const inFolder = useFolder();

async function check(text: string, environment: Record<string, string> = {}, probe = false) {
  const path = inFolder("gateway.yaml");
  writeFileSync(path, text);
  let output = "";
  let errors = "";
  const status = await checkConfig(path, {
    environment,
    probe,
    write: (more) => (output += more),
    writeError: (more) => (errors += more),
  });
  const relative = (all: string) => all.replaceAll(inFolder(), ".");
  return { status, output: relative(output), errors: relative(errors) };
}

const everything = `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: otel-collector }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings:
    host: collector.example
    batching: { maxMessages: 100 }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: edge-1 }
spec:
  listen: { host: "::", port: 9000 }
  store: { path: ./gateway.db }
  dedupe: { seconds: 0 }
  administration: { token: { file: ./admin } }
  sources:
    - { name: emqx, authentication: { method: Bearer, token: { env: EMQX } }, topicFilters: [a, b/#] }
    - { name: nano, adapter: emqx, authentication: { method: None }, lenient: true, payloadEncoding: base64 }
  destinations:
    - endpointRef: otel-collector
      signals: [metrics]
      compression: none
      headers: { x-tenant: { file: ./tenant }, x-plain: hunter2 }
      histogramBounds: { default: [1, 2], cycle_time: [3] }
      resourceAttributes: { site: north }
`;

const brokers = `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: secure }
spec:
  endpointType: Mqtt
  mqttSettings: { host: broker.example, protocol: WebSockets, keepAliveSeconds: 0, clientIdPrefix: edge- }
---
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: plain }
spec:
  endpointType: Mqtt
  mqttSettings: { host: broker.example, tls: { mode: Disabled }, qos: 0, maxInflightMessages: 7 }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: edge-2 }
spec:
  listen: { host: 10.0.0.1, port: 8443, tls: { certificateFile: c.pem, keyFile: k.pem, clientCaFile: ca.pem } }
  acknowledge: delivered
  acknowledgeTimeoutSeconds: 5
  store: { type: memory }
  administration: { token: { env: SECRET } }
  sources:
    - name: one
      adapter: json
      authentication: { method: Basic, username: hunter2, password: { env: SECRET } }
      fields: { topic: /a, payload: "" }
    - name: two
      authentication: { method: HmacSha256, key: { env: SECRET } }
      lenient: true
      counterValues: total
      attributes: { site: north, line: "$\u{7b}topic.2}" }
      attributeValuesMax: 9
      baggage: [tenant, user]
      retryStatus: 429
    - name: three
      authentication:
        { method: HmacSha256, key: { env: SECRET }, header: X-S, timestamp: { header: X-T, toleranceSeconds: 7 } }
    - name: four
      adapter: cloudevents
      authentication: { method: UrlSecret, secret: { env: SECRET }, parameter: key }
      allowedOrigins: [a.example, b.example]
    - name: five
      adapter: aws-iot
      authentication: { method: ClientCertificate }
      payloadEncoding: base64
      confirmationHosts: [iot.example]
    - { name: six, adapter: raw, authentication: { method: ClientCertificate, names: [a, b] } }
  bridges:
    - name: plant
      endpointRef: secure
      topicFilters: [a/#, b]
      protocolVersion: 3.1.1
      username: hunter2
      password: { env: SECRET }
      retained: true
      lenient: true
      certificates: { trustedCaFile: ca.pem }
    - { name: local, endpointRef: plain, topicFilters: [c], sharedSubscription: g }
`;

describe("checkConfig()", () => {
  it("says what a configuration means, without any secret", async () => {
    writeFileSync(inFolder("admin"), "hunter2");

    expect(await check(everything, { EMQX: "hunter2" })).toEqual({
      status: 0,
      errors: "",
      output: `Gateway edge-1
  listens on http://[::]:9000
  administration: token from file ./admin
  limits: body 4 MiB, payload 1 MiB, 512 requests at the same time
  acknowledges: what is stored
  store: ./gateway.db (made at start), at most 4 GiB; dead letters at most 256 MiB
  dedupe: off
  stopping: drains 0 s, flushes for at most 10 s
  log level: info
Sources
  POST /webhooks/emqx: adapter emqx; Bearer token from environment variable EMQX; topics a, b/#; asks for a repeat with 503
  POST /webhooks/nano: adapter emqx; no authentication; any topic; payload base64; lenient; asks for a repeat with 503
Destinations
  otel-collector: https://collector.example:4317
    protocol: grpc, TLS on, authentication Anonymous
    batching: latencySeconds 60, maxMessages 100
    signals: metrics
    messages: any source; any topic; a new destination starts now; delivered however late
    requests: not compressed, time-out 10 s, at most 4000000 bytes (3.8 MiB)
    headers: x-tenant (file ./tenant), x-plain (plain text)
    sums and histograms: cumulative, window 60 s
    series: at most 100000, with gauges of rules
    stated again: every 60 s, for 3600 s after a change
    histogram bounds: 1, 2; others for cycle_time
    resource: service.name=mqtt-otlp-gateway, site=north
Warnings
  Secrets of source emqx arrive without TLS on ::, unless a proxy with TLS stands before it
  No destination takes logs; they are acknowledged, and sent nowhere
  Secret cannot be found: file ./tenant
`,
    });
  });

  it("says what sources, bridges and a store in memory are, without any secret", async () => {
    const { status, errors, output } = await check(brokers, { SECRET: "hunter2" });

    expect({ status, errors }).toEqual({ status: 0, errors: "" });
    expect(output.slice(0, output.indexOf("Destinations"))).toBe(`Gateway edge-2
  listens on https://10.0.0.1:8443 with certificate file ./c.pem and key ./k.pem, senders' certificates by file ./ca.pem
  administration: token from environment variable SECRET
  limits: body 4 MiB, payload 1 MiB, 512 requests at the same time
  acknowledges: what is delivered, waiting at most 5 s
  store: in memory, at most 256 MiB; dead letters at most 16 MiB
  dedupe: 3600 s, at most 1000000 messages
  stopping: drains 0 s, flushes for at most 10 s
  log level: info
Sources
  POST /webhooks/one: adapter json; Basic user name with password from environment variable SECRET; any topic; fields topic at "/a", payload at ""; asks for a repeat with 503
  POST /webhooks/two: adapter mqtt; HmacSha256 in X-Signature-256, key from environment variable SECRET; any topic; lenient; counter values are totals; attributes site=north, line=$\u{7b}topic.2}, at most 9 values of each; baggage tenant, user; asks for a repeat with 429
  POST /webhooks/three: adapter mqtt; HmacSha256 in X-S with time in X-T, 7 s off at most, key from environment variable SECRET; any topic; asks for a repeat with 503
  POST /webhooks/four: adapter cloudevents; secret in the URL, or its parameter key, from environment variable SECRET; any topic; asked for by a.example, b.example alone; asks for a repeat with 503
  POST /webhooks/five: adapter aws-iot; client certificate; any topic; payload base64; confirms at iot.example; asks for a repeat with 503
  POST /webhooks/six: adapter raw; client certificate of a, b; any topic; asks for a repeat with 503
Bridges
  plant: wss://broker.example:443/mqtt
    protocol: MQTT 3.1.1, TLS on, trusting file ./ca.pem, authentication user name with password from environment variable SECRET
    subscription: topics a/#, b; QoS 1; with retained messages; lenient
    session: keep alive off; kept for 600 s; at most 100 messages in flight; client identifier begins with edge-
  local: mqtt://broker.example:1883
    protocol: MQTT 5, TLS off, authentication Anonymous
    subscription: topics c; QoS 0; shared as g; without retained messages
    session: keep alive 60 s; kept for 600 s; at most 7 messages in flight
`);
    expect(output).not.toContain("hunter2");
  });

  it("says what no configuration means", async () => {
    const { status, output } = await check("", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:1" });

    expect(status).toBe(0);
    expect(output).toContain("listens on http://127.0.0.1:8080\n");
    expect(output).toContain(`store: ${resolve("data/gateway.db")}`);
    expect(output).toContain("POST /webhooks/mqtt: adapter mqtt; no authentication; any topic;");
    expect(output).toContain("default: http://a:1\n    protocol: grpc, TLS off,");
    expect(output).toContain("batching: latencySeconds 5, maxMessages 100000\n");
    expect(output).not.toContain("Warnings");
  });

  it.each([
    [
      "whose folder would lie in a file",
      "gateway.yaml/x/gateway.db",
      /Cannot make store .*gateway\.yaml is no folder$/m,
    ],
    ["that is a folder", ".", /Store .* is no file$/m],
  ])("warns of a store %s", async (_, path, warning) => {
    const text = `apiVersion: mqtt-otlp-gateway/v1\nkind: Gateway\nspec: { store: { path: ${path} } }`;
    const { status, output } = await check(text);
    expect(status).toBe(0);
    expect(output.slice(output.indexOf("Warnings"))).toMatch(warning);
  });

  it("warns of a store whose folder cannot be written", async () => {
    mkdirSync(inFolder("fixed"));
    // Root may write wherever the file system lets it.
    const isMounted =
      spawnSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", inFolder("fixed")]).status === 0;
    if (!isMounted) chmodSync(inFolder("fixed"), 0o500);
    const text =
      "apiVersion: mqtt-otlp-gateway/v1\nkind: Gateway\nspec: { store: { path: fixed/a/gateway.db } }";
    const { output } = await check(text).finally(() => isMounted && spawnSync("umount", [inFolder("fixed")]));
    expect(output).toContain("Cannot write store ./fixed/a/gateway.db: this user may not write ./fixed\n");
  });

  it("warns of no store whose folder is made at start", async () => {
    const text =
      "apiVersion: mqtt-otlp-gateway/v1\nkind: Gateway\nspec: { store: { path: ./a/b/gateway.db } }";
    const { output } = await check(text);
    expect(output).toContain("  store: ./a/b/gateway.db (made at start), at most 4 GiB;");
    expect(output).not.toContain("Warnings");
  });

  it("writes every fault to the errors, and exits with 2", async () => {
    expect(await check("kind: Gatewy\n---\nkind: DataflowProfile\n", { PORT: "x" })).toEqual({
      status: 2,
      output: "",
      errors: `PORT: Wanted a whole number from 0 to 65535, met "x"
./gateway.yaml:1: kind: Wanted one of Gateway, DataflowEndpoint, DataflowGraph, Mapping, met "Gatewy"; did you mean Gateway?
./gateway.yaml:3: kind: DataflowProfile is not supported yet
`,
    });
  });

  it("exits with 2 when there is no such file", async () => {
    let errors = "";
    const status = await checkConfig(inFolder("missing.yaml"), {
      environment: {},
      write: () => {},
      writeError: (more) => (errors += more),
    });
    expect({ status, errors }).toEqual({
      status: 2,
      errors: expect.stringContaining("Cannot read configuration"),
    });
  });

  it("asks each destination for each signal with --probe", async () => {
    const sizes: number[] = [];
    const sink = await startSink({
      host: "127.0.0.1",
      port: 0,
      onRequest: (_, request) =>
        sizes.push("resourceLogs" in request ? request.resourceLogs.length : request.resourceMetrics.length),
    });
    const { status, output } = await check("", { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }, true);
    await sink.close();

    expect(status).toBe(0);
    expect(output).toMatch(
      /\nProbe\n {2}default DNS: ok, .*\n {2}default metrics: ok, taken\n {2}default logs: ok, taken\n$/s,
    );
    expect(sizes).toEqual([0, 0]);
  });

  it("exits with 1 when a destination does not take one of its signals, and says why", async () => {
    const sink = await startSink({
      host: "127.0.0.1",
      port: 0,
      answer: async (signal) => {
        if (signal === "logs") throw new ConnectError("no logs here", Code.Unimplemented);
        return { rejectedItems: 0n, errorMessage: "" };
      },
    });
    const { status, output } = await check("", { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }, true);
    await sink.close();

    expect(status).toBe(1);
    expect(output).toMatch(/\n {2}default metrics: ok, taken\n {2}default logs: failed, .*no logs here.*\n$/);
  });

  it("exits with 1 when nobody listens there", async () => {
    const sink = await startSink({ host: "127.0.0.1", port: 0 });
    await sink.close();
    const { status, output } = await check("", { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }, true);

    expect(status).toBe(1);
    expect(output).toMatch(
      /\n {2}default TCP: failed, The connection was refused.*\n {2}default metrics: skipped, TCP failed/s,
    );
  });

  it("exits with 1 when the broker of a bridge is away, though every destination takes its signals", async () => {
    const sink = await startSink({ host: "127.0.0.1", port: 0 });
    const away = await startSink({ host: "127.0.0.1", port: 0 });
    await away.close();
    const text = `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: local }
spec: { endpointType: Mqtt, mqttSettings: { host: "mqtt://${new URL(away.url).host}" } }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
spec: { bridges: [{ name: plant, endpointRef: local, topicFilters: [a] }] }
`;
    const { status, output } = await check(text, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }, true);
    await sink.close();

    expect(status).toBe(1);
    expect(output).toMatch(
      /\n {2}bridge plant TCP: failed, The connection was refused: .* the broker runs\n/,
    );
    expect(output).toMatch(/\n {2}default logs: ok, taken\n$/);
  });

  it("asks nobody when the configuration cannot be used", async () => {
    expect(await check("", { PORT: "x" }, true)).toMatchObject({ status: 2, output: "" });
  });
});
