import { Hono } from "hono";
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

  routes.get("/status", async (c) =>
    c.json(
      describeStatus({
        version: state.version,
        startedAtUs: state.startedAtUs,
        nowUs: clock.nowUs(),
        ledger: await store.ledger(),
        config,
        counters: telemetry.requests,
        health: ({ destination, signal }) => delivery.health(destination, signal),
      }),
    ),
  );

  routes.get("/metrics", async (c) => {
    const text = await telemetry.scrape(await store.ledger(), clock.nowUs());
    return c.body(text, 200, { "Content-Type": prometheusType });
  });

  for (const path of ["/livez", "/readyz", "/status", "/metrics"])
    routes.all(path, methodNotAllowed("GET, HEAD"));
  return routes;
}
