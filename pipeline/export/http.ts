import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Signal } from "../message.ts";
import type { Exporter, ExportOutcome } from "./exporter.ts";
import { type ConfiguredHeaders, HeaderError, readHeaders, redact } from "./headers.ts";
import { type HttpAnswer, protobufType, readAnswer } from "./http-answer.ts";
import type { HttpConnections } from "./http-connection.ts";
import { outcomeOfAnswer, outcomeOfHttpFailure } from "./http-outcome.ts";
import { startTimeLimit } from "./time-limit.ts";
import type { TlsMaterial } from "./tls.ts";
import { UnsentError } from "./unsent.ts";

const gzipped = promisify(gzip);

/** Connecting is given up after this, so that an attempt at a host that swallows packets says so. */
const connectTimeoutMsMax = 5_000;

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpExporterOptions {
  /** Where each signal goes: absolute, with its path. https is TLS, http is plain text. */
  urls: Readonly<Record<Signal, string>>;
  /** For one attempt, from connecting to the end of the answer. */
  timeoutMs: number;
  compression: "gzip" | "none";
  /** Headers of each request. Secrets are read at each attempt. */
  headers: ConfiguredHeaders;
  userAgent: string;
  /**
   * Read at each attempt: another object than before is for new connections, and those under way finish as they
   * are. Default: what the machine trusts.
   */
  tls?: (() => TlsMaterial) | undefined;
  /** Default: the runtime's, over connections of this exporter's own. Another one brings connections and TLS itself. */
  fetch?: Fetch | undefined;
}

/** Exporter for OTLP/HTTP with protobuf bodies. Connects at the first attempt, and again when that is needed. */
export function createHttpExporter(options: HttpExporterOptions): Exporter {
  const { urls, timeoutMs, compression, userAgent } = options;
  const closing = new AbortController();
  const hide = (text: string) => redact(text, options.headers);
  let connections: Promise<HttpConnections> | undefined;

  async function openConnections(): Promise<HttpConnections> {
    const { createHttpConnections } = await import("./http-connection.ts");
    return createHttpConnections({
      connectTimeoutMs: Math.min(connectTimeoutMsMax, timeoutMs),
      isSecure: Object.values(urls).some((url) => url.startsWith("https:")),
      tls: options.tls,
    });
  }

  async function send(url: string, init: RequestInit): Promise<HttpAnswer> {
    if (options.fetch) return await readAnswer(await options.fetch(url, init));
    connections ??= openConnections();
    let isBegun = false;
    try {
      return await (await connections).lend(async (own) => {
        isBegun = true;
        return await readAnswer(await fetch(url, { ...init, ...own }));
      });
    } catch (error) {
      throw isBegun ? error : new UnsentError(error);
    }
  }

  async function prepare(request: Uint8Array, signal: AbortSignal): Promise<RequestInit> {
    const headers = new Headers(readHeaders(options.headers));
    headers.set("content-type", protobufType);
    headers.set("user-agent", userAgent);
    // An answer is a few bytes, and one that is not compressed cannot fail to be decompressed.
    headers.set("accept-encoding", "identity");
    if (compression === "gzip") headers.set("content-encoding", "gzip");
    // Encoders use no shared memory, which fetch would not take.
    const body = compression === "gzip" ? await gzipped(request) : (request as Uint8Array<ArrayBuffer>);
    return { method: "POST", headers, body, redirect: "manual", signal };
  }

  return {
    async export(signal, request, { signal: abort }): Promise<ExportOutcome> {
      const limit = startTimeLimit(timeoutMs, [abort, closing.signal]);
      const url = urls[signal];
      try {
        const answer = await send(url, await prepare(request, limit.signal));
        return outcomeOfAnswer(answer, { signal, url, redact: hide });
      } catch (error) {
        if (error instanceof HeaderError) return { kind: "misconfigured", reason: error.message };
        if (limit.isExpired)
          return unanswered(
            `No complete answer came within ${timeoutMs} ms: check host, port and firewalls, and the receiver's load`,
          );
        if (limit.signal.aborted) return unanswered("The call was given up by the gateway");
        return outcomeOfHttpFailure(error, hide);
      } finally {
        limit.end();
      }
    },

    async close() {
      closing.abort();
      await (await connections)?.close();
    },
  };
}

function unanswered(reason: string): ExportOutcome {
  return { kind: "retryable", reason, answered: false };
}
