import {
  ExportLogsServiceResponseSchema,
  LogsService,
} from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import {
  ExportMetricsServiceResponseSchema,
  MetricsService,
} from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { Signal } from "../message.ts";
import { type Answer, createCaller, readMessage } from "./call.ts";
import type { Exporter, ExportOutcome } from "./exporter.ts";
import { type ConfiguredHeaders, HeaderError, readHeaders, redact } from "./headers.ts";
import { outcomeOfFailure, outcomeOfPartialSuccess, outcomeOfStatus } from "./outcome.ts";
import { okCode } from "./received-status.ts";
import { createSessions } from "./sessions.ts";
import { startTimeLimit } from "./time-limit.ts";
import { systemTls, type TlsMaterial } from "./tls.ts";

const methods = { metrics: MetricsService.method.export, logs: LogsService.method.export };

/** Connecting is given up after this, so that a call to a host that swallows packets says so. */
const connectTimeoutMsMax = 5_000;

export interface GrpcExporterOptions {
  /** Scheme, host and port. https is TLS, http is plain text. */
  url: string;
  /** For one call, connecting included. */
  timeoutMs: number;
  compression: "gzip" | "none";
  /** Metadata of each call. Secrets are read at each call. */
  headers: ConfiguredHeaders;
  userAgent: string;
  /** Read at each call: another object means another connection. Default: what the machine trusts. */
  tls?: (() => TlsMaterial) | undefined;
}

/** Exporter for OTLP/gRPC. Connects at the first call, and again when the connection is lost. */
export function createGrpcExporter(options: GrpcExporterOptions): Exporter {
  const { url, timeoutMs, compression, userAgent } = options;
  let ofMachine: TlsMaterial | undefined;
  const sessions = createSessions({
    url,
    connectTimeoutMs: Math.min(connectTimeoutMsMax, timeoutMs),
    tls: options.tls ?? (() => (ofMachine ??= systemTls())),
  });
  const call = createCaller({ url, timeoutMs, compression, sessions });

  async function send(signal: Signal, request: Uint8Array, limit: AbortSignal): Promise<ExportOutcome> {
    const headers = { ...readHeaders(options.headers), "user-agent": userAgent };
    const answer = await call(methods[signal], request, { headers, signal: limit });
    // Before a long message is cut: a part of a secret would not be known for one.
    const clean = (text = "") => redact(text, options.headers);
    if (answer.status.code === okCode) return await outcomeOfSuccess(answer, signal, clean);
    return outcomeOfStatus({ ...answer.status, message: clean(answer.status.message) }, signal);
  }

  return {
    async export(signal, request, { signal: abort }) {
      const limit = startTimeLimit(timeoutMs, [abort]);
      try {
        return await send(signal, request, limit.signal);
      } catch (error) {
        if (error instanceof HeaderError) return { kind: "misconfigured", reason: error.message };
        // A connection that went silent stays silent: the next call gets a new one.
        if (limit.signal.aborted) sessions.rotate(timeoutMs);
        const outcome = outcomeOfFailure(error);
        if (limit.isExpired)
          return { ...outcome, reason: "No answer came in time: check the receiver's load" };
        if (limit.signal.aborted) return { ...outcome, reason: "The call was given up by the gateway" };
        return { ...outcome, reason: redact(outcome.reason, options.headers) };
      } finally {
        limit.end();
      }
    },

    close: () => sessions.close(),
  };
}

async function outcomeOfSuccess(
  answer: Answer,
  signal: Signal,
  clean: (text: string | undefined) => string,
): Promise<ExportOutcome> {
  try {
    if (signal === "metrics") {
      const { partialSuccess } = await readMessage(ExportMetricsServiceResponseSchema, answer);
      return outcomeOfPartialSuccess(partialSuccess?.rejectedDataPoints, clean(partialSuccess?.errorMessage));
    }
    const { partialSuccess } = await readMessage(ExportLogsServiceResponseSchema, answer);
    return outcomeOfPartialSuccess(partialSuccess?.rejectedLogRecords, clean(partialSuccess?.errorMessage));
  } catch {
    // The status says that the request was taken: to send it again would double it.
    return { kind: "accepted", warning: "The receiver reported success with an answer that cannot be read" };
  }
}
