import { symlinkSync, writeFileSync } from "node:fs";
import type { SecureServerOptions } from "node:http2";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import { createAuthority } from "../support/certificates.ts";
import {
  type GatewayProcess,
  lanesOf,
  ledgerFaults,
  postStatus,
  readStatus,
  untilStatus,
} from "../support/gateway-process.ts";
import { createMountedFolder, type Files } from "../support/mounted-folder.ts";
import { startTlsReceiver, type TlsReceiverOptions } from "../support/tls-receiver.ts";
import { createToken } from "../support/token.ts";
import { createRecorder, numberedBatch, range } from "./recorder.ts";
import { start, temporaryFolder } from "./workbench.ts";

const loopback = { dns: ["localhost"], ipv4: ["127.0.0.1"] };
const batchMessages = 20;

/** A receiver that remembers what it accepted. */
async function receive(material: SecureServerOptions, accepts?: TlsReceiverOptions["accepts"]) {
  const recorder = createRecorder();
  const receiver = await startTlsReceiver(material, {
    ...(accepts && { accepts }),
    onAccepted(path, request) {
      const isLogs = path.includes("LogsService");
      recorder.add(
        fromBinary(isLogs ? ExportLogsServiceRequestSchema : ExportMetricsServiceRequestSchema, request),
      );
    },
  });
  onTestFinished(receiver.close);
  return { ...receiver, recorder };
}

function mount(files: Files) {
  const folder = createMountedFolder(files);
  onTestFinished(folder.remove);
  return folder;
}

function endpoint(name: string, url: string, authentication: string): string {
  return `
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: ${name} }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings:
    host: ${url}
    batching: { latencySeconds: 0, maxMessages: 0 }
    authentication: ${authentication}
    tls: { mode: Enabled, trustedCaCertificateConfigMapRef: authorities }
---`;
}

/** Post numbered messages one request after the other, until it is told to stop. */
function startLoad(gateway: GatewayProcess) {
  let isOver = false;
  let posted = 0;
  const ended = (async () => {
    while (!isOver) {
      expect(await postStatus(gateway, numberedBatch(posted, batchMessages))).toBe(200);
      posted += batchMessages;
      await delay(10);
    }
    return posted;
  })();
  return {
    async stop() {
      isOver = true;
      return await ended;
    },
  };
}

describe("credentials that are replaced under load", () => {
  it("lose nothing on both sides, three times, and a broken pair stops nobody", async () => {
    let authority = createAuthority({ name: "Receivers 0" });
    let clients = createAuthority({ name: "Clients 0" });
    let token = createToken({ aud: "otel", n: 0 });
    const pair = () => {
      const { cert, key } = clients.issue({ name: "gateway" });
      return { "tls.crt": cert, "tls.key": key };
    };
    const mutual = await receive({ ...authority.issue(loopback), ca: clients.cert });
    const bearer = await receive(authority.issue(loopback), (shown) => shown === `Bearer ${token}`);

    const folder = temporaryFolder();
    const own = mount(pair());
    const trusted = mount({ "ca.crt": authority.cert });
    const tokens = mount({ token });
    symlinkSync(own.path, join(folder, "client"));
    symlinkSync(trusted.path, join(folder, "authorities"));
    const configPath = join(folder, "gateway.yaml");
    writeFileSync(
      configPath,
      `${endpoint("mutual", mutual.url, "{ method: X509Certificate, x509CertificateSettings: { secretRef: client } }")}
${endpoint("bearer", bearer.url, "{ method: ServiceAccountToken, serviceAccountTokenSettings: { audience: otel } }")}
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: test }
spec:
  listen: { host: 127.0.0.1, port: 0 }
  store: { path: ${JSON.stringify(join(folder, "gateway.db"))} }
  sources: [{ name: devices, adapter: mqtt, authentication: { method: None } }]
  destinations:
    - { endpointRef: mutual, compression: none }
    - { endpointRef: bearer, compression: none }
  secretsPath: ${JSON.stringify(folder)}
  configMapsPath: ${JSON.stringify(folder)}
  serviceAccountTokenFile: ${JSON.stringify(join(tokens.path, "token"))}
`,
    );
    const gateway = await start(configPath);
    const load = startLoad(gateway);
    const deliveredMore = async () => {
      const { accepted } = await readStatus(gateway);
      await untilStatus(gateway, (status) => lanesOf(status).every(({ delivered }) => delivered > accepted));
    };
    await deliveredMore();

    for (let round = 1; round <= 3; round++) {
      authority = createAuthority({ name: `Receivers ${round}` });
      clients = createAuthority({ name: `Clients ${round}` });
      token = createToken({ aud: "otel", n: round });
      // The worst order: the receivers know only what is new while the gateway has only what is old.
      mutual.replace({ ...authority.issue(loopback), ca: clients.cert });
      bearer.replace(authority.issue(loopback));
      mutual.cut();
      bearer.cut();
      await untilStatus(gateway, (status) => lanesOf(status).every(({ health }) => health === "Degraded"));
      trusted.swap({ "ca.crt": authority.cert });
      own.swap(pair());
      tokens.swap({ token });
      await deliveredMore();
      own.swap({ "tls.crt": "half", "tls.key": "written" });
      await untilStatus(gateway, () => gateway.log().split("New credentials of mutual").length === round + 1);
      await deliveredMore();
      own.swap(pair());
    }

    const posted = await load.stop();
    const status = await untilStatus(gateway, (now) => lanesOf(now).every(({ pending }) => pending === 0));
    expect(ledgerFaults(status)).toEqual([]);
    expect(status.deadLetters.kept).toBe(0);
    for (const lane of lanesOf(status))
      expect(lane).toMatchObject({ delivered: posted, health: "Available" });
    for (const { recorder } of [mutual, bearer]) {
      expect([...recorder.gauges]).toEqual(range(posted));
      expect([...recorder.logs]).toEqual(range(posted).map(String));
    }
    expect(gateway.log()).not.toMatch(/PRIVATE KEY|eyJ/);
    expect(await gateway.end("SIGTERM")).toBe(0);
  });
});
