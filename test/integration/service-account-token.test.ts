import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createToken } from "../support/token.ts";
import { openMosquitto, startPublishers, untilBridged, writeBridgedGateway } from "./bridge-bench.ts";
import { pluginPath } from "./setup.ts";
import { mount, openSink, start, temporaryFolder } from "./workbench.ts";

const audience = "broker";
const count = 100;

const createOwnToken = (subject: string) =>
  createToken({ aud: [audience], sub: subject, exp: 4_000_000_000 });
const [first, second, third] = ["first", "second", "third"].map(createOwnToken) as [string, string, string];

/** A broker that lets in who shows a token, and publishers by their password. */
async function openTokenBroker(accepted: string) {
  const tokenFile = join(temporaryFolder(), "accepted");
  const accept = (token: string) => writeFileSync(tokenFile, token);
  accept(accepted);
  const broker = await openMosquitto({
    users: { device: "secret" },
    settings: { plugin: pluginPath, plugin_opt_method: "K8S-SAT", plugin_opt_token_file: tokenFile },
  });
  const publishersUrl = broker.url.replace("//", "//device:secret@");
  const judged = (verdict: "accepted" | "refused") => broker.log().split(`Token ${verdict}`).length - 1;
  return { ...broker, accept, publishersUrl, judged };
}

async function startWithToken(brokerUrl: string, token: string) {
  const sink = await openSink();
  // As the kubelet writes it.
  const mounted = mount({ token });
  const gateway = await start(
    writeBridgedGateway({
      folder: temporaryFolder(),
      otlpUrl: sink.url,
      brokerUrl,
      mqttSettings: {
        authentication: { method: "ServiceAccountToken", serviceAccountTokenSettings: { audience } },
      },
      bridge: { serviceAccountTokenFile: join(mounted.path, "token") },
    }),
  );
  return { gateway, renew: (renewed: string) => mounted.swap({ token: renewed }) };
}

// Where there is no C compiler there is no plugin.
describe.runIf(existsSync(pluginPath) || process.env.CI)("a bridge to a Mosquitto that wants a token", () => {
  it("shows a renewed token on the same connection", async () => {
    const broker = await openTokenBroker(first);
    const { gateway, renew } = await startWithToken(broker.url, first);
    await untilBridged(gateway);
    await startPublishers(broker.publishersUrl, { count }).finished;

    broker.accept(second);
    renew(second);
    await untilBridged(gateway, () => broker.judged("accepted") === 2);
    await startPublishers(broker.publishersUrl, { count }).finished;
    await untilBridged(gateway, ({ received }) => received === 2 * count);
    expect(broker.judged("refused")).toBe(0);
    expect(gateway.log().split("Bridge plant is connected")).toHaveLength(2);
    expect(await gateway.end("SIGTERM")).toBe(0);
  });

  it("says that its renewed token was refused, and loses nothing until one is accepted", async () => {
    const broker = await openTokenBroker(first);
    const { gateway, renew } = await startWithToken(broker.url, first);
    await untilBridged(gateway);
    renew(second);
    const refused = await untilBridged(gateway, ({ bridges }) => bridges.plant?.connected === false);
    expect(refused.bridges.plant?.reason).toMatch(/does not authorize the bridge.*0x87/);
    await startPublishers(broker.publishersUrl, { count }).finished;

    broker.accept(third);
    renew(third);
    await untilBridged(gateway, ({ received }) => received === count);
    for (const token of [first, second, third]) expect(gateway.log()).not.toContain(token);
  });

  it("says that its first token was refused", async () => {
    const broker = await openTokenBroker(first);
    const { gateway } = await startWithToken(broker.url, second);
    const { bridges } = await untilBridged(gateway, () => broker.judged("refused") > 0);
    expect(bridges.plant?.connected).toBe(false);
    await untilBridged(
      gateway,
      (status) => status.bridges.plant?.reason?.includes("does not authorize the bridge") === true,
    );
  });
});

it("a bridge with a token says that a Mosquitto without a plugin does not know its method", async () => {
  const broker = await openMosquitto();
  const { gateway } = await startWithToken(broker.url, first);
  await untilBridged(
    gateway,
    ({ bridges }) => bridges.plant?.reason?.includes("does not know this method of authentication") === true,
  );
});
