import { spawn } from "node:child_process";
import { once } from "node:events";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { lanesOf, ledgerFaults, postStatus, type Status, untilStatus } from "../support/gateway-process.ts";
import { createMountedFolder, type Files } from "../support/mounted-folder.ts";
import { createToken } from "../support/token.ts";
import { numberedBatch } from "./recorder.ts";
import { collectorPath } from "./setup.ts";
import { start, temporaryFolder, vacantPort } from "./workbench.ts";

const messages = 50;
const json = JSON.stringify;

/** Start a real Collector. Resolves once it listens. */
async function startCollector(configuration: string): Promise<void> {
  const path = join(temporaryFolder(), "collector.yaml");
  writeFileSync(path, configuration);
  const child = spawn(collectorPath, ["--config", path], { stdio: ["ignore", "ignore", "pipe"] });
  onTestFinished(async () => {
    if (child.exitCode === null && child.kill("SIGTERM")) await once(child, "exit");
  });
  let log = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      if (log.includes("Everything is ready")) resolve();
    });
    child.once("exit", (status) => reject(new Error(`The Collector exited with ${status}: ${log}`)));
  });
}

function mount(files: Files) {
  const folder = createMountedFolder(files);
  onTestFinished(folder.remove);
  return folder;
}

const methods = {
  mutual: "{ method: X509Certificate, x509CertificateSettings: { secretRef: client } }",
  bearer: "{ method: ServiceAccountToken, serviceAccountTokenSettings: { audience: otel } }",
};

/** An endpoint document for each way to the Collector, and what they have in common. */
function gatewayConfiguration(folder: string, ports: Record<string, number>): string {
  const names = Object.keys(ports);
  const endpoints = names.map(
    (name) => `
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: ${name} }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings:
    host: localhost:${ports[name]}
    batching: { latencySeconds: 0, maxMessages: 0 }
    authentication: ${name.startsWith("mutual") ? methods.mutual : methods.bearer}
    tls: { mode: Enabled, trustedCaCertificateConfigMapRef: authorities }
---`,
  );
  const destinations = names.map(
    (name) => `{ endpointRef: ${name}, protocol: ${name.endsWith("http") ? "http/protobuf" : "grpc"} }`,
  );
  return `${endpoints.join("")}
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: test }
spec:
  listen: { host: 127.0.0.1, port: 0 }
  store: { path: ${json(join(folder, "gateway.db"))} }
  sources: [{ name: devices, adapter: mqtt, authentication: { method: None } }]
  destinations: [${destinations.join(", ")}]
  secretsPath: ${json(folder)}
  configMapsPath: ${json(folder)}
  serviceAccountTokenFile: ${json(join(folder, "tokens", "token"))}
`;
}

describe("a real Collector that demands credentials", () => {
  it("refuses wrong ones with a reason that names them, and takes everything once they are replaced", async () => {
    const authority = createAuthority({ name: "Receivers" });
    const clients = createAuthority({ name: "Clients" });
    const strangers = createAuthority({ name: "Strangers" });
    const token = createToken({ aud: "otel", exp: 4_000_000_000 });
    const pairOf = ({ cert, key }: { cert: string; key: string }) => ({ "tls.crt": cert, "tls.key": key });

    const server = authority.issue({ dns: ["localhost"] });
    const material = mount({ ...pairOf(server), "clients.crt": clients.cert, token }).path;
    const tls = `cert_file: ${json(`${material}/tls.crt`)}, key_file: ${json(`${material}/tls.key`)}`;
    const mutualTls = `tls: { ${tls}, client_ca_file: ${json(`${material}/clients.crt`)} }`;
    const bearer = `tls: { ${tls} }, auth: { authenticator: bearertokenauth }`;
    const ports = {
      "mutual-grpc": await vacantPort(),
      "mutual-http": await vacantPort(),
      "bearer-grpc": await vacantPort(),
      "bearer-http": await vacantPort(),
    };
    const at = (name: keyof typeof ports) => `endpoint: "localhost:${ports[name]}"`;
    await startCollector(`
extensions: { bearertokenauth: { filename: ${json(`${material}/token`)} } }
receivers:
  otlp/mutual:
    protocols: { grpc: { ${at("mutual-grpc")}, ${mutualTls} }, http: { ${at("mutual-http")}, ${mutualTls} } }
  otlp/bearer:
    protocols: { grpc: { ${at("bearer-grpc")}, ${bearer} }, http: { ${at("bearer-http")}, ${bearer} } }
exporters: { debug: {} }
service:
  extensions: [bearertokenauth]
  telemetry: { metrics: { level: none } }
  pipelines:
    metrics: { receivers: [otlp/mutual, otlp/bearer], exporters: [debug] }
    logs: { receivers: [otlp/mutual, otlp/bearer], exporters: [debug] }
`);

    const folder = temporaryFolder();
    const own = mount(pairOf(strangers.issue({ name: "gateway" })));
    const tokens = mount({ token: createToken({ aud: "otel", exp: 1_700_000_000 }) });
    symlinkSync(own.path, join(folder, "client"));
    symlinkSync(tokens.path, join(folder, "tokens"));
    symlinkSync(mount({ "ca.crt": authority.cert }).path, join(folder, "authorities"));
    const configPath = join(folder, "gateway.yaml");
    writeFileSync(configPath, gatewayConfiguration(folder, ports));
    const gateway = await start(configPath);
    expect(await postStatus(gateway, numberedBatch(0, messages))).toBe(200);

    const refused = await untilStatus(gateway, (status) =>
      lanesOf(status).every(({ reason }) => reason !== null),
    );
    const lanes = (status: Status, name: string) => Object.values(status.destinations[name] ?? {});
    for (const protocol of ["grpc", "http"]) {
      for (const lane of lanes(refused, `mutual-${protocol}`)) {
        expect(lane).toMatchObject({ pending: messages, health: "Degraded" });
        expect(lane.reason).toMatch(/client certificate/);
      }
      for (const lane of lanes(refused, `bearer-${protocol}`)) {
        expect(lane).toMatchObject({ pending: messages, health: "Unavailable" });
        expect(lane.reason).toMatch(
          /^The service account token expired at 2023-11-14T22:13:20\.000Z: .*\. The receiver answered (UNAUTHENTICATED|HTTP 401)/,
        );
      }
    }

    own.swap(pairOf(clients.issue({ name: "gateway" })));
    tokens.swap({ token });
    const accepted = await untilStatus(gateway, (status) =>
      lanesOf(status).every(({ pending }) => pending === 0),
    );
    expect(ledgerFaults(accepted)).toEqual([]);
    for (const lane of lanesOf(accepted))
      expect(lane).toMatchObject({ delivered: messages, deadLettered: 0, health: "Available", reason: null });
    expect(await gateway.end("SIGTERM")).toBe(0);
  });
});
