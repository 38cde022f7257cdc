import { Hono } from "hono";
import { laneKey } from "../pipeline/message.ts";
import type { AppOptions } from "./app.ts";
import { methodNotAllowed, problem } from "./problem.ts";
import { describeStatus } from "./status.ts";

const prometheusType = "text/plain; version=0.0.4; charset=utf-8";

/** Probes, /status and /metrics. */
export function createOperationRoutes(options: AppOptions): Hono {
  const { config, store, delivery, telemetry, clock, logger, state } = options;
  const routes = new Hono({ strict: false });

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
    const [ledger, health] = await Promise.all([store.ledger(), delivery.health()]);
    return c.json(
      describeStatus({
        version: state.version,
        startedAtUs: state.startedAtUs,
        nowUs: clock.nowUs(),
        ledger,
        config,
        counters: telemetry.requests,
        health: new Map(health.map(({ lane, health }) => [laneKey(lane), health])),
      }),
    );
  });

  routes.get("/metrics", async (c) => {
    const text = await telemetry.scrape(await store.ledger(), clock.nowUs());
    return c.body(text, 200, { "Content-Type": prometheusType });
  });

  for (const path of ["/livez", "/readyz", "/status", "/metrics"])
    routes.all(path, methodNotAllowed("GET, HEAD"));
  return routes;
}
