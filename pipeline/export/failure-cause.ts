/**
 * What went wrong below HTTP and gRPC, in an operator's words.
 *
 * Most runtimes give errors a code; some only say it in the error's name or text.
 */
import { errorCode } from "../errors.ts";
import { causesOf } from "./causes.ts";

const unknownHost = "The host name is unknown: check the host and the resolver";
const unconnected = "No connection came about in time: check host, port and firewalls";
const reset =
  "The connection was reset before an answer came: check that the port speaks the scheme of the URL";
const cut = "The connection was cut before an answer came: check that the port speaks the scheme of the URL";
const closed =
  "The receiver closed the connection before its answer was complete: check that the port speaks the scheme of " +
  "the URL, and whether the receiver wants a client certificate";
const refused = "The connection was refused: check host and port, and that the receiver runs";
const noTls = "The port does not speak TLS: use http:// or switch TLS on at the receiver";
const noHttp1 =
  "The port does not speak HTTP/1.1: check the port (commonly 4318 for OTLP/HTTP, 4317 for gRPC), and whether the " +
  "receiver wants https://";
const untrusted = "The receiver's certificate authority is not trusted: add its certificate";
const otherName = "The receiver's certificate is for another host name: check the host";
const expired = "The receiver's certificate has expired: renew it";
const notYetValid = "The receiver's certificate is not valid yet: check it and the clocks of both machines";

const sentencesByCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: refused,
  ENOTFOUND: unknownHost,
  EAI_AGAIN: "The host name could not be resolved: check the host and the resolver",
  ETIMEDOUT: unconnected,
  UND_ERR_CONNECT_TIMEOUT: unconnected,
  EHOSTUNREACH: "The host cannot be reached: check the host and the network",
  ENETUNREACH: "The network cannot be reached: check the network",
  ENOENT: "A certificate or key of this destination is missing: check its files",
  EACCES: "A certificate or key of this destination may not be read: check the permissions of its files",
  ERR_OSSL_X509_KEY_VALUES_MISMATCH:
    "The client key of this destination does not belong to its certificate: check its files",
  ECONNRESET: reset,
  EPIPE: cut,
  UND_ERR_SOCKET: closed,
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
  ERR_TLS_CERT_ALTNAME_INVALID: otherName,
  CERT_HAS_EXPIRED: expired,
  CERT_NOT_YET_VALID: notYetValid,
  DEPTH_ZERO_SELF_SIGNED_CERT: "The receiver's certificate is self-signed: trust it or its authority",
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
};

/** For what has no code of its own, by what the code, the name or the text contains. First match first. */
const sentencesByWords: readonly (readonly [RegExp, string])[] = [
  // A TLS alert is the receiver's own word. Source: RFC 8446, 6.2.
  [
    /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|alert: ?ProtocolVersion/,
    "The receiver speaks no version of TLS that is safe: it needs 1.2 or later",
  ],
  [
    /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)|alert: ?(Certificate|BadCertificate|UnknownCA|AccessDenied)/,
    "The receiver wants a client certificate that it trusts: check that this destination has one, its dates and its authority",
  ],
  [
    /ALERT_HANDSHAKE_FAILURE|alert: ?HandshakeFailure/,
    "The receiver broke the TLS handshake off: check whether it wants a client certificate, and its ciphers",
  ],
  [
    /ERR_OSSL_PEM|ERR_OSSL_ASN1|found in (certificate|key) data/,
    "A certificate or key of this destination is not valid PEM: check its files",
  ],
  [
    /REFUSED_STREAM/,
    "The receiver turned the request away unread: check whether it restarts, and how many requests it takes at a time",
  ],
  [/HTTPParserError|HPE_|invalid HTTP version/, noHttp1],
  [
    /bad port|Requests to port \d+ are blocked/,
    "The port is one of those that HTTP clients keep away from: let the receiver listen on another",
  ],
  [/Connection refused/, refused],
  [/dns error/, unknownHost],
  [/Connection reset/, reset],
  [/connection closed before|error reading a body/, closed],
  [/InvalidContentType/, noTls],
  [/UnknownIssuer|BadSignature/, untrusted],
  [/not valid for name|NotValidForName/, otherName],
  [/certificate expired|peer certificate: Expired/, expired],
  [/not valid yet|NotValidYet/, notYetValid],
];

/** One sentence with the cause and what to do; undefined when the error says nothing that is known. */
export function describeCause(error: unknown): string | undefined {
  const causes = chainOf(error);
  for (const { code } of causes) {
    const sentence = sentencesByCode[code];
    if (sentence !== undefined) return sentence;
  }
  for (const { code, text } of causes) {
    const found = sentencesByWords.find(([words]) => words.test(code) || words.test(text));
    if (found !== undefined) return found[1];
  }
  return undefined;
}

/** The error's own words, innermost first, for causes that have no sentence. */
export function innermostMessage(error: unknown): string {
  return chainOf(error).at(-1)?.message ?? String(error);
}

/** The error and its causes, outermost first. */
function chainOf(error: unknown): { code: string; text: string; message: string }[] {
  return causesOf(error).map((cause) => {
    const { name, message } = cause;
    return { code: errorCode(cause) ?? "", text: `${name}: ${message}`, message };
  });
}
