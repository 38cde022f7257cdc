import { Hono } from "hono";
import { laneKey } from "../pipeline/message.ts";
import type { AppOptions } from "./app.ts";
import { methodNotAllowed, problem } from "./problem.ts";
import { describeStatus, healthOf, lanesOf } from "./status.ts";

const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

/** Probes, /status and /metrics. */
export function createOperationRoutes(options: AppOptions): Hono {
  const { config, store, delivery, telemetry, clock, logger, state } = options;
  const routes = new Hono({ strict: false });

  async function observe() {
    // In this order: a lane is well before its batch is settled, so that what is delivered never looks like trouble.
    const ledger = await store.ledger();
    const [lanes, credentials] = await Promise.all([delivery.health(), delivery.credentials()]);
    const health = new Map(lanes.map(({ lane, health }) => [laneKey(lane), health]));
    return { ledger, health, credentials };
  }

  routes.get("/livez", (c) => c.json({ status: "alive" }));

  routes.get("/readyz", async (c) => {
    const reasons: string[] = [];
    if (state.stopping || state.draining) reasons.push("The gateway is stopping");
    try {
      await store.ledger();
    } catch (error) {
      logger.warn({ error }, "Cannot use the store");
      reasons.push("The store cannot be used");
    }
    if (reasons.length === 0) return c.json({ status: "ready" });
    return problem(503, reasons.join("; "), { errors: reasons.map((message) => ({ path: "", message })) });
  });

  routes.get("/status", async (c) => {
    const { ledger, health, credentials } = await observe();
    return c.json(
      describeStatus({
        version: state.version,
        startedAtUs: state.startedAtUs,
        nowUs: clock.nowUs(),
        ledger,
        config,
        counters: telemetry.requests,
        bridges: options.bridges(),
        health,
        credentials,
      }),
    );
  });

  routes.get("/metrics", async (c) => {
    const { ledger, health, credentials } = await observe();
    const conditions = lanesOf(ledger).map((lane) => ({ lane: lane.name, ...healthOf(lane, health) }));
    const text = await telemetry.scrape({
      ledger,
      conditions,
      credentials,
      bridges: options.bridges(),
      nowUs: clock.nowUs(),
    });
    return c.body(text, 200, { "Content-Type": prometheusType });
  });

  for (const path of ["/livez", "/readyz", "/status", "/metrics"])
    routes.all(path, methodNotAllowed("GET, HEAD"));
  return routes;
}
