/** `check-config --probe`: the way to each destination, step by step, to its end: an empty Export for each signal. */
import { openDestination } from "../handlers/runtime/destination.ts";
import type { createSecrets } from "../handlers/runtime/secrets.ts";
import { systemClock } from "../pipeline/clock.ts";
import type { DestinationConfig, GatewayConfig } from "../pipeline/config/config.ts";
import type { Credentials } from "../pipeline/export/credentials.ts";
import type { Exporter, ExportOutcome } from "../pipeline/export/exporter.ts";
import type { Signal } from "../pipeline/message.ts";
import {
  inspectTls,
  openPort,
  resolveName,
  type StepResult,
  speakHttp,
  speakHttp2,
} from "./probe-connection.ts";

/** A step that hears nothing for so long has failed. */
const stepTimeoutMsMax = 5_000;

interface Step {
  name: string;
  /** `skipped`: one before it failed, without which it means nothing. */
  result: StepResult | { kind: "skipped"; text: string };
}

/**
 * Ask every destination. An empty request changes nothing there.
 *
 * Shape:  one line a step, in the order of the configuration; `isGood` when none failed.
 */
export async function probe(
  { destinations }: Pick<GatewayConfig, "destinations">,
  secrets: ReturnType<typeof createSecrets>,
): Promise<{ lines: string[]; isGood: boolean }> {
  const steps = await Promise.all(
    destinations.map(async (destination) => {
      const { exporter, credentials } = openDestination(destination, {
        secrets: secrets.open,
        clock: systemClock,
      });
      try {
        return await walk(destination, exporter, credentials);
      } finally {
        await exporter.close();
      }
    }),
  );
  const labels = destinations.map((one) => {
    const isParted = destinations.some((other) => other !== one && other.name === one.name);
    return isParted ? `${one.name} (${one.signals.join(", ")})` : one.name;
  });
  return {
    lines: steps.flatMap((all, index) =>
      all.map(({ name, result }) => `${labels[index]} ${name}: ${result.kind}, ${result.text}`),
    ),
    isGood: steps.flat().every(({ result }) => result.kind === "ok"),
  };
}

async function walk(
  destination: DestinationConfig,
  exporter: Exporter,
  credentials: Credentials,
): Promise<Step[]> {
  const { url, protocol, signals, signalUrls } = destination;
  const timeoutMs = Math.min(stepTimeoutMsMax, destination.timeoutMs);
  const address = addressOf(url);
  const isSecure = url.startsWith("https:");
  const isGrpc = protocol === "grpc";
  const steps: Step[] = [];
  /** Runs a step unless one failed that it builds upon. */
  const take = async (name: string, run: () => Promise<StepResult> | StepResult): Promise<void> => {
    const broken = steps.find(({ result }) => result.kind === "failed");
    const result = broken === undefined ? await run() : skipped(broken);
    steps.push({ name, result });
  };

  await take("DNS", () => resolveName(address.hostname));
  await take("TCP", () => openPort(address, timeoutMs));
  await take("TLS", () =>
    isSecure
      ? inspectTls({ ...address, alpn: isGrpc ? "h2" : "http/1.1" }, credentials.tls(), timeoutMs)
      : { kind: "ok", text: "off" },
  );
  const [firstSignal = "metrics"] = signals;
  await take("protocol", () =>
    isGrpc
      ? speakHttp2(url, credentials.tls(), timeoutMs)
      : speakHttp(signalUrls[firstSignal], credentials.tls(), timeoutMs),
  );
  // Whatever keeps the way closed, the credential can be looked at.
  const credential = { name: "credential", result: credentialResult(destination, credentials) };
  const exports = await Promise.all(
    signals.map(async (signal): Promise<Step> => {
      const broken = [...steps, credential].find(({ result }) => result.kind === "failed");
      const result = broken === undefined ? await exportNothing(exporter, signal) : skipped(broken);
      return { name: signal, result };
    }),
  );
  return [...steps, credential, ...exports];
}

function skipped({ name }: Step): Step["result"] {
  return { kind: "skipped", text: `${name} failed` };
}

function addressOf(url: string): { hostname: string; port: number } {
  const { hostname, port, protocol } = new URL(url);
  const schemePort = protocol === "https:" ? 443 : 80;
  return { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? schemePort : Number(port) };
}

function credentialResult({ authentication }: DestinationConfig, credentials: Credentials): StepResult {
  const { fault, doubt, expirations } = credentials.state();
  if (fault !== undefined) return { kind: "failed", text: fault };
  const ends = expirations.map(
    ({ credential, expiresAtUs }) => `${credential} ends at ${new Date(expiresAtUs / 1000).toISOString()}`,
  );
  return {
    kind: "ok",
    text: [authentication.method, ...ends, ...(doubt === undefined ? [] : [doubt])].join("; "),
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
