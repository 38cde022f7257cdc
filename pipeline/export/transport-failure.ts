import { Code, type ConnectError } from "@connectrpc/connect";

/** What to tell an operator, by the codes that sockets, TLS and HTTP/2 give. */
const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: "The connection was refused: check host and port, and that the receiver runs",
  ENOTFOUND: "The host name is unknown: check the host and the resolver",
  EAI_AGAIN: "The host name could not be resolved: check the host and the resolver",
  ETIMEDOUT: "No connection came about in time: check host, port and firewalls",
  EHOSTUNREACH: "The host cannot be reached: check the host and the network",
  ENETUNREACH: "The network cannot be reached: check the network",
  ENOENT: "A certificate or key of this destination is missing: check its files",
  EACCES: "A certificate or key of this destination may not be read: check the permissions of its files",
  ECONNRESET:
    "The connection was reset before an answer came: check that the port speaks the scheme of the URL",
  EPIPE: "The connection was cut before an answer came: check that the port speaks the scheme of the URL",
  ERR_SSL_WRONG_VERSION_NUMBER: "The port does not speak TLS: use http:// or switch TLS on at the receiver",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "The port does not speak TLS: use http:// or switch TLS on at the receiver",
  ERR_TLS_CERT_ALTNAME_INVALID: "The receiver's certificate is for another host name: check the host",
  CERT_HAS_EXPIRED: "The receiver's certificate has expired: renew it",
  DEPTH_ZERO_SELF_SIGNED_CERT: "The receiver's certificate is self-signed: trust it or its authority",
  SELF_SIGNED_CERT_IN_CHAIN: "The receiver's certificate authority is not trusted: add its certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "The receiver's certificate authority is not trusted: add its certificate",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "The receiver's certificate authority is not trusted: add its certificate",
};

/**
 * One sentence on a call that ended without a status of the receiver's own: the cause, and what to do.
 */
export function describeTransportFailure(error: ConnectError): string {
  for (const code of causeCodes(error)) {
    const sentence = sentences[code];
    if (sentence !== undefined) return sentence;
  }
  const http = /^HTTP \d{3}$/.exec(error.rawMessage)?.[0];
  if (http !== undefined) {
    return `Something that is no gRPC receiver answered ${http}: check host and port, and any proxy between`;
  }
  if (error.rawMessage.startsWith("unsupported content type")) {
    return "Something that is no gRPC receiver answered: check host and port, and any proxy between";
  }
  if (error.code === Code.DeadlineExceeded) return "No answer came in time: check the receiver's load";
  return `The call ended without an answer (${error.rawMessage}): check that the port speaks gRPC and the scheme of the URL`;
}

/** Codes along the chain of causes, outermost first. */
function causeCodes(error: Error): string[] {
  const codes: string[] = [];
  const seen = new Set<unknown>();
  for (let cause: unknown = error; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
    seen.add(cause);
    if ("code" in cause && typeof cause.code === "string") codes.push(cause.code);
  }
  return codes;
}
