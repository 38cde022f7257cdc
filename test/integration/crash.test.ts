import { describe, it } from "vitest";
import { killUnderLoad } from "./scenarios/crash.ts";

const kills = Number(process.env.CRASH_KILLS ?? 6);
const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe("kill -9", () => {
  it(`${kills} times under load loses nothing acknowledged and counts nothing twice (seed ${seed})`, async () => {
    await killUnderLoad({ kills, seed });
  });
});
