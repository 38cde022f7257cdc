import { describe, expect, it } from "vitest";
import { endpoint, gateway, linesOf, load } from "./support.ts";

/** So many endpoints, "e1" and so on. */
function endpoints(count: number): string {
  return Array.from({ length: count }, (_, i) => endpoint("host: http://localhost:4317", `e${i + 1}`)).join(
    "---\n",
  );
}

function destinations(count: number, fields = ""): string {
  return gateway(
    [
      "destinations:",
      ...Array.from({ length: count }, (_, i) => `  - { endpointRef: e${i + 1}${fields} }`),
    ].join("\n"),
  );
}

describe("lanes of a configuration", () => {
  it("may be 48", () => {
    expect(linesOf(endpoints(24))).toEqual([]);
    expect(linesOf(`${destinations(48, ", signals: [logs]")}---\n${endpoints(48)}`)).toEqual([]);
  });

  it("may not be more, when each endpoint is a destination", () => {
    expect(linesOf(endpoints(25))).toEqual([
      "gateway.yaml:194: kind: Wanted at most 48 lanes, one for each signal of each destination, met 50",
    ]);
  });

  it("may not be more, when destinations are listed", () => {
    const message = "Wanted at most 48 lanes, one for each signal of each destination, met";
    expect(linesOf(`${destinations(25)}---\n${endpoints(25)}`)).toEqual([
      `gateway.yaml:4: spec.destinations: ${message} 50`,
    ]);
    expect(linesOf(`${destinations(49, ", signals: [logs]")}---\n${endpoints(49)}`)).toEqual([
      `gateway.yaml:4: spec.destinations: ${message} 49`,
    ]);
  });

  it("are those of the destinations that are listed, however many endpoints there are", () => {
    expect(linesOf(`${destinations(1)}---\n${endpoints(30)}`)).toEqual([]);
  });
});

describe("deliverWithinSeconds", () => {
  const warningsOf = (seconds: number) =>
    load(
      `${destinations(1, `, deliverWithinSeconds: ${seconds}`)}---\n${endpoint(
        "host: http://localhost:4317\nbatching: { latencySeconds: 5 }",
        "e1",
      )}`,
    ).warnings.filter((warning) => warning.includes("deliverWithinSeconds"));

  it.each([1, 5])("of %i is warned of when a batch is due after 5 s", (seconds) => {
    expect(warningsOf(seconds)).toEqual([
      `Destination e1 has deliverWithinSeconds ${seconds}, not above latencySeconds 5; what waits so long becomes a dead letter and is not sent`,
    ]);
  });

  it("is not warned of when it is longer than that", () => {
    expect(warningsOf(6)).toEqual([]);
  });
});
