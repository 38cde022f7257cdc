import { describe, expect, it } from "vitest";
import { createJudge } from "../../pipeline/judge.ts";
import type { PayloadFormat } from "../../pipeline/payload/format.ts";
import { sourceConfig } from "../support/app.ts";

const message = { source: "mqtt", topic: "t", payload: new Uint8Array(), userProperties: [] };

/** The verdict on a message that meets three rate limits, of which it passes some. */
function judged(passed: readonly string[]) {
  const format: PayloadFormat = {
    parse(met, { admits }) {
      for (const name of ["a", "b", "c"]) admits?.({ name, intervalMs: 1 }, met);
      return { kind: "items", items: { metrics: [], logs: [] } };
    },
  };
  const admits = ({ name }: { name: string }) => passed.includes(name);
  const { judge } = createJudge({ format, lanes: [], payloadBytesMax: 1, admits });
  return judge(sourceConfig(), message, { arrivedAtUs: 0 });
}

describe("judge()", () => {
  it.each([
    [["b"], ["a", "c"]],
    [["a", "b", "c"], undefined],
  ])("says which rate limits dropped a message that passes %j", (passed, throttledBy) => {
    expect(judged(passed)).toStrictEqual({ kind: "accepted", lanes: 0, expiresAtUs: undefined, throttledBy });
  });
});
