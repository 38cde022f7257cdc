/**
 * What an answer, or its absence, means for a batch.
 *
 *   grpc-status of the receiver's own ─▶ the tables of the OTLP specification
 *   anything else that went wrong     ─▶ retryable, not answered: the request may have been accepted
 *
 * Libraries report both with the same codes; that the metadata hold `grpc-status` tells them apart.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { Signal } from "../message.ts";
import type { ExportOutcome } from "./exporter.ts";
import { describeTransportFailure } from "./transport-failure.ts";

/** A receiver's delay beyond this is not waited for. */
export const retryDelayMsMax = 300_000;

/** Characters of a receiver's message that are shown. */
const messageCharactersMax = 500;

/** Source: OTLP specification, "Failures" of OTLP/gRPC. */
const retryableCodes: ReadonlySet<Code> = new Set([
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.Aborted,
  Code.OutOfRange,
  Code.Unavailable,
  Code.DataLoss,
]);

/** The outcome of a call that failed, from whatever the call threw. */
export function outcomeOfError(thrown: unknown, signal: Signal): ExportOutcome {
  const error = ConnectError.from(thrown);
  const code = receivedCode(error);
  if (code === undefined) {
    return {
      kind: "retryable",
      reason: describeTransportFailure(error),
      answered: false,
      ...optionalDelay(retryAfterMs(error)),
    };
  }
  const answer = `The receiver answered ${grpcName(code)}`;
  const message = readable(error.rawMessage);
  const said = message === "" ? answer : `${answer} (${message})`;
  const retryInfo = error.findDetails(RetryInfoSchema)[0];
  switch (code) {
    case Code.Unauthenticated:
      return {
        kind: "misconfigured",
        reason: `${said}: it wants another credential; check this destination's authentication and headers`,
      };
    case Code.PermissionDenied:
      return {
        kind: "misconfigured",
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
export function outcomeOfAnswer(rejected: bigint, errorMessage: string): ExportOutcome {
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

/**
 * The code that the receiver sent; undefined when the error is the library's own. A number that gRPC does not
 * define counts as UNKNOWN. Source: gRPC, "Status codes and their use in gRPC".
 */
function receivedCode(error: ConnectError): Code | undefined {
  const status = error.metadata.get("grpc-status");
  const number = status === null ? Number.NaN : Number.parseInt(status, 10);
  if (Number.isNaN(number) || number === 0) return undefined;
  return Code[number] === undefined ? Code.Unknown : number;
}

/** A proxy's own wish. Source: RFC 9110, 10.2.3 (its form in seconds). */
function retryAfterMs(error: ConnectError): number | undefined {
  const value = error.metadata.get("retry-after");
  return value !== null && /^\d{1,9}$/.test(value) ? Number(value) * 1000 : undefined;
}

function optionalDelay(delayMs: number | undefined): { retryDelayMs?: number } {
  return delayMs === undefined ? {} : { retryDelayMs: Math.min(Math.max(0, delayMs), retryDelayMsMax) };
}

/** A receiver's text on one line and within bounds. */
function readable(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
  return line.length <= messageCharactersMax ? line : `${line.slice(0, messageCharactersMax - 1)}…`;
}

/** A code as the gRPC documentation writes it: `ResourceExhausted` is RESOURCE_EXHAUSTED. */
function grpcName(code: Code): string {
  // The one name that is spelt otherwise.
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
