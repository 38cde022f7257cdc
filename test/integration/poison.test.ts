import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { flush, ledgerFaults, postStatus, untilSettled, untilStatus } from "../support/gateway-process.ts";
import { createRecorder, metricsOf, range } from "./recorder.ts";
import { openSink, start, writeConfiguration } from "./workbench.ts";

const messages = 5000;
const poisonous = 3217;
const increment = 1_000_000n;

/** A gauge with the message's number and an increment of one; the poisonous one has a metric more, and increments by a million. */
function message(n: number): string {
  const isPoison = n === poisonous;
  const poison = isPoison ? `,{"name":"poison","type":"f64_gauge","value":-1}` : "";
  return `{"topic":"t","payload":{"metrics":[{"name":"sequence","type":"i64_gauge","value":${n}},{"name":"parts","type":"u64_counter","value":${isPoison ? increment : 1},"attributes":[{"key":"series","value":"parts"}]}${poison}]}}`;
}

describe("one poisonous message among 5,000", () => {
  it("becomes the only dead letter, counts nowhere, and is delivered once when it is replayed", async () => {
    const recorder = createRecorder();
    const sink = await openSink({ behaviour: { kind: "status", code: Code.Unavailable } });
    const gateway = await start(writeConfiguration({ otlpUrl: sink.url }));
    for (let n = 0; n < messages; n += 100) {
      const body = range(100).map((index) => message(n + index));
      expect(await postStatus(gateway, `[${body.join(",")}]`)).toBe(200);
    }

    sink.behave(({ request }) => {
      if (metricsOf(request).some(({ name }) => name === "poison"))
        return { kind: "status", code: Code.InvalidArgument, message: "Negative value" };
      recorder.add(request);
      return { kind: "accept" };
    });
    const status = await untilSettled(gateway);
    expect(ledgerFaults(status)).toEqual([]);
    expect(status.destinations.collector?.metrics).toMatchObject({
      owed: messages,
      delivered: messages - 1,
      deadLettered: 1,
      health: "Available",
    });
    expect([...recorder.gauges]).toEqual(range(messages).filter((n) => n !== poisonous));
    expect(recorder.repeats()).toBe(0);
    expect(recorder.faults).toEqual([]);
    expect(recorder.last("parts")).toBe(BigInt(messages - 1));

    const letters = (await (await fetch(`${gateway.url}/dead-letters`)).json()) as {
      items: { id: number; payload: string }[];
      next: null;
    };
    expect(letters).toMatchObject({
      items: [
        {
          stage: "delivery",
          destination: "collector",
          signal: "metrics",
          reason: "refused",
          detail: expect.stringContaining("INVALID_ARGUMENT (Negative value)"),
          possiblyDelivered: false,
        },
      ],
      next: null,
    });
    expect(letters.items[0]?.payload).toContain("poison");

    // The receiver is mended.
    sink.behave(({ request }) => {
      recorder.add(request);
      return { kind: "accept" };
    });
    const url = `${gateway.url}/dead-letters/${letters.items[0]?.id}/replay`;
    expect((await fetch(url, { method: "POST" })).status).toBe(200);
    const after = await untilSettled(gateway);
    await untilStatus(gateway, ({ deadLetters }) => deadLetters.kept === 0);
    expect(recorder.gauges.size).toBe(messages + 1);
    expect(recorder.gauges).toContain(poisonous);
    expect(recorder.repeats()).toBe(0);
    expect(recorder.faults).toEqual([]);
    expect(recorder.last("parts")).toBe(BigInt(messages - 1) + increment);
    expect(recorder.starts("parts")).toBe(1);
    expect(ledgerFaults(after)).toEqual([]);
    expect(after.destinations.collector?.metrics).toMatchObject({ owed: messages + 1, deadLettered: 1 });
    expect((await fetch(url, { method: "POST" })).status).toBe(404);
    expect(await flush(gateway)).toBe(200);
    expect(recorder.repeats()).toBe(0);
  });
});
