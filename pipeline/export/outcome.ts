/**
 * What an answer, or its absence, means for a batch.
 *
 *   grpc-status of the receiver's own ─▶ the tables of the OTLP specification
 *   no connection, or turned away     ─▶ retryable, not answered, and unsent
 *   anything else that went wrong     ─▶ retryable, not answered: the request may have been accepted
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Signal } from "../message.ts";
import type { ExportOutcome } from "./exporter.ts";
import { readable } from "./readable.ts";
import type { ReceivedStatus } from "./received-status.ts";
import { retryAfterMs } from "./retry-after.ts";
import { describeTransportFailure } from "./transport-failure.ts";
import { UnsentError } from "./unsent.ts";

/** A receiver's delay beyond this is not waited for. */
export const retryDelayMsMax = 300_000;

/** Source: OTLP specification, "Failures" of OTLP/gRPC. */
const retryableCodes: ReadonlySet<number> = new Set([
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.Aborted,
  Code.OutOfRange,
  Code.Unavailable,
  Code.DataLoss,
]);

/** The outcome of a call that ended without a status of the receiver's own, from whatever the call threw. */
export function outcomeOfFailure(thrown: unknown): ExportOutcome & { kind: "retryable" } {
  const isUnsent = thrown instanceof UnsentError;
  const error = ConnectError.from(isUnsent ? thrown.cause : thrown);
  return {
    kind: "retryable",
    reason: describeTransportFailure(error),
    answered: false,
    ...(isUnsent && { isUnsent }),
    ...optionalDelay(retryAfterMs(error.metadata)),
  };
}

/** The outcome of a call that the receiver answered with a status other than OK. */
export function outcomeOfStatus({ code, message, retryInfo }: ReceivedStatus, signal: Signal): ExportOutcome {
  const answer = `The receiver answered ${grpcName(code)}`;
  const text = readable(message);
  const said = text === "" ? answer : `${answer} (${text})`;
  switch (code) {
    case Code.Unauthenticated:
      return {
        kind: "misconfigured",
        isCredentialRefused: true,
        reason: `${said}: it wants another credential; check this destination's authentication and headers`,
      };
    case Code.PermissionDenied:
      return {
        kind: "misconfigured",
        isCredentialRefused: true,
        reason: `${said}: the credential may not write ${signal}; grant it that or use another one`,
      };
    case Code.Unimplemented:
      return {
        kind: "misconfigured",
        reason: `${said}: it has no ${signal} pipeline; add one or leave ${signal} out of this destination's signals`,
      };
    case Code.ResourceExhausted:
      // Without RetryInfo the request itself is what exhausts: larger than the receiver takes.
      if (retryInfo === undefined) return { kind: "refused", reason: said, tooLarge: true };
      break;
    default:
      if (!retryableCodes.has(code)) return { kind: "refused", reason: said, tooLarge: false };
  }
  const delay = retryInfo?.retryDelay;
  const delayMs = delay && Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1e6);
  return { kind: "retryable", reason: said, answered: true, ...optionalDelay(delayMs) };
}

/** The outcome of a call that succeeded, from the `partial_success` of its answer. */
export function outcomeOfPartialSuccess(rejected = 0n, errorMessage = ""): ExportOutcome {
  const message = readable(errorMessage);
  if (rejected > 0n) {
    return {
      kind: "partial",
      rejectedItems: Number(rejected),
      reason: message === "" ? "The receiver gave no reason" : message,
    };
  }
  return message === "" ? { kind: "accepted" } : { kind: "accepted", warning: message };
}

function optionalDelay(delayMs: number | undefined): { retryDelayMs?: number } {
  return delayMs === undefined ? {} : { retryDelayMs: Math.min(Math.max(0, delayMs), retryDelayMsMax) };
}

/** A code as the gRPC documentation writes it: `ResourceExhausted` is RESOURCE_EXHAUSTED. */
function grpcName(code: number): string {
  // The one name that is spelt otherwise.
  if (code === Code.Canceled) return "CANCELLED";
  return (Code[code] ?? "").replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
