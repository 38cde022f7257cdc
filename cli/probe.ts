/**
 * `check-config --probe`: the way to each broker, and to each destination, step by step, to its end: the answer to
 * CONNECT, and that to an empty Export for each signal.
 */
import { openDestination } from "../handlers/runtime/destination.ts";
import type { createSecrets } from "../handlers/runtime/secrets.ts";
import { systemClock } from "../pipeline/clock.ts";
import type { BridgeConfig, DestinationConfig, GatewayConfig } from "../pipeline/config/config.ts";
import type { Credentials } from "../pipeline/export/credentials.ts";
import type { Exporter, ExportOutcome } from "../pipeline/export/exporter.ts";
import type { Signal } from "../pipeline/message.ts";
import { inspectTls, openPort, receiver, resolveName, speakHttp, speakHttp2 } from "./probe-connection.ts";
import {
  addressOf,
  createSteps,
  describeEnds,
  describeSteps,
  type Step,
  type StepResult,
} from "./probe-steps.ts";

/** A step that hears nothing for so long has failed. */
const stepTimeoutMsMax = 5_000;

type Secrets = ReturnType<typeof createSecrets>;

interface Way {
  label: string;
  steps: readonly Step[];
}

/**
 * Ask every broker and every destination. Neither a connection without a subscription nor an empty request changes
 * anything there.
 *
 * Shape:  one line a step, in the order of the configuration; `isGood` when none failed.
 */
export async function probe(
  { bridges, destinations }: Pick<GatewayConfig, "bridges" | "destinations">,
  secrets: Secrets,
): Promise<{ lines: string[]; isGood: boolean }> {
  const ways = await Promise.all([
    ...bridges.map((bridge) => probeBridge(bridge, secrets)),
    ...destinations.map((destination) => probeDestination(destination, destinations, secrets)),
  ]);
  return {
    lines: ways.flatMap(({ label, steps }) => describeSteps(label, steps)),
    isGood: ways.every(({ steps }) => steps.every(({ result }) => result.kind === "ok")),
  };
}

async function probeBridge(bridge: BridgeConfig, secrets: Secrets): Promise<Way> {
  const { walkToBroker } = await import("./probe-bridge.ts");
  return {
    label: `bridge ${bridge.name}`,
    steps: await walkToBroker(bridge, secrets, { timeoutMs: stepTimeoutMsMax }),
  };
}

async function probeDestination(
  destination: DestinationConfig,
  all: readonly DestinationConfig[],
  secrets: Secrets,
): Promise<Way> {
  const { name, signals } = destination;
  const isParted = all.some((other) => other !== destination && other.name === name);
  const label = isParted ? `${name} (${signals.join(", ")})` : name;
  const { exporter, credentials } = openDestination(destination, {
    secrets: secrets.open,
    clock: systemClock,
  });
  try {
    return { label, steps: await walk(destination, exporter, credentials) };
  } finally {
    await exporter.close();
  }
}

async function walk(
  destination: DestinationConfig,
  exporter: Exporter,
  credentials: Credentials,
): Promise<readonly Step[]> {
  const { url, protocol, signals, signalUrls } = destination;
  const timeoutMs = Math.min(stepTimeoutMsMax, destination.timeoutMs);
  const address = addressOf(url);
  const isSecure = url.startsWith("https:");
  const isGrpc = protocol === "grpc";
  const { steps, take, takeAll, add } = createSteps();

  await take("DNS", () => resolveName(address.hostname, receiver));
  await take("TCP", () => openPort(address, timeoutMs, receiver));
  await take("TLS", () =>
    isSecure
      ? inspectTls({ ...address, alpn: isGrpc ? "h2" : "http/1.1" }, credentials.tls(), timeoutMs, receiver)
      : { kind: "ok", text: "off" },
  );
  const [firstSignal = "metrics"] = signals;
  await take("protocol", () =>
    isGrpc
      ? speakHttp2(url, credentials.tls(), timeoutMs)
      : speakHttp(signalUrls[firstSignal], credentials.tls(), timeoutMs),
  );
  // Whatever keeps the way closed, the credential can be looked at.
  add("credential", credentialResult(destination, credentials));
  await takeAll(signals.map((signal) => [signal, () => exportNothing(exporter, signal)]));
  return steps;
}

function credentialResult({ authentication }: DestinationConfig, credentials: Credentials): StepResult {
  const state = credentials.state();
  const { fault, doubt } = state;
  if (fault !== undefined) return { kind: "failed", text: fault };
  return {
    kind: "ok",
    text: [authentication.method, ...describeEnds(state), ...(doubt === undefined ? [] : [doubt])].join("; "),
  };
}

async function exportNothing(exporter: Exporter, signal: Signal): Promise<StepResult> {
  return resultOf(await exporter.export(signal, new Uint8Array(), {}));
}

function resultOf(outcome: ExportOutcome): StepResult {
  switch (outcome.kind) {
    case "accepted":
      return { kind: "ok", text: outcome.warning ?? "taken" };
    case "partial":
      return { kind: "ok", text: `taken; ${outcome.reason}` };
    default:
      return { kind: "failed", text: outcome.reason };
  }
}
