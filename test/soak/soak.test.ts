import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { receiverAway } from "../integration/scenarios/away.ts";
import { bridgeUnderKills } from "../integration/scenarios/bridge.ts";
import { killUnderLoad } from "../integration/scenarios/crash.ts";
import { buildCollector, installMosquitto } from "../integration/setup.ts";

const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const propertyRuns = "100000";
const propertyTests = ["test/payload", "test/source", "test/handlers/bad-input.test.ts"];

/** The scenarios of the integration tests, in the size that finds what is rare. */
describe("soak", () => {
  it(`50 kills under load lose nothing and count nothing twice (seed ${seed})`, async () => {
    await killUnderLoad({ kills: 50, seed });
  });

  it(`200000 messages through a bridge all arrive, whatever is killed (seed ${seed})`, async () => {
    installMosquitto();
    buildCollector();
    await bridgeUnderKills({ count: 200_000, seed });
  });

  it("a receiver that is away for a minute gets everything in order", async () => {
    await receiverAway({ awayMs: 60_000 });
  });

  it(`${propertyRuns} cases of every property of payloads and envelopes`, () => {
    const run = spawnSync(
      "vitest",
      ["run", "--project", "unit", "--testTimeout", "2400000", ...propertyTests],
      { env: { ...process.env, FAST_CHECK_RUNS: propertyRuns }, encoding: "utf8" },
    );
    expect(run.status, run.stdout + run.stderr).toBe(0);
  });
});
