/** `npm run check:image`: the image is built, and its container does what docs/hosts/docker.md says. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import packageJson from "../../package.json" with { type: "json" };
import { openContainerEngine } from "./container-engine.ts";
import { baseImages, healthCheck } from "./files.ts";

const tag = `mqtt-otlp-gateway:${packageJson.version}`;
const container = `mqtt-otlp-gateway-check-${process.pid}`;
const volume = `${container}-data`;
const port = await vacantPort();
const url = `http://127.0.0.1:${port}`;
const readyMsMax = 30_000;

const configuration = `apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
spec:
  administration: { token: { env: ADMIN } }
  sources: [{ name: devices, adapter: raw, authentication: { method: None } }]
`;
const headers = { Authorization: "Bearer secret" };

const folder = mkdtempSync(join(tmpdir(), "gateway-image-"));
chmodSync(folder, 0o755);
writeFileSync(join(folder, "gateway.yaml"), configuration);

const engine = openContainerEngine(baseImages());
try {
  engine.build(".", { dockerfile: "deploy/Dockerfile", tag });
  await check();
  console.log(
    "The image is built; as user 1000 with nothing to write but its volume, it starts, stores and stops",
  );
} finally {
  engine.close();
  rmSync(folder, { recursive: true });
}

async function check() {
  assert.equal(engine.run(["--rm", tag, "--version"]), packageJson.version);
  start();
  try {
    await checkRunning();
    engine.command("stop", "-t", "45", container);
    assert.equal(engine.command("inspect", "--format={{.State.ExitCode}}", container), "0");
    engine.command("rm", container);
    start();
    await untilReady();
    // What was acknowledged is in the volume.
    assert.equal((await status()).accepted, 1);
  } finally {
    engine.command("rm", "--force", container);
    engine.command("volume", "rm", volume);
  }
}

async function checkRunning() {
  await untilReady();
  const body = '{"logs":[{"level":"info","value":"hello"}]}';
  const stored = await fetch(`${url}/webhooks/devices?topic=plant/a`, { method: "POST", body });
  assert.equal(stored.status, 200);
  assert.equal((await status()).accepted, 1);
  const exec = (...command: string[]) => engine.command("exec", container, ...command);
  exec(...healthCheck());
  assert.equal(exec("id", "-u"), "1000");
  assert.throws(() => exec("touch", "/app/file"), /Read-only file system/);
  assert.match(exec("grep", "CapEff", "/proc/1/status"), /:\s0+$/);
}

function start() {
  const locked = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"];
  const environment = ["--env=GATEWAY_HOST=127.0.0.1", `--env=PORT=${port}`, "--env=ADMIN=secret"];
  const volumes = [`--volume=${folder}:/config:ro`, `--volume=${volume}:/data`];
  engine.run(["--detach", `--name=${container}`, ...locked, ...environment, ...volumes, tag]);
}

async function untilReady() {
  for (const deadline = Date.now() + readyMsMax; Date.now() < deadline; await delay(50)) {
    const response = await fetch(`${url}/readyz`).catch(() => undefined);
    if (response?.ok) return;
  }
  throw new Error(`The container did not become ready within ${readyMsMax} ms: ${engine.log(container)}`);
}

async function status() {
  return (await fetch(`${url}/status`, { headers })).json();
}

async function vacantPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
