/**
 * POST /webhooks/:source. Order: source, method, credential, limits, body, envelope, store. Whatever happens, the
 * answer is one that the sender repeats if and only if the message was not stored and may be later.
 */
import type { Context } from "hono";
import type { Clock } from "../pipeline/clock.ts";
import type { SourceConfig } from "../pipeline/config/config.ts";
import { ContentTypeError, EnvelopeError, StoreFullError, toError } from "../pipeline/errors.ts";
import type { Logger } from "../pipeline/logger.ts";
import { PayloadTooLargeError, type Receiver } from "../pipeline/receive.ts";
import type { RefusalReason, RequestCounters } from "../pipeline/refusals.ts";
import type { Adapter, Envelope, Stored } from "../pipeline/source/adapter.ts";
import type { Authenticate } from "./authentication.ts";
import { BodyCutError, BodyTooLargeError, readBody } from "./body.ts";
import { methodNotAllowed, type ProblemOptions, type ProblemStatus, problem } from "./problem.ts";
import { createRefusalLog } from "./refusal-log.ts";

export interface WebhookOptions {
  source: SourceConfig;
  adapter: Adapter;
  authenticate: Authenticate;
  receiver: Receiver;
  bodyBytesMax: number;
  counters: RequestCounters;
  clock: Clock;
  logger: Logger;
  /** Shared by all sources: takes one of the gateway's places for requests; false when none is free. */
  gate: { enter(): boolean; leave(): void };
  isStopping(): boolean;
  retryAfterSeconds(): number;
}

export type Handler = (c: Context) => Response | Promise<Response>;

const jsonHeaders = { "Content-Type": "application/json" };
const noQuery = new URLSearchParams();
const onlyPost = methodNotAllowed("POST");
/** An unexpected failure is logged at most this often for each source. */
const failureLogMsMin = 1_000;

export function createWebhook(options: WebhookOptions): Handler {
  const { source, adapter, authenticate, receiver, bodyBytesMax, counters, clock, logger, gate } = options;
  const retryStatus = source.retryStatus;
  const keepsAll = adapter.brokenEnvelope === "keep";
  const logRefusal = createRefusalLog(source.name, { clock, logger });
  let lastFailureMs = Number.NEGATIVE_INFINITY;

  function refuse(
    reason: RefusalReason,
    status: ProblemStatus,
    detail: string,
    more?: ProblemOptions,
  ): Response {
    counters.refuse(source.name, reason);
    logRefusal(reason, detail);
    return problem(status, detail, more);
  }

  function later(reason: RefusalReason, detail: string): Response {
    const headers = { "Retry-After": String(options.retryAfterSeconds()) };
    return refuse(reason, retryStatus, detail, { headers });
  }

  function readEnvelope(request: Request, body: Uint8Array): Envelope {
    try {
      const envelope = adapter.read({ headers: request.headers, query: queryOf(request.url), body });
      return keepsAll ? { ...envelope, isArray: true } : envelope;
    } catch (error) {
      if (!keepsAll || !(error instanceof EnvelopeError)) throw error;
      const path = error.issues[0]?.path ?? "";
      return { isArray: true, elements: [{ kind: "broken", path, reason: error.message, body }] };
    }
  }

  async function store(request: Request): Promise<Response> {
    const body = await readBody(request, bodyBytesMax);
    const envelope = readEnvelope(request, body);
    const stored = await receiver.receive(source, envelope);
    countIgnored(envelope, counters);
    return answer(adapter, stored);
  }

  function fail(error: unknown): Response {
    if (error instanceof EnvelopeError)
      return refuse("badEnvelope", 400, error.message, { errors: error.issues });
    if (error instanceof ContentTypeError) return refuse("badEnvelope", 415, error.message);
    if (error instanceof BodyCutError) return refuse("badEnvelope", 400, error.message);
    if (error instanceof BodyTooLargeError || error instanceof PayloadTooLargeError) {
      return refuse("tooLarge", 413, error.message);
    }
    if (error instanceof StoreFullError)
      return later("storeFull", "Cannot store the message: the store is full");
    if (clock.monotonicMs() - lastFailureMs >= failureLogMsMin) {
      lastFailureMs = clock.monotonicMs();
      logger.error({ source: source.name, error: toError(error) }, "Cannot take a request");
    }
    return later("overloaded", "Cannot take the request now: the gateway failed unexpectedly");
  }

  return async (c) => {
    const request = c.req.raw;
    if (request.method !== "POST") return onlyPost(c);
    const authentication = authenticate(request.headers.get("authorization"));
    if (authentication === "denied") {
      return refuse("unauthorized", 401, "Cannot take the request: wanted a valid bearer token", {
        headers: { "WWW-Authenticate": "Bearer" },
      });
    }
    if (authentication === "unready") {
      return later("unauthorized", "Cannot check the credential: the source's secret cannot be read yet");
    }
    if (options.isStopping()) return later("stopping", "Cannot take the request: the gateway is stopping");
    if (!gate.enter()) return later("overloaded", "Cannot take the request: too many are waiting");
    try {
      const encoding = request.headers.get("content-encoding");
      if (encoding !== null && encoding.toLowerCase() !== "identity") {
        return refuse("badEnvelope", 415, "Cannot read an encoded body: wanted no Content-Encoding");
      }
      return await store(request);
    } catch (error) {
      return fail(error);
    } finally {
      gate.leave();
    }
  };
}

function answer(adapter: Adapter, stored: Stored): Response {
  if (!adapter.stored) return new Response(JSON.stringify(stored), { headers: jsonHeaders });
  const { status, body } = adapter.stored(stored);
  return new Response(JSON.stringify(body), { status, headers: jsonHeaders });
}

/** A URL is parsed only where it has a query. */
function queryOf(url: string): URLSearchParams {
  const index = url.indexOf("?");
  return index < 0 ? noQuery : new URLSearchParams(url.slice(index + 1));
}

function countIgnored({ elements }: Envelope, counters: RequestCounters) {
  let events = 0;
  for (const element of elements) if (element.kind === "ignored") events += 1;
  if (events > 0) counters.ignore(events);
}
