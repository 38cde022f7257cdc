import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import {
  type GatewayProcess,
  gatewayConfiguration,
  lanesOf,
  ledgerFaults,
  post,
  untilStatus,
} from "../support/gateway-process.ts";
import type { Behaviour, ReceivedRequest } from "../support/otlp-sink.ts";
import { createRecorder, range } from "./recorder.ts";
import { openSink, start, temporaryFolder } from "./workbench.ts";

const messagesPosted = 400;
const senders = 8;
/** After so many acknowledgements the process is killed. */
const killsAfter = [50, 120, 200, 300];

function writeConfiguration(type: "sqlite" | "memory", otlpUrl: string): string {
  const folder = temporaryFolder();
  const configuration = gatewayConfiguration({ otlpUrl, storePath: join(folder, "gateway.db") });
  const delivered = `acknowledge: delivered\n  acknowledgeTimeoutSeconds: 2\n  store: { type: ${type}, `;
  const configPath = join(folder, "gateway.yaml");
  writeFileSync(configPath, configuration.replace("store: { ", delivered));
  return configPath;
}

/** A receiver that fails every now and then, in one way after the other; it remembers what it has taken. */
async function openUnsteadySink() {
  const recorder = createRecorder();
  const faults: Behaviour[] = [
    { kind: "status", code: Code.Unavailable, retryDelayMs: 20 },
    { kind: "destroyBeforeAnswer" },
    { kind: "status", code: Code.Unavailable },
    { kind: "destroyAfterAnswer" },
  ];
  let requests = 0;
  const sink = await openSink();
  sink.behave(({ request }: ReceivedRequest) => {
    requests += 1;
    const fault = requests % 25 === 0 ? faults[(requests / 25) % faults.length] : undefined;
    if (fault === undefined || fault.kind === "destroyAfterAnswer") recorder.add(request);
    return fault ?? { kind: "accept" };
  });
  return { sink, recorder };
}

/** Numbered messages with ids, each repeated until it is acknowledged, by senders that survive the gateway. */
async function postAll(options: {
  gateway: () => Promise<GatewayProcess>;
  onAcknowledged(n: number): void;
}): Promise<{ repeats: number }> {
  let next = 0;
  let repeats = 0;
  async function postUntilAcknowledged(n: number) {
    const payload = `{"metrics":[{"name":"sequence","type":"i64_gauge","value":${n}}],"logs":[{"level":"info","value":"${n}"}]}`;
    const body = `{"topic":"t","messageId":"m${n}","payload":${payload}}`;
    for (;;) {
      const gateway = await options.gateway();
      const status = await post(gateway, body).then(
        async (response) => {
          await response.arrayBuffer();
          return response.status;
        },
        () => "no answer",
      );
      if (status === 200) return options.onAcknowledged(n);
      if (status !== 503 && status !== "no answer")
        throw new Error(`Met an answer of ${status}, wanted 200 or 503`);
      repeats += 1;
    }
  }
  async function send() {
    for (let n = next++; n < messagesPosted; n = next++) await postUntilAcknowledged(n);
  }
  await Promise.all(range(senders).map(send));
  return { repeats };
}

describe("acknowledge: delivered", () => {
  it.each(["sqlite", "memory"] as const)(
    "with a store of type %s never answers 2xx before every lane was taken, also when it is killed at any moment",
    async (type) => {
      const { sink, recorder } = await openUnsteadySink();
      const configPath = writeConfiguration(type, sink.url);
      let gateway = start(configPath);
      let acknowledged = 0;
      const early: number[] = [];
      const kills: Promise<unknown>[] = [];
      const { repeats } = await postAll({
        gateway: () => gateway,
        onAcknowledged(n) {
          if (!recorder.logs.has(String(n)) || !recorder.gauges.has(n)) early.push(n);
          acknowledged += 1;
          if (!killsAfter.includes(acknowledged)) return;
          gateway = gateway.then(async (running) => {
            await running.end("SIGKILL");
            return start(configPath);
          });
          kills.push(gateway);
        },
      });
      expect(early).toEqual([]);
      expect(kills).toHaveLength(killsAfter.length);
      expect(repeats).toBeGreaterThan(0);
      expect([...recorder.gauges].sort((a, b) => a - b)).toEqual(range(messagesPosted));
      expect(recorder.logs.size).toBe(messagesPosted);
      const status = await untilStatus(await gateway, (now) =>
        lanesOf(now).every(({ pending }) => pending === 0),
      );
      expect(ledgerFaults(status)).toEqual([]);
      if (type === "sqlite") expect(status.accepted).toBe(messagesPosted);
    },
  );
});
