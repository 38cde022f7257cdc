import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { lanesOf, ledgerFaults, postStatus, readStatus, untilStatus } from "../support/gateway-process.ts";
import { createRecorder, numberedBatch, range } from "./recorder.ts";
import { receiverAway } from "./scenarios/away.ts";
import { openSink, start, vacantPort, writeConfiguration } from "./workbench.ts";

const awayMs = Number(process.env.AWAY_SECONDS ?? 4) * 1000;

describe("a receiver that is away", () => {
  it(`for ${awayMs} ms gets everything in order when it is back, and memory stays flat`, async () => {
    await receiverAway({ awayMs });
  });

  it("for ever does not hold up the lanes of another destination", async () => {
    const recorder = createRecorder();
    const sink = await openSink({ onMetrics: recorder.add, onLogs: recorder.add });
    const destinations = { gone: `http://127.0.0.1:${await vacantPort()}`, here: sink.url };
    const gateway = await start(writeConfiguration({ destinations }));
    for (let posted = 0; posted < 1000; posted += 100)
      expect(await postStatus(gateway, numberedBatch(posted, 100))).toBe(200);

    const status = await untilStatus(gateway, ({ destinations: { here, gone } }) => {
      const isDelivered = here?.metrics.delivered === 1000 && here.logs.delivered === 1000;
      return isDelivered && gone?.metrics.health === "Degraded" && gone.logs.health === "Degraded";
    });
    expect(ledgerFaults(status)).toEqual([]);
    expect([...recorder.gauges]).toEqual(range(1000));
    expect([...recorder.logs]).toEqual(range(1000).map(String));
    for (const lane of Object.values(status.destinations.gone ?? {})) {
      expect(lane).toMatchObject({ owed: 1000, delivered: 0, pending: 1000 });
      expect(lane.reason).toMatch(/refused/);
      expect(lane.nextAttemptAt).not.toBeNull();
    }
    expect(await gateway.end("SIGTERM")).toBe(0);
  });

  it("for logs alone, which it does not know yet, gets metrics, and the logs once it has learned them", async () => {
    const recorder = createRecorder();
    const sink = await openSink({
      onMetrics: recorder.add,
      behaviour: ({ signal }) =>
        signal === "logs" ? { kind: "status", code: Code.Unimplemented } : { kind: "accept" },
    });
    const gateway = await start(writeConfiguration({ otlpUrl: sink.url }));
    expect(await postStatus(gateway, numberedBatch(0, 500))).toBe(200);

    const unknown = await untilStatus(
      gateway,
      ({ destinations: { collector } }) =>
        collector?.metrics.delivered === 500 && collector.logs.health === "Unavailable",
    );
    expect(unknown.destinations.collector?.logs).toMatchObject({
      pending: 500,
      deadLettered: 0,
      reasonCode: "DataflowOtelTargetConfigurationError",
      reason: expect.stringMatching(/UNIMPLEMENTED.*no logs pipeline/),
    });
    expect(unknown.destinations.collector?.metrics.health).toBe("Available");
    // Metrics go on while logs wait.
    expect(await postStatus(gateway, numberedBatch(500, 500))).toBe(200);
    await untilStatus(gateway, ({ destinations: { collector } }) => collector?.metrics.delivered === 1000);

    sink.behave(({ signal, request }) => {
      if (signal === "logs") recorder.add(request);
      return { kind: "accept" };
    });
    const learned = await untilStatus(gateway, (status) =>
      lanesOf(status).every(({ pending }) => pending === 0),
    );
    expect([...recorder.gauges]).toEqual(range(1000));
    expect([...recorder.logs]).toEqual(range(1000).map(String));
    expect(ledgerFaults(learned)).toEqual([]);
    for (const lane of lanesOf(learned)) expect(lane).toMatchObject({ delivered: 1000, health: "Available" });
    expect((await readStatus(gateway)).deadLetters.kept).toBe(0);
  });
});
