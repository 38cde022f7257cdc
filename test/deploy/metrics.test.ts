/** What dashboards and alert rules ask for is what /metrics has. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { createTestApp, validMetrics } from "../support/app.ts";
import { readYaml } from "./files.ts";

const rules = z
  .object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({
            alert: z.string(),
            expr: z.string(),
            labels: z.object({ severity: z.enum(["critical", "warning"]) }),
            annotations: z.record(z.string(), z.string()),
          }),
        ),
      }),
    ),
  })
  .parse(readYaml("deploy/compose/prometheus/alerts.yaml").map((document) => document as object)[0])
  .groups.flatMap((group) => group.rules);

const dashboard = z
  .object({
    templating: z.object({
      list: z.array(z.object({ query: z.union([z.string(), z.object({ query: z.string() })]) })),
    }),
    panels: z.array(
      z.object({
        id: z.number(),
        title: z.string(),
        gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
        targets: z.array(z.object({ expr: z.string(), legendFormat: z.string() })),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync("deploy/compose/grafana/dashboards/gateway.json", "utf8")));

const queries = [
  ...rules.map(({ alert, expr, annotations }) => ({
    name: alert,
    expr,
    shown: Object.values(annotations).flatMap((text) =>
      [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label),
    ),
  })),
  ...dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({
      name: title,
      expr,
      shown: [...legendFormat.matchAll(/{{(\w+)}}/g)].map(([, label = ""]) => label),
    })),
  ),
];

/** What Prometheus itself adds. */
const added = ["job", "instance"];

/** The labels of each metric, by the names that a query uses. */
let served: Map<string, Set<string>>;

beforeAll(async () => {
  const condition = { problem: null, expirations: [{ credential: "token" as const, expiresAtUs: 1 }] };
  const { app, post, telemetry } = createTestApp({
    credentials: [{ destination: "collector", ...condition }],
    bridges: [
      {
        name: "plant",
        connected: true,
        retainedSkipped: 0,
        droppedWhenBusy: 0,
        reason: null,
        credentials: condition,
      },
    ],
  });
  await post("/webhooks/raw", validMetrics);
  await post("/webhooks/raw", "{");
  await post("/webhooks/mqtt", "{");
  telemetry.oddities.count("raw", "damagedPayloads", 1);
  telemetry.filtered.count("raw", "filter", 1);
  telemetry.onExport({ destination: "collector", signal: "metrics", outcome: "accepted", durationMs: 1 });
  const text = await (await app.request("/metrics")).text();
  served = new Map([["up", new Set()]]);
  for (const [, name = "", labels = ""] of text.matchAll(/^(\w+)(?:{(.*)})? \S+/gm)) {
    const known = served.get(name) ?? new Set();
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) known.add(label);
    served.set(name, known);
  }
});

const metricsIn = (expr: string) => expr.match(/\b(gateway_\w+|up)\b/g) ?? [];

describe("a query", () => {
  it.each(queries)("of $name asks for what is served", ({ expr }) => {
    expect(metricsIn(expr)).not.toEqual([]);
    for (const metric of metricsIn(expr)) expect([...served.keys()]).toContain(metric);
  });

  it.each(queries)("of $name uses labels that are there", ({ expr, shown }) => {
    const known = new Set([
      ...added,
      ...metricsIn(expr).flatMap((metric) => [...(served.get(metric) ?? [])]),
    ]);
    const matched = [...expr.matchAll(/{([^}]*)}/g)].flatMap(([, list = ""]) =>
      [...list.matchAll(/(\w+)\s*[!=]~?/g)].map(([, label = ""]) => label),
    );
    const grouped = [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = ""]) =>
      list.split(", "),
    );
    for (const label of [...matched, ...grouped, ...shown]) expect([...known]).toContain(label);
    // What a sum leaves out cannot be shown.
    if (grouped.length > 0 && expr.includes("by (")) expect(grouped).toEqual(expect.arrayContaining(shown));
  });
});

describe("the alert rules", () => {
  it("know the refusals and the health that the gateway has", () => {
    const words = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/"([\w|-]+)"/g)].flatMap(([, text = ""]) => text.split("|")),
    );
    expect(new Set(words)).toEqual(
      new Set(["mqtt-otlp-gateway", "Unavailable", "Degraded", "storeFull", "stopping"]),
    );
  });
});

describe("the dashboard", () => {
  it("has panels of their own ids that stand beside each other", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)}/${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });

  it("chooses among gateways by a metric that is there", () => {
    const asked = dashboard.templating.list.flatMap(({ query }) =>
      metricsIn(typeof query === "string" ? query : query.query),
    );
    expect(new Set(asked)).toEqual(new Set(["gateway_store_bytes"]));
  });

  it("shows every metric, or has an alert for it", () => {
    const asked = new Set(queries.flatMap(({ expr }) => metricsIn(expr)));
    const isAsked = (name: string) => ["", "_bucket", "_sum"].some((part) => asked.has(name + part));
    const names = [...served.keys()].map((name) => name.replace(/_(bucket|count|sum)$/, ""));
    const missing = names.filter((name) => !isAsked(name));
    expect(missing.filter((name) => name.startsWith("gateway_"))).toEqual([]);
  });
});
