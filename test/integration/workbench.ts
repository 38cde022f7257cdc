/** What a scenario needs around it; all of it is gone when its test has finished. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type GatewayProcess, gatewayConfiguration, startGateway } from "../support/gateway-process.ts";
import { createMountedFolder, type Files, type MountedFolder } from "../support/mounted-folder.ts";
import { startSink, type TestSink } from "../support/otlp-sink.ts";

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "gateway-integration-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder as Kubernetes mounts Secrets and ConfigMaps. */
export function mount(files: Files): MountedFolder {
  const folder = createMountedFolder(files);
  onTestFinished(folder.remove);
  return folder;
}

let lastPort = 10_000 + Math.floor(Math.random() * 20_000);

/** Another port at each call on which nothing listens, below those that systems give to connections and to servers that ask for any. */
export async function vacantPort(): Promise<number> {
  for (;;) {
    lastPort = lastPort < 30_000 ? lastPort + 1 : 10_000;
    const port = lastPort;
    const server = createServer().listen(port, "127.0.0.1");
    const isVacant = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isVacant) continue;
    server.close();
    await once(server, "close");
    return port;
  }
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
