/**
 * POST /webhooks/:source. Order: source, method, credential, limits, body, signature, handshake, envelope, store.
 * Whatever happens, the answer is one that the sender repeats if and only if the message was not stored and may be
 * later. OPTIONS and GET are handshakes, or nothing.
 */
import type { Context } from "hono";
import type { Clock } from "../pipeline/clock.ts";
import type { SourceConfig } from "../pipeline/config/config.ts";
import {
  ContentTypeError,
  EnvelopeError,
  NotSettledError,
  StoreFullError,
  toError,
} from "../pipeline/errors.ts";
import type { Logger } from "../pipeline/logger.ts";
import { PayloadTooLargeError, type Receiver } from "../pipeline/receive.ts";
import type { RefusalReason, RequestCounters } from "../pipeline/refusals.ts";
import type { Adapter, Envelope, Stored } from "../pipeline/source/adapter.ts";
import { withTraceHeaders } from "../pipeline/source/trace-headers.ts";
import type { Authentication, Authenticator } from "./authentication/authentication.ts";
import { BodyCutError, BodyTooLargeError, incomingOf, readBody } from "./body.ts";
import { type Gate, NoRoomError, Share } from "./gate.ts";
import { createHandshakes } from "./handshake.ts";
import { createLogLimit } from "./log-limit.ts";
import { methodNotAllowed, type ProblemOptions, type ProblemStatus, problem } from "./problem.ts";
import { createRefusalLog } from "./refusal-log.ts";

export interface WebhookOptions {
  source: SourceConfig;
  adapter: Adapter;
  authenticator: Authenticator;
  receiver: Receiver;
  bodyBytesMax: number;
  /** Longest wait for messages to be settled, where the gateway acknowledges what is delivered. */
  acknowledgeTimeoutMs: number;
  counters: RequestCounters;
  clock: Clock;
  logger: Logger;
  /** Shared by all sources: takes one of the gateway's places for requests; false when none is free. */
  gate: Gate;
  /** Shared too: room for the bytes of the requests' bodies, and of what is made of them. */
  bodies: Gate;
  isStopping(): boolean;
  retryAfterSeconds(): number;
}

export type Handler = (c: Context) => Response | Promise<Response>;

const jsonHeaders = { "Content-Type": "application/json" };
const noQuery = new URLSearchParams();
const noBody = new Uint8Array();
/** What an element takes in memory besides its body, measured on arrays of 65,536 that are dead letters: 1.5 KB. */
const elementBytes = 1_024;
/** An unexpected failure is logged at most this often for each source. */
const failureLogMsMin = 1_000;

