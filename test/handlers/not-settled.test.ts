import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { openToAll } from "../../handlers/authentication/authentication.ts";
import { createGate } from "../../handlers/gate.ts";
import { createWebhook } from "../../handlers/webhook.ts";
import { NotSettledError } from "../../pipeline/errors.ts";
import { createRequestCounters } from "../../pipeline/refusals.ts";
import type { WaitOptions } from "../../pipeline/settled.ts";
import type { Adapter } from "../../pipeline/source/adapter.ts";
import { sourceConfig } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

/** A webhook whose messages are never settled. */
function setUp({
  adapter = {},
  retryStatus = 503 as 503 | 429,
}: {
  adapter?: Partial<Adapter>;
  retryStatus?: 503 | 429;
}) {
  const waits: (WaitOptions | undefined)[] = [];
  const counters = createRequestCounters();
  const webhook = createWebhook({
    source: sourceConfig({ retryStatus }),
    adapter: { read: () => ({ isArray: false, elements: [] }), ...adapter },
    authenticator: openToAll,
    receiver: {
      async receive(_source, _envelope, options) {
        waits.push(options);
        throw new NotSettledError("Cannot acknowledge the messages: they are not delivered yet");
      },
      replay: async () => ({ kind: "gone" }),
    },
    bodyBytesMax: 1000,
    acknowledgeTimeoutMs: 20_000,
    counters,
    clock: createFakeClock(),
    logger: createFakeLogger(),
    gate: createGate(100),
    bodies: createGate(1_000_000),
    isStopping: () => false,
    retryAfterSeconds: () => 7,
  });
  const app = new Hono().all("/", webhook);
  return { waits, counters, post: async () => app.request("/", { method: "POST", body: "x" }) };
}

describe("POST /webhooks/:source where messages are not settled in time", () => {
  it.each([503, 429] as const)(
    "answers the source's retryStatus %i, and counts it as timedOut",
    async (retryStatus) => {
      const { post, counters } = setUp({ retryStatus });
      const answer = await post();
      expect(answer.status).toBe(retryStatus);
      expect(answer.headers.get("retry-after")).toBe("7");
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(counters.totals()).toMatchObject({ timedOut: 1, overloaded: 0 });
    },
  );

  it.each([
    ["as long as the configuration says", {}, 20_000],
    ["less, where the sender itself waits for less", { patienceMs: 4_500 }, 4_500],
    ["no longer for a sender that would", { patienceMs: 25_000 }, 20_000],
  ])("waits %s", async (_, adapter, timeoutMs) => {
    const { post, waits } = setUp({ adapter });
    await post();
    expect(waits).toEqual([{ timeoutMs }]);
  });
});
