/** What a scenario needs around it; all of it is gone when its test has finished. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type GatewayProcess, gatewayConfiguration, startGateway } from "../support/gateway-process.ts";
import { startSink, type TestSink } from "../support/otlp-sink.ts";

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "gateway-integration-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A port on which nothing listens. */
export async function vacantPort(): Promise<number> {
  const sink = await startSink();
  await sink.close();
  return sink.port;
}

export async function openSink(options: Parameters<typeof startSink>[0] = {}): Promise<TestSink> {
  const sink = await startSink(options);
  let isOpen = true;
  const close = async () => {
    if (isOpen) await sink.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { ...sink, close };
}

/** Start a gateway whose process ends with the test, whatever becomes of it. */
export async function start(configPath: string, command?: readonly string[]): Promise<GatewayProcess> {
  const gateway = await startGateway(configPath, command);
  onTestFinished(async () => {
    await gateway.end("SIGKILL");
  });
  return gateway;
}

/** Write a configuration with its store beside it, and resolve with its path. */
export function writeConfiguration(
  options: Omit<Parameters<typeof gatewayConfiguration>[0], "storePath"> & {
    folder?: string;
    storePath?: string;
  },
): string {
  const { folder = temporaryFolder(), ...rest } = options;
  const configPath = join(folder, "gateway.yaml");
  writeFileSync(configPath, gatewayConfiguration({ storePath: join(folder, "gateway.db"), ...rest }));
  return configPath;
}
