import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openLastValues } from "../../handlers/runtime/last-values.ts";
import type { LaneName } from "../../pipeline/message.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { numberPoints } from "../otlp/fixtures.ts";
import { arrival, filtered, owedBy, roomy } from "../store/arrivals.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import {
  type GatewayProcess,
  gatewayConfiguration,
  post,
  startGateway,
  untilSettled,
} from "../support/gateway-process.ts";
import { startSink } from "../support/otlp-sink.ts";

const rules = `---
apiVersion: mqtt-otlp-gateway/v1
kind: Mapping
metadata: { name: thermostat }
spec:
  match: { topicFilters: ["plant/+"] }
  onMissing: skip
  filter: { inputs: [quality ? $last ?? 'Good'], expression: "$1 != 'Good'" }
  metrics:
    - { name: t, type: f64_gauge, inputs: [t ? $last, n], expression: "$1 * 1000 + $2", attributes: { site: "\${topic.2}" } }
`;

/** A gateway that sends only when it is told to, so that what is read again was judged by another process. */
async function setUp() {
  const folder = mkdtempSync(join(tmpdir(), "last-values-"));
  const points: string[] = [];
  const sink = await startSink({
    onMetrics({ resourceMetrics }) {
      const metrics = resourceMetrics.flatMap((one) => one.scopeMetrics.flatMap((scope) => scope.metrics));
      for (const { value, attributes } of numberPoints(metrics)) {
        points.push(`${attributes[0]?.value?.value.value} ${value.value}`);
      }
    },
  });
  const configPath = join(folder, "gateway.yaml");
  const write = (more: string) => {
    const storePath = join(folder, "gateway.db");
    writeFileSync(
      configPath,
      gatewayConfiguration({ otlpUrl: sink.url, storePath, latencySeconds: 3600 }) + more,
    );
  };
  write(rules);
  const processes: GatewayProcess[] = [];
  onTestFinished(async () => {
    for (const each of processes) await each.end("SIGKILL");
    await sink.close();
    rmSync(folder, { recursive: true });
  });
  return {
    points,
    write,
    async start() {
      const gateway = await startGateway(configPath);
      processes.push(gateway);
      return {
        ...gateway,
        /** Each payload by itself, in order, on one topic. */
        async publish(topic: string, ...payloads: object[]) {
          const answers: unknown[] = [];
          for (const payload of payloads) {
            const response = await post(gateway, JSON.stringify({ topic, payload }));
            answers.push(await response.json());
          }
          return answers;
        },
        async explain(topic: string, payload: object) {
          const response = await fetch(`${gateway.url}/explain`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ topic, payload }),
          });
          return JSON.stringify(await response.json());
        },
      };
    },
  };
}

describe("openLastValues()", () => {
  const bytesMax = 2_000_000;

  it("does not ask the store when no rule wants any", async () => {
    const lastValues = () => Promise.reject(new Error("asked"));
    expect(
      await openLastValues({ lastValues }, { rememberedInputs: [], bytesMax }, createFakeLogger()),
    ).toBeUndefined();
  });

  it("logs once a rule that a value is not remembered, without the value", async () => {
    const logger = createFakeLogger();
    const rememberedInputs = [{ rule: "Mapping m", input: "t" }];
    const opened = await openLastValues(
      { lastValues: async () => [] },
      { rememberedInputs, bytesMax },
      logger,
    );
    for (const rule of ["Mapping m", "Mapping m", "Mapping n"]) {
      const recall = opened?.recall({ source: "plant", topic: "plant/a" });
      recall?.meet({ rule, input: "t", member: "" }, "x".repeat(2000));
      recall?.keep(0);
    }
    expect(logger.lines).toMatchObject([
      { level: "warn", fields: { rule: "Mapping m", reason: "it has 2002 bytes, limit is 1024" } },
      { level: "warn", fields: { rule: "Mapping n" } },
    ]);
    expect(JSON.stringify(logger.lines)).not.toContain("xxx");
  });
});

describe("last values in a small store", () => {
  it("leave room for messages, however many topics there are", async () => {
    const folder = mkdtempSync(join(tmpdir(), "last-values-"));
    const rememberedInputs = [{ rule: "Mapping m", input: "t" }];
    const bytesMax = 2_000_000;
    const lane: LaneName = { destination: "collector", signal: "metrics" };
    const options = { ...roomy, path: join(folder, "gateway.db"), bytesMax, rememberedInputs, lanes: [lane] };
    const store = await openSqliteStore(options);
    onTestFinished(async () => {
      await store.close();
      rmSync(folder, { recursive: true });
    });
    const lastValues = await openLastValues(store, options, createFakeLogger());
    async function flood(count: number, topicOf: (index: number) => string) {
      for (let index = 0; index < count; index++) {
        const message = { ...arrival("1", filtered).message, topic: topicOf(index) };
        const recall = lastValues?.recall(message);
        recall?.meet({ rule: "Mapping m", input: "t", member: "" }, "x".repeat(600));
        await store.append([{ ...arrival("1", filtered), message, met: recall?.keep(0) }]);
        recall?.settle(true);
      }
    }
    await flood(2000, (index) => `plant/${index}/${"n".repeat(300)}`);
    expect((await store.lastValues()).length).toBeGreaterThan(10);
    const messages = Math.floor(bytesMax / 4 / 8192);
    const large = arrival("x".repeat(4000), owedBy(store, [lane]));
    for (let index = 0; index < messages; index++) await store.append([large]);
    expect((await store.ledger()).lanes[0]).toMatchObject({ pending: messages });
  });
});

describe("a gateway that remembers last values", () => {
  it("has them after SIGKILL, and delivers what stood in when each message arrived", async () => {
    const { start, points } = await setUp();
    const first = await start();
    await first.publish("plant/a", { t: 21, n: 1 }, { n: 2 });
    await first.publish("plant/b", { t: 5, n: 3 });
    await first.publish("plant/a", { t: 22, n: 4 });
    await first.end("SIGKILL");

    const second = await start();
    expect(await second.explain("plant/a", { n: 5 })).toMatch(/last value of t","value":"22 \(met /);
    await second.publish("plant/a", { n: 5 });
    expect(
      await second.publish("plant/b", { quality: "Bad", t: 6, n: 6 }, { n: 7 }, { quality: "Good", n: 8 }),
    ).toEqual([
      expect.objectContaining({ filtered: 1 }),
      expect.objectContaining({ filtered: 1 }),
      expect.objectContaining({ accepted: 1 }),
    ]);
    await second.publish("plant/a", { t: 23, n: 9 });
    await second.end("SIGKILL");

    const third = await start();
    await third.publish("plant/b", { n: 10 });
    await untilSettled(third);
    expect(points.toSorted()).toEqual(
      ["a 21001", "a 21002", "b 5003", "a 22004", "a 22005", "b 6008", "a 23009", "b 6010"].toSorted(),
    );
  });

  it("forgets those of rules that are gone from the configuration", async () => {
    const { start, write, points } = await setUp();
    const first = await start();
    await first.publish("plant/a", { t: 21, n: 1 });
    await first.end("SIGTERM");
    write(rules.replace("[t ? $last, n]", "[t ?? 0, n]"));
    await (await start()).end("SIGTERM");
    write(rules);
    const third = await start();
    expect(await third.explain("plant/a", { n: 2 })).toContain('"last value of t","value":"nothing"');
    await third.publish("plant/a", { n: 2 });
    await untilSettled(third);
    expect(points).toEqual(["a 21001"]);
  });
});
