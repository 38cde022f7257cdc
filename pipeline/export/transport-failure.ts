import type { ConnectError } from "@connectrpc/connect";
import { describeCause } from "./failure-cause.ts";
import { readable } from "./readable.ts";

/**
 * One sentence on a call that ended without a status of the receiver's own: the cause, and what to do.
 */
export function describeTransportFailure(error: ConnectError): string {
  const cause = describeCause(error);
  if (cause !== undefined) return cause;
  const http = /^HTTP \d{3}$/.exec(error.rawMessage)?.[0];
  if (http !== undefined) {
    return `Something that is no gRPC receiver answered ${http}: check host and port, and any proxy between`;
  }
  if (error.rawMessage.startsWith("unsupported content type")) {
    return "Something that is no gRPC receiver answered: check host and port, and any proxy between";
  }
  return `The call ended without an answer (${readable(error.rawMessage)}): check that the port speaks gRPC and the scheme of the URL`;
}
