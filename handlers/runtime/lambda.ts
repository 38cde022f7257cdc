/**
 * The gateway on AWS Lambda, behind a function URL or API Gateway, and called by EventBridge's rules and schedules to
 * deliver what is due. The whole function is one line, `gateway.yaml` beside it:
 *
 * ```js
 * export { handler } from "mqtt-otlp-gateway/lambda";
 * ```
 */
import type { FlushResult } from "../app.ts";
import { problem } from "../problem.ts";
import { flushMsMax } from "../timer.ts";
import { createFetchGateway, type FetchOptions } from "./fetch-gateway.ts";
import {
  isEventV1,
  isEventV2,
  type LambdaEventV1,
  type LambdaEventV2,
  type LambdaResult,
  requestOf,
  resultOf,
} from "./lambda-event.ts";

/** What EventBridge sends at its times, and nothing of it matters. Source: AWS, "Creating a rule that runs on a schedule". */
export interface ScheduledEvent {
  "detail-type": "Scheduled Event";
}

/** The part of Lambda's context that is used here. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

export interface LambdaHandler {
  (event: LambdaEventV1 | LambdaEventV2, context: LambdaContext): Promise<LambdaResult>;
  (event: ScheduledEvent, context: LambdaContext): Promise<FlushResult>;
}

/** Kept of the time that Lambda gives: a function that it has to end answers 502, and the sender drops its message. */
const reserveMs = 500;

/**
 * The function that Lambda calls. The gateway is opened by the first event, and lives as long as its instance.
 *
 * Errors: for an event of another kind, so that its sender keeps it; for a scheduled one when a receiver did not take
 * what was due, so that the invocation counts as failed.
 */
export function createLambdaHandler(options: FetchOptions = {}): LambdaHandler {
  const gateway = createFetchGateway(options);

  async function handle(event: object, context: LambdaContext): Promise<LambdaResult | FlushResult> {
    const leftMs = Math.max(0, context.getRemainingTimeInMillis() - reserveMs);
    if (isEventV1(event) || isEventV2(event)) {
      const request = readRequest(event);
      if (request === undefined) return resultOf(problem(400, "Cannot read the request"));
      return resultOf(await gateway.answer(request, { timeoutMs: leftMs }));
    }
    if (!isScheduled(event))
      throw new Error("Cannot handle the event: wanted an HTTP request or a scheduled event");
    return gateway.flush({ deadlineMs: Math.min(flushMsMax, leftMs) });
  }

  return handle as LambdaHandler;
}

function readRequest(event: LambdaEventV1 | LambdaEventV2): Request | undefined {
  try {
    return requestOf(event);
  } catch {
    return undefined;
  }
}

function isScheduled(event: object): event is ScheduledEvent {
  return "detail-type" in event && event["detail-type"] === "Scheduled Event";
}

/** With the configuration that GATEWAY_CONFIG names, else `gateway.yaml` beside the function. */
export const handler: LambdaHandler = createLambdaHandler();
