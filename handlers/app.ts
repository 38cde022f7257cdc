import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import type { BridgeReport } from "../pipeline/bridge-report.ts";
import type { Clock } from "../pipeline/clock.ts";
import type { GatewayConfig, SecretReference } from "../pipeline/config/config.ts";
import type { CredentialReport } from "../pipeline/credential-report.ts";
import type { LaneCondition } from "../pipeline/deliver-health.ts";
import { toError } from "../pipeline/errors.ts";
import type { LastValues } from "../pipeline/last-values.ts";
import type { Logger } from "../pipeline/logger.ts";
import type { LaneName } from "../pipeline/message.ts";
import type { Receiver } from "../pipeline/receive.ts";
import type { Secret } from "../pipeline/secret.ts";
import { adapters } from "../pipeline/source/adapters.ts";
import type { BatchStore } from "../pipeline/store/batch-store.ts";
import type { Telemetry } from "../pipeline/telemetry.ts";
import { type Authenticator, openToAll } from "./authentication/authentication.ts";
import { createBearerAuthenticator } from "./authentication/bearer.ts";
import { createSourceAuthenticator } from "./authentication/methods.ts";
import { createDeadLetterRoutes } from "./dead-letters.ts";
import { createExplainRoutes } from "./explain.ts";
import { createGate } from "./gate.ts";
import { createOperationRoutes } from "./operations.ts";
import { type Middleware, problem } from "./problem.ts";
import { createDrainMeter } from "./retry-after.ts";
import { createTimerRoutes } from "./timer.ts";
import { createWebhook, type Handler } from "./webhook.ts";

/** What one forced or due round of delivery did, summed over all lanes. */
export interface FlushResult {
  batches: number;
  messages: number;
  items: number;
  pending: number;
  /** Null: nothing waits. */
  nextDueMs: number | null;
  /** A destination did not take what was due. */
  failed: boolean;
}
export type Flush = (options: { force: boolean; deadlineMs: number }) => Promise<FlushResult>;

/** How a lane does. */
export interface LaneHealth extends LaneCondition {
  nextAttemptAtUs: number | null;
  retries: number;
  /** Since start. */
  overflowedReadings: number;
  /** What the receiver remarked when it took a batch. */
  warning: string | null;
}

/** What the runtime tells the routes, and changes while they are in use. */
export interface GatewayState {
  /** Still serving, but no longer ready: SIGTERM was seen. */
  draining?: boolean;
  /** New requests are turned away. */
  stopping: boolean;
  startedAtUs: number;
  version: string;
}

export interface AppOptions {
  config: GatewayConfig;
  receiver: Receiver;
  store: BatchStore;
  /** For explanations; undefined: no rule wants any. */
  lastValues?: LastValues | undefined;
  delivery: {
    flush: Flush;
    health(): Promise<readonly { lane: LaneName; health: LaneHealth }[]>;
    credentials(): Promise<readonly CredentialReport[]>;
  };
  /** How each bridge does. */
  bridges(): readonly BridgeReport[];
  telemetry: Telemetry;
  clock: Clock;
  logger: Logger;
  secrets(reference: SecretReference): Secret;
  state: GatewayState;
}

/** Room beside the largest body for what is made of it: more than the elements of the longest array are counted as. */
const madeBytesMax = 128 * 1024 * 1024;

/** The HTTP surface. Never listens: a runtime serves its `fetch`. */
export function createApp(options: AppOptions): Hono {
  const { config, receiver, store, lastValues, delivery, telemetry, clock, logger, secrets, state } = options;
  const app = new Hono({ strict: false });
  const retryAfterSeconds = createDrainMeter(store, clock);

  const webhooks = new Map<string, Handler>();
  const webhooksWithSecret = new Map<string, Handler>();
  const { concurrentRequestsMax, bodyBytesMax } = config.limits;
  const requestBytesMax = bodyBytesMax + madeBytesMax;
  const known = { gate: createGate(concurrentRequestsMax), bodies: createGate(2 * requestBytesMax) };
  // Whoever is known by the body alone may send it slowly: that takes no more than half of the room.
  const unknown = {
    gate: createGate(Math.ceil(concurrentRequestsMax / 2), known.gate),
    bodies: createGate(requestBytesMax, known.bodies),
  };
  for (const source of config.sources) {
    const authenticator = createSourceAuthenticator(source, { secrets, clock });
    const webhook = createWebhook({
      source,
      adapter: adapters[source.adapter](source),
      authenticator,
      receiver,
      bodyBytesMax,
      acknowledgeTimeoutMs: config.acknowledgeTimeoutMs,
      counters: telemetry.requests,
      clock,
      logger,
      ...(authenticator.checkBody ? unknown : known),
      isStopping: () => state.stopping,
      retryAfterSeconds,
    });
    webhooks.set(source.name, webhook);
    if (source.authentication?.method === "UrlSecret") webhooksWithSecret.set(source.name, webhook);
  }
  app.all("/webhooks/:source", (c) => {
    const webhook = webhooks.get(c.req.param("source"));
    return webhook ? webhook(c) : problem(404, "No source has this name");
  });
  app.all("/webhooks/:source/:secret", (c) => {
    const webhook = webhooksWithSecret.get(c.req.param("source"));
    return webhook ? webhook(c) : problem(404, "No source of this name takes a secret in its path");
  });

  const token = config.administration?.token;
  const administration = requireToken(token ? createBearerAuthenticator(secrets(token)) : openToAll);
  const operatorPaths = ["/timer/*", "/metrics", "/status", "/dead-letters/*", "/explain/*"];
  for (const path of operatorPaths) app.use(path, administration);
  app.route("/timer", createTimerRoutes(delivery.flush));
  app.route("/dead-letters", createDeadLetterRoutes({ deadLetters: store.deadLetters, receiver }));
  app.route("/explain", createExplainRoutes({ config, instanceId: store.instanceId, clock, lastValues }));
  app.route("/", createOperationRoutes(options));

  app.notFound(() => problem(404, "Nothing is here"));
  app.onError((error) => {
    if (error instanceof HTTPException && error.status === 400) return problem(400, error.message);
    logger.error({ error: toError(error) }, "Cannot answer a request");
    const headers = { "Retry-After": String(retryAfterSeconds()) };
    return problem(503, "Cannot answer now: the gateway failed unexpectedly", { headers });
  });
  return app;
}

function requireToken(authenticator: Authenticator): Middleware {
  return async (c, next) => {
    const authentication = authenticator.check(c);
    if (authentication === "granted") return next();
    if (authentication === "unready") {
      const headers = { "Retry-After": "5" };
      return problem(503, "Cannot check the credential: the administration token cannot be read yet", {
        headers,
      });
    }
    return problem(401, "Cannot answer: wanted the administration token", {
      headers: { "WWW-Authenticate": authentication.challenge },
    });
  };
}
