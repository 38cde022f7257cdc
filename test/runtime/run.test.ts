import { describe, expect, it } from "vitest";
import type { Gateway } from "../../handlers/runtime/gateway.ts";
import { runUntilSignal, type StopSignal } from "../../handlers/runtime/run.ts";
import type { ConfigFile } from "../../pipeline/config/documents.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

/** A gateway that only writes down what was asked of it. `opening`: what it waits for before it is open. */
function setUp({ opening = Promise.resolve(), files = [] as ConfigFile[] } = {}) {
  const steps: string[] = [];
  const failed = Promise.withResolvers<never>();
  const delivering = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const gateway: Gateway = {
    fetch: () => new Response(),
    deliver() {
      steps.push("deliver");
      started.resolve();
      return delivering.promise;
    },
    flush: async () => {
      throw new Error("Not asked for here");
    },
    failed: failed.promise,
    drain: () => void steps.push("drain"),
    stop: () => void steps.push("stop"),
    async close() {
      steps.push("close");
      delivering.resolve();
    },
  };
  const logger = createFakeLogger();
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317" };
  const config = loadConfig({ files, environment, resolvePath: (_, path) => path });
  const listening = Promise.withResolvers<(signal: StopSignal) => void>();
  const status = runUntilSignal({
    config,
    logger,
    open: () => opening.then(() => gateway),
    listen: async () => ({ url: "http://127.0.0.1:8080", close: async () => void steps.push("answer") }),
    onSignal: listening.resolve,
    exit: (status) => void steps.push(`exit ${status}`),
  });
  const signal = started.promise.then(() => listening.promise);
  return { steps, status, failed, delivering, logger, signal, early: listening.promise };
}

describe("runUntilSignal()", () => {
  it("a signal answers what is in flight before it flushes and closes", async () => {
    const { steps, status, signal } = setUp();
    (await signal)("SIGINT");
    expect(await status).toBe(0);
    expect(steps).toEqual(["deliver", "drain", "stop", "answer", "close"]);
  });

  it("the log says at the start where it listens, stores and sends, with the first names of a long list", async () => {
    const sources = Array.from({ length: 23 }, (_, index) => `{ name: s${index}, adapter: raw }`);
    const text = `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: broker }
spec: { endpointType: Mqtt, mqttSettings: { host: b } }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
spec:
  sources: [${sources.join()}]
  bridges: [{ name: plant, endpointRef: broker, topicFilters: [a] }]
`;
    const { status, signal, logger } = setUp({ files: [{ name: "g.yaml", text }] });
    (await signal)("SIGINT");
    await status;
    expect(logger.lines.find(({ message }) => message === "Gateway started")?.fields).toEqual({
      url: "http://127.0.0.1:8080",
      store: "./data/gateway.db",
      sources: [...Array.from({ length: 20 }, (_, index) => `s${index}`), "and 3 more"],
      bridges: ["plant"],
      destinations: ["default http://127.0.0.1:4317"],
    });
  });

  it("a second signal exits at once", async () => {
    const { steps, status, signal } = setUp();
    const send = await signal;
    send("SIGINT");
    send("SIGINT");
    expect(steps).toEqual(["deliver", "exit 0"]);
    await status;
  });

  it("a signal while the store is being opened exits at once", async () => {
    const opened = Promise.withResolvers<void>();
    const { steps, status, early, signal } = setUp({ opening: opened.promise });
    (await early)("SIGTERM");
    expect(steps).toEqual(["exit 0"]);
    opened.resolve();
    (await signal)("SIGINT");
    await status;
  });

  it("a part that fails ends the process with status 1 and one line that says why", async () => {
    const { steps, status, failed, delivering, logger, signal } = setUp();
    await signal;
    const error = new Error("Cannot use store: its writer thread has ended");
    failed.reject(error);
    delivering.reject(error);
    await expect(status).rejects.toBe(error);
    expect(steps).toEqual(["deliver", "exit 1"]);
    expect(logger.lines.at(-1)).toEqual({ level: "error", message: "Gateway failed", fields: { error } });
  });
});
