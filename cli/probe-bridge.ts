/**
 * The way to a bridge's broker, step by step, up to its answer to CONNECT. The session is one of its own, which is
 * ended afterwards, so that a gateway which runs keeps its own; and nothing is subscribed to, since a message that
 * came for the probe would be lost to those that share the subscription.
 *
 * Some brokers can be set to take the user name or the certificate for the Client Identifier. There the session is the
 * gateway's, with the messages that wait in it. It is known by having been there before, and left as it is.
 */
import mqtt, { type IClientOptions, type IConnackPacket } from "mqtt";
import {
  type BridgeCredentials,
  type BridgeIdentity,
  createBridgeCredentials,
} from "../handlers/bridge/credentials.ts";
import { findFault } from "../handlers/bridge/message.ts";
import { clientOptions } from "../handlers/bridge/options.ts";
import {
  describeBreach,
  describeFailure,
  describeReasonCode,
  silentEnd,
} from "../handlers/bridge/reasons.ts";
import { secretsOf } from "../handlers/runtime/bridges.ts";
import type { createSecrets } from "../handlers/runtime/secrets.ts";
import { systemClock } from "../pipeline/clock.ts";
import type { BridgeConfig } from "../pipeline/config/config.ts";
import { toError } from "../pipeline/errors.ts";
import { inspectTls, openPort, type Peer, resolveName } from "./probe-connection.ts";
import { addressOf, createSteps, describeEnds, type Step, type StepResult } from "./probe-steps.ts";

/** Longest wait for the broker to close its side. */
const disconnectTimeoutMs = 1_000;

const broker: Peer = {
  name: "broker",
  wrongPort: "check the port (commonly 1883 for MQTT, 8883 with TLS)",
  describe: (error) => describeFailure(toError(error)),
};

export async function walkToBroker(
  config: BridgeConfig,
  secrets: ReturnType<typeof createSecrets>,
  { timeoutMs }: { timeoutMs: number },
): Promise<readonly Step[]> {
  const credentials = createBridgeCredentials(config, {
    ...secretsOf(config, secrets.open),
    clock: systemClock,
  });
  const identity = credentials.identity();
  const tls = "fault" in identity ? (credentials.watched?.tls() ?? {}) : identity.tls;
  const address = addressOf(config.url);
  const isSecure = /^(mqtts|wss):/.test(config.url);
  const { steps, take, add } = createSteps();

  await take("DNS", () => resolveName(address.hostname, broker));
  await take("TCP", () => openPort(address, timeoutMs, broker));
  await take("TLS", () =>
    isSecure ? inspectTls(address, tls, timeoutMs, broker) : { kind: "ok", text: "off" },
  );
  add("credential", credentialResult(config, credentials, identity));
  await take("MQTT", () =>
    "fault" in identity ? { kind: "failed", text: identity.fault } : askBroker(config, identity, timeoutMs),
  );
  return steps;
}

function credentialResult(
  { authentication }: BridgeConfig,
  { watched }: BridgeCredentials,
  identity: ReturnType<BridgeCredentials["identity"]>,
): StepResult {
  if ("fault" in identity) return { kind: "failed", text: identity.fault };
  return { kind: "ok", text: [authentication.method, ...describeEnds(watched?.state())].join("; ") };
}

/** Nothing stays open, there or here. */
async function askBroker(
  config: BridgeConfig,
  identity: BridgeIdentity,
  timeoutMs: number,
): Promise<StepResult> {
  const clientId = `${config.clientIdPrefix}${config.name}-probe-${crypto.randomUUID().slice(0, 8)}`;
  const options = { ...clientOptions(config, { clientId, ...identity }), connectTimeout: timeoutMs };
  const answer = await connectOnce(options);
  if ("text" in answer) return answer;
  if (!answer.sessionPresent) {
    const { properties } = options;
    await connectOnce({
      ...options,
      clean: true,
      ...(properties && { properties: { ...properties, sessionExpiryInterval: 0 } }),
    });
  }
  return judge(config, clientId, answer);
}

/** The broker's answer, or why there is none that accepts the connection. */
async function connectOnce(options: IClientOptions): Promise<IConnackPacket | StepResult> {
  const client = mqtt.connect(options);
  // What waits in a session that is another's is not acknowledged.
  client.handleMessage = () => undefined;
  const { promise, resolve } = Promise.withResolvers<IConnackPacket | StepResult>();
  const fail = (text: string) => resolve({ kind: "failed", text });
  const closed = Promise.withResolvers<void>();
  client.on("packetreceive", (packet) => {
    const fault = findFault(packet);
    if (fault) {
      // MQTT.js would act on them all the same, and throw where nobody catches it.
      if ("properties" in packet) delete packet.properties;
      return fail(describeBreach(fault));
    }
    if (packet.cmd !== "connack" && packet.cmd !== "disconnect") return;
    const code = packet.reasonCode ?? ("returnCode" in packet ? packet.returnCode : undefined) ?? 0;
    if (code !== 0 || packet.cmd === "disconnect")
      fail(describeReasonCode(code, packet.properties?.reasonString));
  });
  client.on("connect", resolve);
  client.on("error", (error) => fail(describeFailure(error)));
  client.on("close", () => {
    fail(silentEnd);
    closed.resolve();
  });
  try {
    client.connect();
    client.stream.on("error", (error: Error) => fail(describeFailure(error)));
    return await promise;
  } catch (error) {
    return { kind: "failed", text: describeFailure(toError(error)) };
  } finally {
    client.end(!client.connected);
    const late = setTimeout(closed.resolve, disconnectTimeoutMs);
    await closed.promise;
    clearTimeout(late);
    client.stream?.destroy();
  }
}

/** What the broker says of itself may already tell that the subscription fails. Source: MQTT 5.0, 3.2.2.3. */
function judge(
  config: BridgeConfig,
  clientId: string,
  { sessionPresent, properties = {} }: IConnackPacket,
): StepResult {
  const { qos, topicFilters, sharedSubscription } = config;
  if (sharedSubscription !== undefined && properties.sharedSubscriptionAvailable === false) {
    return { kind: "failed", text: describeReasonCode(0x9e) };
  }
  if (properties.wildcardSubscriptionAvailable === false && topicFilters.some((one) => /[+#]/.test(one))) {
    return { kind: "failed", text: describeReasonCode(0xa2) };
  }
  const isLowered = (properties.maximumQoS ?? 2) < qos;
  const remarks = [
    sessionPresent
      ? `the broker took the connection, though not the Client Identifier ${clientId}: it has one of its own for this user, whose session is left as it is`
      : `the broker took the connection of client ${clientId}, whose session is gone with it`,
    "nothing was subscribed to: whether the bridge may read its topicFilters is not known",
    ...(isLowered ? ["the broker's highest QoS is 0: what the bridge cannot take at once is lost"] : []),
  ];
  return { kind: "ok", text: remarks.join("; ") };
}
