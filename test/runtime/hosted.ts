/** A configuration as function hosts have it, and the receiver that it names. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { LogRecord } from "../../gen/opentelemetry/proto/logs/v1/logs_pb.ts";
import { startSink } from "../support/otlp-sink.ts";

export const environment = { SENDER_TOKEN: "sender-secret", ADMIN_TOKEN: "admin-secret" };
export const senderToken = `Bearer ${environment.SENDER_TOKEN}`;
export const adminToken = `Bearer ${environment.ADMIN_TOKEN}`;

/** A payload that a receiver gets one log record of. */
export function logText(text: string): string {
  return `{"logs":[{"level":"info","value":"${text}"}]}`;
}

/** `spec`: instead of a store in memory that acknowledges what is delivered. */
export async function setUpHost({
  spec = "acknowledge: delivered, store: { type: memory }",
  sources = "[{ name: devices, adapter: raw, authentication: { method: Bearer, token: { env: SENDER_TOKEN } } }]",
}: {
  spec?: string;
  sources?: string;
} = {}) {
  const folder = mkdtempSync(join(tmpdir(), "gateway-host-"));
  const records: LogRecord[] = [];
  const sink = await startSink({
    onLogs: ({ resourceLogs }) =>
      records.push(...resourceLogs.flatMap((one) => one.scopeLogs.flatMap((scope) => scope.logRecords))),
  });
  const configPath = join(folder, "gateway.yaml");
  const write = (text = documents()) => writeFileSync(configPath, text);
  const documents = () => `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: collector }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings: { host: "${sink.url}", batching: { latencySeconds: 0 } }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
spec: { ${spec}, administration: { token: { env: ADMIN_TOKEN } }, sources: ${sources} }
`;
  write();
  onTestFinished(async () => {
    await sink.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    configPath,
    write,
    sink,
    /** The texts of the log records that the receiver got. */
    received: () => records.map(({ body }) => body?.value.value),
  };
}
