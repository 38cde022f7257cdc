import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { type CallOptions, Code, ConnectError, createClient } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";
import {
  ExportLogsServiceRequestSchema,
  LogsService,
} from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import {
  ExportMetricsServiceRequestSchema,
  MetricsService,
} from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { Signal } from "../message.ts";
import type { Exporter, ExportOutcome } from "./exporter.ts";
import { type ConfiguredHeaders, HeaderError, readHeaders, redact } from "./headers.ts";
import { outcomeOfAnswer, outcomeOfError } from "./outcome.ts";
import { createSessions } from "./sessions.ts";
import { systemTls, type TlsMaterial } from "./tls.ts";

/** Answers are a few bytes; a larger one is not OTLP. Source: OTLP specification, response size limit. */
const answerBytesMax = 4_194_304;

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
  /** Read at each connect. Default: what the machine trusts. */
  tls?: (() => TlsMaterial) | undefined;
}

/** Exporter for OTLP/gRPC. Connects at the first call, and again when the connection is lost. */
export function createGrpcExporter(options: GrpcExporterOptions): Exporter {
  const { timeoutMs, compression, userAgent } = options;
  const sessions = createSessions({
    url: options.url,
    connectTimeoutMs: Math.min(connectTimeoutMsMax, timeoutMs),
    tlsOptions: options.tls ?? systemTls,
  });
  const transport = createGrpcTransport({
    baseUrl: options.url,
    sessionManager: sessions,
    readMaxBytes: answerBytesMax,
    acceptCompression: [compressionGzip],
    ...(compression === "gzip" ? { sendCompression: compressionGzip } : {}),
  });
  const metrics = createClient(MetricsService, transport);
  const logs = createClient(LogsService, transport);

  async function send(signal: Signal, request: Uint8Array, call: CallOptions): Promise<ExportOutcome> {
    if (signal === "metrics") {
      const answer = await metrics.export(encoded(ExportMetricsServiceRequestSchema, request), call);
      const { rejectedDataPoints = 0n, errorMessage = "" } = answer.partialSuccess ?? {};
      return outcomeOfAnswer(rejectedDataPoints, errorMessage);
    }
    const answer = await logs.export(encoded(ExportLogsServiceRequestSchema, request), call);
    const { rejectedLogRecords = 0n, errorMessage = "" } = answer.partialSuccess ?? {};
    return outcomeOfAnswer(rejectedLogRecords, errorMessage);
  }

  return {
    async export(signal, request, { signal: abort }) {
      try {
        const headers = { ...readHeaders(options.headers), "user-agent": userAgent };
        const call = { timeoutMs, headers, ...(abort === undefined ? {} : { signal: abort }) };
        return redactOutcome(await send(signal, request, call), options.headers);
      } catch (error) {
        if (error instanceof HeaderError) return { kind: "misconfigured", reason: error.message };
        if (abort?.aborted) {
          return { kind: "retryable", reason: "The call was given up by the gateway", answered: false };
        }
        // A connection that went silent stays silent: the next call gets a new one.
        if (isOwnDeadline(error)) sessions.rotate(timeoutMs);
        return redactOutcome(outcomeOfError(error, signal), options.headers);
      }
    },

    close: () => sessions.close(),
  };
}

/**
 * A message that encodes to exactly these bytes, without decoding them: fields that a message does not know are kept
 * and written as they came, and everything after the first tag passes for the content of one such field.
 */
function encoded<Desc extends DescMessage>(schema: Desc, request: Uint8Array): MessageShape<Desc> {
  const message = create(schema);
  if (request.length > 0) {
    message.$unknown = [{ no: 1, wireType: WireType.LengthDelimited, data: request.subarray(1) }];
  }
  return message;
}

function isOwnDeadline(error: unknown): boolean {
  const { code, metadata } = ConnectError.from(error);
  return code === Code.DeadlineExceeded && !metadata.has("grpc-status");
}

function redactOutcome(outcome: ExportOutcome, headers: ConfiguredHeaders): ExportOutcome {
  if (outcome.kind !== "accepted") return { ...outcome, reason: redact(outcome.reason, headers) };
  return outcome.warning === undefined ? outcome : { ...outcome, warning: redact(outcome.warning, headers) };
}