export function createWebhook(options: WebhookOptions): Handler {
  const { source, adapter, authenticator, receiver, bodyBytesMax, counters, clock, logger, gate } = options;
  const retryStatus = source.retryStatus;
  const keepsAll = adapter.brokenEnvelope === "keep";
  const { patienceMs = Number.POSITIVE_INFINITY } = adapter;
  const waitOptions = { timeoutMs: Math.min(options.acknowledgeTimeoutMs, patienceMs) };
  const logRefusal = createRefusalLog(source.name, { clock, logger });
  const methods: readonly string[] = adapter.handshake?.methods ?? [];
  const notAllowed = methodNotAllowed(["POST", ...methods].join(", "));
  const shakeHands = adapter.handshake && createHandshakes(adapter, { source, clock, logger });
  const limitFailures = createLogLimit(clock, failureLogMsMin);

  function refuse(
    reason: RefusalReason,
    status: ProblemStatus,
    detail: string,
    { met, ...more }: ProblemOptions & { met?: string | undefined } = {},
  ): Response {
    counters.refuse(source.name, reason);
    logRefusal(reason, detail, met);
    return problem(status, detail, more);
  }

  function later(reason: RefusalReason, detail: string): Response {
    const headers = { "Retry-After": String(options.retryAfterSeconds()) };
    return refuse(reason, retryStatus, detail, { headers });
  }

  /** The answer to those who may not come in. */
  function turnAway(authentication: Exclude<Authentication, "granted">): Response {
    if (authentication === "unready") {
      return later("unauthorized", "Cannot check the credential: the source's secret cannot be read yet");
    }
    const { wanted, challenge, met } = authentication;
    return refuse("unauthorized", 401, `Cannot take the request: wanted ${wanted}`, {
      headers: { "WWW-Authenticate": challenge },
      met,
    });
  }

  /** A URL is parsed only where it has a query; a credential in it is for nobody else to see. */
  function queryOf(url: string): URLSearchParams {
    const index = url.indexOf("?");
    if (index < 0) return noQuery;
    const query = new URLSearchParams(url.slice(index + 1));
    if (authenticator.queryParameter !== undefined) query.delete(authenticator.queryParameter);
    return query;
  }

  function answerHandshake({ method, headers, url }: Request, body: Uint8Array): Response | undefined {
    const handshake = shakeHands?.({ method, headers, query: queryOf(url), body });
    if (handshake === undefined) return undefined;
    const { status, headers: more = {}, body: answer } = handshake;
    if (status === 400) {
      return refuse("badEnvelope", status, "Cannot understand the handshake", { headers: more });
    }
    if (status === 403) {
      return refuse("unauthorized", status, "Cannot agree to the handshake: not from there", {
        headers: more,
      });
    }
    if (answer === undefined) return new Response(null, { status, headers: more });
    return new Response(JSON.stringify(answer), { status, headers: { ...jsonHeaders, ...more } });
  }

  /** OPTIONS brings no credential, and is told none. Source: CloudEvents, "HTTP 1.1 Web Hooks", 4. */
  function answerOther(c: Context): Response {
    const request = c.req.raw;
    if (!methods.includes(request.method)) return notAllowed(c);
    if (request.method !== "OPTIONS") {
      let authentication = authenticator.check(c);
      if (authentication === "granted" && authenticator.checkBody) {
        authentication = authenticator.checkBody(c, noBody);
      }
      if (authentication !== "granted") return turnAway(authentication);
    }
    try {
      return answerHandshake(request, noBody) ?? notAllowed(c);
    } catch (error) {
      return fail(error);
    }
  }

  function readEnvelope(request: Request, body: Uint8Array): Envelope {
    try {
      const { headers } = request;
      const read = adapter.read({ headers, query: queryOf(request.url), body });
      const envelope = withTraceHeaders(read, headers, source);
      return keepsAll ? { ...envelope, isArray: true } : envelope;
    } catch (error) {
      if (!keepsAll || !(error instanceof EnvelopeError)) throw error;
      const path = error.issues[0]?.path ?? "";
      return { isArray: true, elements: [{ kind: "broken", path, reason: error.message, body }] };
    }
  }

  /** For one that has a place. */
  async function take(c: Context): Promise<Response> {
    const request = c.req.raw;
    const room = new Share(options.bodies);
    try {
      const encoding = request.headers.get("content-encoding");
      if (encoding !== null && encoding.toLowerCase() !== "identity") {
        return refuse("badEnvelope", 415, "Cannot read an encoded body: wanted no Content-Encoding");
      }
      const body = await readBody(request, { bytesMax: bodyBytesMax, room, incoming: incomingOf(c.env) });
      if (authenticator.checkBody) {
        const authentication = authenticator.checkBody(c, body);
        if (authentication !== "granted") return turnAway(authentication);
      }
      const handshake = shakeHands && answerHandshake(request, body);
      if (handshake) return handshake;
      const envelope = readEnvelope(request, body);
      room.take(envelope.elements.length * elementBytes);
      const stored = await receiver.receive(source, envelope, waitOptions);
      countIgnored(envelope, counters);
      return answer(adapter, stored);
    } catch (error) {
      return fail(error);
    } finally {
      room.giveBack();
      gate.leave();
    }
  }

  function fail(error: unknown): Response {
    if (error instanceof EnvelopeError)
      return refuse("badEnvelope", 400, error.message, { errors: error.issues });
    if (error instanceof ContentTypeError) return refuse("badEnvelope", 415, error.message);
    if (error instanceof BodyCutError) return refuse("badEnvelope", 400, error.message);
    if (error instanceof BodyTooLargeError || error instanceof PayloadTooLargeError) {
      return refuse("tooLarge", 413, error.message);
    }
    if (error instanceof StoreFullError) return later("storeFull", error.message);
    if (error instanceof NotSettledError) return later("timedOut", error.message);
    if (error instanceof NoRoomError) return later("overloaded", error.message);
    limitFailures(() =>
      logger.error({ source: source.name, error: toError(error) }, "Cannot take a request"),
    );
    return later("overloaded", "Cannot take the request now: the gateway failed unexpectedly");
  }

  return (c) => {
    if (c.req.raw.method !== "POST") return answerOther(c);
    const authentication = authenticator.check(c);
    if (authentication !== "granted") return turnAway(authentication);
    if (options.isStopping()) return later("stopping", "Cannot take the request: the gateway is stopping");
    if (!gate.enter()) return later("overloaded", "Cannot take the request: too many are waiting");
    return take(c);
  };
}

function answer(adapter: Adapter, stored: Stored): Response {
  if (!adapter.stored) return new Response(JSON.stringify(stored), { headers: jsonHeaders });
  const { status, body } = adapter.stored(stored);
  return new Response(JSON.stringify(body), { status, headers: jsonHeaders });
}

function countIgnored({ elements }: Envelope, counters: RequestCounters) {
  let events = 0;
  for (const element of elements) if (element.kind === "ignored") events += 1;
  if (events > 0) counters.ignore(events);
}
