/**
 * What an HTTP answer, or its absence, means for a batch.
 *
 *   a complete answer of a receiver ─▶ the tables of the OTLP specification
 *   one of somebody else            ─▶ retryable, not answered: a web page, or the words of another protocol
 *   no connection                   ─▶ retryable, not answered, and unsent
 *   anything else that went wrong   ─▶ retryable, not answered: the request may have been accepted
 */
import type { Signal } from "../message.ts";
import type { ExportOutcome } from "./exporter.ts";
import { describeCause, innermostMessage } from "./failure-cause.ts";
import { bodyText, type HttpAnswer, mediaType, readErrorMessage, readPartialSuccess } from "./http-answer.ts";
import { outcomeOfPartialSuccess, retryDelayMsMax } from "./outcome.ts";
import { readable } from "./readable.ts";
import { retryAfterMs } from "./retry-after.ts";
import { isUnsent } from "./unsent.ts";

/** What was asked, and what must not be repeated of the answer. */
export interface HttpQuestion {
  signal: Signal;
  url: string;
  /** Takes secrets out of a text. */
  redact: (text: string) => string;
}

/** What servers that speak TLS themselves tell a client that does not: Go's, nginx and Apache. */
const wantsTls = /HTTP request to an HTTPS server|HTTP request was sent to HTTPS|plain HTTP to an SSL/;

/** Go's servers, and the Collector with them, say 400 and this where others say 413. */
const passesLimit = /request body too large/;

/** The outcome of an attempt that was answered. Source: OTLP specification, "OTLP/HTTP Response". */
export function outcomeOfAnswer(answer: HttpAnswer, asked: HttpQuestion): ExportOutcome {
  const { status, headers } = answer;
  const redact = (text: string) => withoutPath(asked.redact(text), asked);
  const question = { ...asked, redact };
  const { signal, url } = question;
  const path = redact(new URL(url).pathname);
  const stranger = describeStranger(answer);
  if (stranger !== undefined) return retryable(stranger, { answered: false, headers });
  if (status >= 200 && status < 300) return outcomeOfSuccess(answer, question);
  const text = readable(redact(readErrorMessage(answer)));
  const said = `The receiver answered HTTP ${status}${text === "" ? "" : ` (${text})`}`;
  if (isRedirect(status)) {
    const elsewhere = `elsewhere${redirection(headers, question)}, and redirects are not followed`;
    return misconfigured(`${said}: it wants the request ${elsewhere}; check scheme, host and path`);
  }
  switch (status) {
    case 400:
      return refused(said, passesLimit.test(text));
    case 401:
      return credentialRefused(
        `${said}: it wants another credential; check this destination's authentication and headers`,
      );
    case 403:
      return credentialRefused(
        `${said}: the credential may not write ${signal}; grant it that or use another one`,
      );
    case 404:
      return misconfigured(
        `${said}: it has nothing at ${path}; check the path, and that it has a ${signal} pipeline, ` +
          `or leave ${signal} out of this destination's signals`,
      );
    case 413:
      return refused(said, true);
    case 429:
    case 503:
      return retryable(said, { answered: true, headers });
    case 502:
    case 504:
      // A proxy's words, who cannot know what became of the request. Source: RFC 9110, 15.6.
      return retryable(`${said}: the proxy before it got no answer from it`, { answered: false, headers });
    case 405:
      return refused(`${said} to POST ${path}: is this the path of an OTLP receiver?`);
    case 415:
      return refused(
        `${said} to POST ${path}: it takes no protobuf there, or none with gzip; check the path, ` +
          "the receiver, and this destination's compression",
      );
    default:
      return refused(said);
  }
}

/** The outcome of an attempt that brought no complete answer, from whatever it threw. */
export function outcomeOfHttpFailure(thrown: unknown, redact: HttpQuestion["redact"]): ExportOutcome {
  const reason =
    describeCause(thrown) ??
    `The request ended without an answer (${readable(redact(innermostMessage(thrown)))}): check host, port and the scheme of the URL`;
  return { kind: "retryable", reason, answered: false, ...(isUnsent(thrown) && { isUnsent: true }) };
}

function misconfigured(reason: string): ExportOutcome {
  return { kind: "misconfigured", reason };
}

function credentialRefused(reason: string): ExportOutcome {
  return { kind: "misconfigured", reason, isCredentialRefused: true };
}

function refused(reason: string, tooLarge = false): ExportOutcome {
  return { kind: "refused", reason, tooLarge };
}

function retryable(
  reason: string,
  { answered, headers }: { answered: boolean; headers: Headers },
): ExportOutcome {
  const delayMs = retryAfterMs(headers);
  const retryDelayMs = delayMs === undefined ? undefined : Math.min(delayMs, retryDelayMsMax);
  return { kind: "retryable", reason, answered, retryDelayMs };
}

/** Who answered in a receiver's place, and what to do; undefined when it was the receiver. */
function describeStranger(answer: HttpAnswer): string | undefined {
  const { status, headers } = answer;
  if (status === 400 && wantsTls.test(bodyText(answer))) {
    return "The port wants TLS: use https://, also from a proxy to the receiver";
  }
  const type = mediaType(headers);
  if (type.startsWith("application/grpc")) {
    return "The port speaks gRPC: use protocol grpc, or the receiver's port for OTLP/HTTP (commonly 4318)";
  }
  if (type !== "text/html" || isKnownWithPage(status)) return undefined;
  return `Something that is no OTLP receiver answered HTTP ${status} with a web page: check scheme, host, port and path, and any proxy between`;
}

/** Receivers and their proxies say these with a page too, and mean what the status says. */
function isKnownWithPage(status: number): boolean {
  return [401, 403, 404, 413].includes(status) || isRedirect(status);
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}

function outcomeOfSuccess(answer: HttpAnswer, { signal, redact }: HttpQuestion): ExportOutcome {
  try {
    const { rejected, message } = readPartialSuccess(answer, signal);
    return outcomeOfPartialSuccess(rejected, redact(message));
  } catch {
    // The status says that the request was taken: to send it again would double it.
    return { kind: "accepted", warning: "The receiver reported success with an answer that cannot be read" };
  }
}

/** Some receivers know their senders by a secret in the path, in front of OTLP's own or in its place. */
function withoutPath(text: string, { signal, url }: HttpQuestion): string {
  const { pathname } = new URL(url);
  const own = `/v1/${signal}`;
  const configured = pathname.endsWith(own) ? pathname.slice(0, -own.length) : pathname;
  return configured.length > 1 ? text.replaceAll(configured, "/…") : text;
}

/** Where a redirect points, without what may be secret in it. */
function redirection(headers: Headers, { url, redact }: HttpQuestion): string {
  const location = headers.get("location") ?? "";
  if (location === "" || !URL.canParse(location, url)) return "";
  const { origin, pathname } = new URL(location, url);
  return ` (${readable(redact(origin + pathname))})`;
}
