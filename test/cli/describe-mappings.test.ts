import { describe, expect, it } from "vitest";
import { describeMapping } from "../../cli/describe-mappings.ts";
import { log, metric, rules } from "../mapping/support.ts";

describe("describeMapping()", () => {
  it("says what is taken, dropped and made", () => {
    const mapping = rules({
      sources: ["emqx", "plant"],
      topicFilters: ["data/+"],
      filter: { inputs: ["a", "b"], expression: "$1 < $2" },
      onMissing: "skip",
      metrics: [metric({ name: "t" }), metric({ name: `\${key}`, type: "u64_counter" })],
      logs: [log()],
    });
    expect(describeMapping(mapping)).toEqual([
      "  thermostat: sources emqx, plant; topics data/+; dropped where $1 < $2, with a, b",
      "    makes: t (f64_gauge), ${key} (u64_counter), a log record (warn)",
      "    what is missing: leaves its item out",
    ]);
  });

  it("says what counts where the mapping is silent", () => {
    expect(describeMapping(rules({ logs: [log()] }))).toEqual([
      "  thermostat: any source; any topic",
      "    makes: a log record (warn)",
      "    what is missing: makes the message a dead letter",
    ]);
  });
});
