import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ledgerFaults, postStatus, untilSettled } from "../support/gateway-process.ts";
import { createRecorder, numberedBatch, range } from "./recorder.ts";
import { openSink, start, temporaryFolder, writeConfiguration } from "./workbench.ts";

const deno = "node_modules/.bin/deno";

describe("the server on Deno", () => {
  it("with the permissions that README names stores, delivers, and stops with 0", async () => {
    expect(existsSync(deno)).toBe(true);
    const folder = temporaryFolder();
    const recorder = createRecorder();
    const sink = await openSink({ onMetrics: recorder.add, onLogs: recorder.add });
    const configPath = writeConfiguration({ folder, otlpUrl: sink.url });
    const permissions = [
      "--allow-net=127.0.0.1,localhost",
      `--allow-read=.,${folder}`,
      `--allow-write=${folder}`,
      "--allow-env",
      "--allow-sys=hostname",
    ];
    const command = [
      deno,
      "run",
      "--no-prompt",
      "--no-lock",
      ...permissions,
      "handlers/runtime/deno.ts",
      "--config",
    ];
    for (const round of [0, 1]) {
      const gateway = await start(configPath, command);
      expect(await postStatus(gateway, numberedBatch(round * 100, 100))).toBe(200);
      const status = await untilSettled(gateway);
      expect(ledgerFaults(status)).toEqual([]);
      expect(status.accepted).toBe((round + 1) * 100);
      expect(await gateway.end("SIGTERM")).toBe(0);
    }
    expect([...recorder.gauges]).toEqual(range(200));
    expect([...recorder.logs]).toEqual(range(200).map(String));
  });
});
