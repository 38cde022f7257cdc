import mqtt, { type IConnackPacket } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { walkToBroker } from "../../cli/probe-bridge.ts";
import { createSecrets } from "../../handlers/runtime/secrets.ts";
import { systemClock } from "../../pipeline/clock.ts";
import { bridgeConfig } from "../handlers/bridge-setup.ts";
import { openMosquitto } from "./bridge-bench.ts";

const secrets = createSecrets({ clock: systemClock, environment: { PASSWORD: "hunter2" } });

/** A client that keeps its session. */
function connect(url: string, user: { username: string; password: string; protocolVersion: 4 | 5 }) {
  const properties = user.protocolVersion === 5 ? { sessionExpiryInterval: 3600 } : undefined;
  const options = { ...user, clientId: user.username, clean: false, reconnectPeriod: 0 };
  const client = mqtt.connect(url, { ...options, ...(properties && { properties }) });
  onTestFinished(() => void client.end(true));
  const accepted = new Promise<IConnackPacket>((resolve) => client.once("connect", resolve));
  const topic = new Promise<string>((resolve) => client.once("message", resolve));
  return { client, accepted, topic };
}

it.each([5, 4] as const)(
  "a probe with MQTT %i leaves the session of a gateway that the broker takes it for",
  async (protocolVersion) => {
    const broker = await openMosquitto({
      users: { gateway: "hunter2", device: "secret" },
      settings: { use_username_as_clientid: true },
    });
    const user = { username: "gateway", password: "hunter2", protocolVersion };
    const before = connect(broker.url, user);
    await before.accepted;
    await before.client.subscribeAsync("plant/#", { qos: 1 });
    await before.client.endAsync();
    const device = connect(broker.url, { username: "device", password: "secret", protocolVersion });
    await device.client.publishAsync("plant/a", "1", { qos: 1 });

    const config = bridgeConfig({
      url: broker.url,
      protocolVersion,
      sessionExpirySeconds: 3600,
      authentication: {
        method: "UsernamePassword",
        username: "gateway",
        password: { env: "PASSWORD" },
      },
    });
    const steps = await walkToBroker(config, secrets, { timeoutMs: 30_000 });
    expect(steps.at(-1)).toMatchObject({ name: "MQTT", result: { kind: "ok" } });

    const after = connect(broker.url, user);
    expect(await after.accepted).toMatchObject({ sessionPresent: true });
    expect(await after.topic).toBe("plant/a");
  },
);
