import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type RequestOptions, request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { mount, start, temporaryFolder, writeConfiguration } from "./workbench.ts";

const authority = createAuthority({ name: "Listeners" });
const clients = createAuthority({ name: "Clients" });
const own = { dns: ["localhost"], ipv4: ["127.0.0.1"] };

/** Posts a message over a connection of its own; gives the status and the listener's name. */
async function post(url: string, more: RequestOptions = {}): Promise<[status: number, shown: string]> {
  const asking = request(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    ca: authority.cert,
    agent: false,
    ...more,
  });
  asking.end('{"topic":"a","payload":{"metrics":[]}}');
  const [answer] = await once(asking, "response");
  const shown = String(answer.socket.getPeerCertificate().subject.CN);
  await text(answer);
  return [answer.statusCode, shown];
}

describe("the server with a TLS listener", () => {
  it("knows senders by their certificates, and shows a new one of its own without a restart", async () => {
    const folder = temporaryFolder();
    const { cert, key } = authority.issue({ ...own, name: "first" });
    const tls = mount({ "tls.crt": cert, "tls.key": key, "clients.crt": clients.cert });
    const configPath = writeConfiguration({ folder, otlpUrl: "http://127.0.0.1:1" });
    const listen = `certificateFile: ${tls.path}/tls.crt, keyFile: ${tls.path}/tls.key, clientCaFile: ${tls.path}/clients.crt`;
    const sources = `[
    { name: devices, adapter: mqtt, authentication: { method: ClientCertificate, names: [line-1] } },
    { name: scripts, adapter: mqtt, authentication: { method: UrlSecret, secret: { file: ./secret } } }]`;
    writeFileSync(join(folder, "secret"), "s-1\n");
    writeFileSync(
      configPath,
      readFileSync(configPath, "utf8")
        .replace("port: 0", `port: 0, tls: { ${listen} }`)
        .replace(/sources: .*/, `sources: ${sources}`),
    );
    const gateway = await start(configPath);
    const devices = `${gateway.url}/webhooks/devices`;
    expect(await post(devices, clients.issue({ name: "line-1" }))).toEqual([200, "first"]);
    expect(await post(devices, clients.issue({ name: "line-2" }))).toEqual([401, "first"]);
    expect(await post(devices)).toEqual([401, "first"]);
    expect(await post(`${gateway.url}/webhooks/scripts/s-1`)).toEqual([200, "first"]);
    expect(await post(`${gateway.url}/webhooks/scripts/s-2`)).toEqual([401, "first"]);

    const next = authority.issue({ ...own, name: "second" });
    tls.swap({ "tls.crt": next.cert, "tls.key": next.key, "clients.crt": clients.cert });
    await expect
      .poll(() => post(devices, clients.issue({ name: "line-1" })), { timeout: 20_000 })
      .toEqual([200, "second"]);
    expect(await gateway.end("SIGTERM")).toBe(0);
    expect(gateway.log()).not.toMatch(/s-[12]|PRIVATE/);
  });
});
