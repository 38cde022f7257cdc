import { describe, expect, it } from "vitest";
import { createRefusalLog } from "../../handlers/refusal-log.ts";
import { createTestApp, validMetrics } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

describe("createRefusalLog()", () => {
  it("writes what the sender is not told, where there is something", () => {
    const logger = createFakeLogger();
    const log = createRefusalLog("raw", { clock: createFakeClock(), logger });
    log("unauthorized", "Cannot take the request: wanted a time", "a time 9 s ago");
    log("tooLarge", "Cannot take a body of 9 bytes");
    expect(logger.lines.map(({ fields }) => fields.met)).toEqual(["a time 9 s ago", undefined]);
  });

  it("writes one line in ten seconds for each reason, with how many it left out", () => {
    const clock = createFakeClock();
    const logger = createFakeLogger();
    const log = createRefusalLog("raw", { clock, logger });
    for (let request = 0; request < 3; request++) log("tooLarge", "Cannot take a body of 9 bytes");
    log("unauthorized", "Cannot take the request");
    clock.advance(10_000);
    log("tooLarge", "Cannot take a body of 8 bytes");
    expect(logger.lines.map(({ level, fields }) => [level, fields.reason, fields.suppressed])).toEqual([
      ["warn", "tooLarge", 0],
      ["warn", "unauthorized", 0],
      ["warn", "tooLarge", 2],
    ]);
  });
});

it("a request that is refused is logged with its source and what was wrong, and one that is stored is not", async () => {
  const { post, logger } = createTestApp();
  await post("/webhooks/raw", validMetrics);
  await post("/webhooks/mqtt", "not JSON", { "Content-Type": "application/json" });
  expect(logger.lines).toEqual([
    {
      level: "warn",
      message: "A request was refused",
      fields: {
        source: "mqtt",
        reason: "badEnvelope",
        detail: "Cannot read the body as mqtt: met text that is not JSON, wanted JSON",
        suppressed: 0,
      },
    },
  ]);
});
