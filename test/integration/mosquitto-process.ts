/** A real Mosquitto on loopback, which can be stopped, killed and started again. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CertificateAndKey } from "../support/certificates.ts";
import { installedTool } from "../support/tools.ts";
import { vacantPort } from "./workbench.ts";

export interface MosquittoOptions {
  /** Passwords by user name; default: anyone may connect. */
  users?: Record<string, string>;
  /** Its certificate for "localhost". With the authority of its clients, as PEM, each of them must show a certificate. */
  tls?: CertificateAndKey & { clientAuthority?: string };
  /** Speak MQTT over WebSocket. */
  websockets?: boolean;
  /** More settings, by their names in mosquitto.conf(5). */
  settings?: Settings;
}

type Settings = Record<string, string | number | boolean>;

export interface Mosquitto extends AsyncDisposable {
  /** For clients, as `mqtt:`, `mqtts:`, `ws:` or `wss:`. */
  url: string;
  /** On 127.0.0.1; the same after a restart. */
  port: number;
  /** With its configuration, and what it saved when it was stopped. */
  folder: string;
  /** What it wrote to its log so far, in all its lives. */
  log(): string;
  /** End it. It saves sessions and messages for its next start. */
  stop(): Promise<void>;
  /** End it at once. It forgets all that came since it started. */
  kill(): Promise<void>;
  /** Stop it unless it was ended, and start it on the same port and folder. Options that are given replace those before. */
  restart(changes?: MosquittoOptions): Promise<void>;
}

/**
 * Start a broker that keeps every message of a session, without a limit. Resolves once it takes connections; dispose
 * of it to end it and to remove its folder.
 */
export async function startMosquitto(first: MosquittoOptions = {}): Promise<Mosquitto> {
  let options = first;
  const folder = mkdtempSync(join(tmpdir(), "gateway-mosquitto-"));
  const port = await vacantPort();
  let log = "";
  const start = async () => {
    const configPath = writeConfiguration({ folder, port, options });
    const onLog = (text: string) => {
      log += text;
    };
    return run({ configPath, port, onLog });
  };
  const remove = () => rmSync(folder, { recursive: true, force: true });
  let child = await start().catch((error) => {
    remove();
    throw error;
  });

  const mosquitto: Mosquitto = {
    url: urlOf(port, options),
    port,
    folder,
    log: () => log,
    async stop() {
      if (!isRunning(child)) return;
      const status = await end(child, "SIGTERM");
      if (status !== 0) throw new Error(`Mosquitto exited with ${status}, wanted 0: ${log}`);
    },
    kill: async () => void (await end(child, "SIGKILL")),
    async restart(changes) {
      await mosquitto.stop();
      options = { ...options, ...changes };
      mosquitto.url = urlOf(port, options);
      child = await start();
    },
    async [Symbol.asyncDispose]() {
      await mosquitto.kill();
      remove();
    },
  };
  return mosquitto;
}

function urlOf(port: number, { tls, websockets = false }: MosquittoOptions): string {
  const scheme = websockets ? "ws" : "mqtt";
  return tls ? `${scheme}s://localhost:${port}` : `${scheme}://127.0.0.1:${port}`;
}

async function run({
  configPath,
  port,
  onLog,
}: {
  configPath: string;
  port: number;
  onLog: (text: string) => void;
}): Promise<ChildProcess> {
  const child = spawn(pathOf("mosquitto"), ["-c", configPath], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      onLog(text);
      if (/ running$/m.test(log)) resolve();
    });
    child.once("error", reject);
    child.once("close", (status) => reject(new Error(`Mosquitto exited with ${status}: ${log}`)));
  });
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.destroy();
  return child;
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

/** Resolves with the exit status; null when the signal ended it. */
async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
  if (!isRunning(child)) return child.exitCode;
  const exited = once(child, "exit");
  child.kill(signal);
  const [status] = await exited;
  return status as number | null;
}

function writeConfiguration({
  folder,
  port,
  options: { users, tls, websockets = false, settings = {} },
}: {
  folder: string;
  port: number;
  options: MosquittoOptions;
}): string {
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const configuration: Settings = {
    listener: `${port} 127.0.0.1`,
    // Else a listener for WebSocket takes all addresses.
    socket_domain: "ipv4",
    protocol: websockets ? "websockets" : "mqtt",
    // Else it gives root up, and the folder is closed to it.
    user: "root",
    log_dest: "stderr",
    persistence: true,
    persistence_location: `${folder}/`,
    max_queued_messages: 0,
    set_tcp_nodelay: true,
    allow_anonymous: users === undefined,
  };
  if (users) {
    const lines = Object.entries(users).map(([name, password]) => `${name}:${password}\n`);
    configuration.password_file = write("users", lines.join(""));
    // It wants hashes.
    execFileSync(pathOf("mosquitto_passwd"), ["-U", configuration.password_file]);
  }
  if (tls) {
    configuration.certfile = write("server.crt", tls.cert);
    configuration.keyfile = write("server.key", tls.key);
    if (tls.clientAuthority !== undefined) {
      configuration.cafile = write("clients.crt", tls.clientAuthority);
      configuration.require_certificate = true;
    }
  }
  const lines = Object.entries({ ...configuration, ...settings }).map(
    ([name, value]) => `${name} ${value}\n`,
  );
  // Version 2.0.11 does not start when all of its listeners are for WebSocket.
  if (websockets) lines.unshift(`listener 0 ${join(folder, "socket")}\n`);
  return write("mosquitto.conf", lines.join(""));
}

function pathOf(program: "mosquitto" | "mosquitto_passwd"): string {
  const path = installedTool(program);
  if (path !== undefined) return path;
  throw new Error(`Cannot start Mosquitto: ${program} is not installed; run node test/integration/setup.ts`);
}
