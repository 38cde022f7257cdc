import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, it, onTestFinished } from "vitest";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { silentLogger } from "../../pipeline/logger.ts";
import { ledgerFaults, type Status } from "../support/gateway-process.ts";
import type { Behaviour } from "../support/otlp-sink.ts";
import { createRecorder, numbered } from "./recorder.ts";
import { openSink, temporaryFolder } from "./workbench.ts";

type Outcome = "retried" | "misconfigured" | "refused";

/** Every code that gRPC defines: what becomes of a batch without and with RetryInfo in the answer. */
const outcomes: Record<Exclude<keyof typeof Code, number>, [without: Outcome, withRetryInfo: Outcome]> = {
  Canceled: ["retried", "retried"],
  Unknown: ["refused", "refused"],
  InvalidArgument: ["refused", "refused"],
  DeadlineExceeded: ["retried", "retried"],
  NotFound: ["refused", "refused"],
  AlreadyExists: ["refused", "refused"],
  PermissionDenied: ["misconfigured", "misconfigured"],
  ResourceExhausted: ["refused", "retried"],
  FailedPrecondition: ["refused", "refused"],
  Aborted: ["retried", "retried"],
  OutOfRange: ["retried", "retried"],
  Unimplemented: ["misconfigured", "misconfigured"],
  Internal: ["refused", "refused"],
  Unavailable: ["retried", "retried"],
  DataLoss: ["retried", "retried"],
  Unauthenticated: ["misconfigured", "misconfigured"],
};

const retryDelayMs = 120_000;

/** The whole gateway in this process, with a receiver that behaves so, and one message that was taken. */
async function setUp(behaviour: Behaviour) {
  const recorder = createRecorder();
  const sink = await openSink({ behaviour });
  const config = loadConfig({
    files: [],
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      GATEWAY_STORE_PATH: join(temporaryFolder(), "gateway.db"),
    },
    resolvePath: (_, path) => path,
  });
  const gateway = await openGateway(config, { logger: silentLogger, environment: {} });
  onTestFinished(() => gateway.close());
  const request = async (path: string, body?: string) =>
    gateway.fetch(
      new Request(
        `http://127.0.0.1${path}`,
        body === undefined ? {} : { method: "POST", body, headers: { "content-type": "application/json" } },
      ),
    );
  const flush = async () => (await request("/timer/flush", '{"force":true}')).status;
  const status = async () => {
    const status = (await (await request("/status")).json()) as Status;
    expect(ledgerFaults(status)).toEqual([]);
    const [lanes] = Object.values(status.destinations);
    if (lanes === undefined) throw new Error("There is no destination");
    return lanes;
  };
  const mend = () =>
    sink.behave(({ request }) => {
      recorder.add(request);
      return { kind: "accept" };
    });
  expect((await request("/webhooks/mqtt", numbered(1))).status).toBe(200);
  return { sink, recorder, request, flush, status, mend };
}

const cases = Object.entries(outcomes).flatMap(([name, [without, withRetryInfo]]) => [
  { name, code: Code[name as keyof typeof Code], hasRetryInfo: false, outcome: without },
  { name, code: Code[name as keyof typeof Code], hasRetryInfo: true, outcome: withRetryInfo },
]);

describe.each(cases)("$name, with RetryInfo: $hasRetryInfo", ({ code, hasRetryInfo, outcome }) => {
  it(`is ${outcome}`, async () => {
    const delay = hasRetryInfo ? { retryDelayMs } : {};
    const { sink, recorder, request, flush, status, mend } = await setUp({ kind: "status", code, ...delay });
    const flushed = await flush();
    const lanes = Object.values(await status());
    const attempts = sink.requests.length;

    if (outcome === "refused") {
      for (const lane of lanes) expect(lane).toMatchObject({ deadLettered: 1, pending: 0, delivered: 0 });
      expect(await (await request("/dead-letters")).json()).toMatchObject({ items: [{}, {}] });
      mend();
      expect(await flush()).toBe(200);
      expect(sink.requests.length).toBe(attempts);
      return;
    }

    expect(flushed).toBe(503);
    for (const lane of lanes) {
      expect(lane).toMatchObject({
        pending: 1,
        delivered: 0,
        deadLettered: 0,
        retries: 1,
        health: outcome === "retried" ? "Degraded" : "Unavailable",
        reason: expect.stringContaining("The receiver answered"),
      });
      expect(lane.nextAttemptAt).not.toBeNull();
    }

    mend();
    if (outcome === "retried" && hasRetryInfo) {
      // The receiver's own wish holds, also against somebody who forces.
      for (const { nextAttemptAt } of lanes)
        expect(Date.parse(nextAttemptAt ?? "")).toBeGreaterThan(Date.now() + retryDelayMs - 30_000);
      expect(await flush()).toBe(503);
      expect(sink.requests.length).toBe(attempts);
      return;
    }
    expect(await flush()).toBe(200);
    for (const lane of Object.values(await status()))
      expect(lane).toMatchObject({ pending: 0, delivered: 1, health: "Available", reason: null });
    expect([...recorder.gauges]).toEqual([1]);
    expect([...recorder.logs]).toEqual(["1"]);
  });
});

describe("answers that are no status", () => {
  it("partial success is final: rejected items are counted and never sent again", async () => {
    const { sink, flush, status, mend } = await setUp({
      kind: "partial",
      rejectedItems: 1n,
      errorMessage: "Too old",
    });
    expect(await flush()).toBe(200);
    const attempts = sink.requests.length;
    for (const lane of Object.values(await status()))
      expect(lane).toMatchObject({
        pending: 0,
        delivered: 1,
        deadLettered: 0,
        rejectedItems: 1,
        exportedItems: 0,
      });
    mend();
    expect(await flush()).toBe(200);
    expect(sink.requests.length).toBe(attempts);
  });

  it("a connection that is cut before the answer is retried, and the message is not lost", async () => {
    const { recorder, flush, status, mend } = await setUp({ kind: "destroyBeforeAnswer" });
    expect(await flush()).toBe(503);
    for (const lane of Object.values(await status()))
      expect(lane).toMatchObject({ pending: 1, deadLettered: 0, health: "Degraded" });
    mend();
    expect(await flush()).toBe(200);
    expect([...recorder.gauges]).toEqual([1]);
    expect([...recorder.logs]).toEqual(["1"]);
  });
});
