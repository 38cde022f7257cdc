import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { start, temporaryFolder, writeConfiguration } from "./workbench.ts";

const authority = createAuthority();
const server = authority.issue({ dns: ["localhost"], ipv4: ["127.0.0.1"] });

/** The server on Deno with these fields of `listen.tls`. */
function configure(tls: string) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "tls.crt"), server.cert);
  writeFileSync(join(folder, "tls.key"), server.key);
  writeFileSync(join(folder, "clients.crt"), authority.cert);
  const configPath = writeConfiguration({ folder, otlpUrl: "http://127.0.0.1:1" });
  const configuration = readFileSync(configPath, "utf8");
  writeFileSync(configPath, configuration.replace("port: 0", `port: 0, tls: { ${tls} }`));
  const command = [
    "node_modules/.bin/deno",
    "run",
    "--no-prompt",
    "--no-lock",
    "--allow-net=127.0.0.1,localhost",
    `--allow-read=.,${folder}`,
    `--allow-write=${folder}`,
    "--allow-env",
    "--allow-sys=hostname",
    "handlers/runtime/deno.ts",
    "--config",
  ];
  return { configPath, command };
}

describe("the TLS listener on Deno", () => {
  it("serves with the certificate of its files", async () => {
    const { configPath, command } = configure("certificateFile: tls.crt, keyFile: tls.key");
    const gateway = await start(configPath, command);
    expect(gateway.url).toMatch(/^https:/);
    const asking = request(`${gateway.url}/livez`, { ca: authority.cert, agent: false });
    asking.end();
    const [answer] = await once(asking, "response");
    expect(answer.statusCode).toBe(200);
    await text(answer);
    expect(await gateway.end("SIGTERM")).toBe(0);
  });

  it("does not start when senders are to show certificates, since it cannot ask for them", async () => {
    const { configPath, command } = configure(
      "certificateFile: tls.crt, keyFile: tls.key, clientCaFile: clients.crt",
    );
    const [program = "", ...parameters] = command;
    const child = spawn(program, [...parameters, configPath], { stdio: ["ignore", "ignore", "pipe"] });
    const [said, [status]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    expect([said, status]).toEqual([
      "spec.listen.tls.clientCaFile: Cannot ask senders for certificates on Deno: wanted no clientCaFile, or Node\n",
      2,
    ]);
  });
});
