import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  type ExportLogsServiceRequest,
  type ExportLogsServiceResponseSchema,
  LogsService,
} from "../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import {
  type ExportMetricsServiceRequest,
  type ExportMetricsServiceResponseSchema,
  MetricsService,
} from "../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { Signal } from "../pipeline/message.ts";

export type SinkRequest = ExportMetricsServiceRequest | ExportLogsServiceRequest;

/** What an answer says about a request that was accepted, wholly or in part. */
export interface SinkAnswer {
  rejectedItems: bigint;
  errorMessage: string;
}

const fullSuccess: SinkAnswer = { rejectedItems: 0n, errorMessage: "" };

export interface SinkOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Called for each request, decoded, before it is answered. */
  onRequest?: ((signal: Signal, request: SinkRequest) => void) | undefined;
  /** Decides on the answer. A ConnectError that it throws becomes the status. Default: full success. */
  answer?:
    | ((signal: Signal, request: SinkRequest, context: HandlerContext) => Promise<SinkAnswer>)
    | undefined;
}

export interface Sink {
  /** As an exporter wants it: `http://127.0.0.1:4317`. */
  url: string;
  port: number;
  server: Http2Server;
  /** Cuts what is connected. */
  close(): Promise<void>;
}

/** Start a receiver for OTLP/gRPC in plain text. Rejects when it cannot listen. */
export async function startSink({
  host,
  port,
  onRequest,
  answer = async () => fullSuccess,
}: SinkOptions): Promise<Sink> {
  const handler = connectNodeAdapter({
    grpcWeb: false,
    connect: false,
    routes(router) {
      router.service(MetricsService, {
        async export(request, context): Promise<MessageInitShape<typeof ExportMetricsServiceResponseSchema>> {
          onRequest?.("metrics", request);
          const { rejectedItems, errorMessage } = await answer("metrics", request, context);
          return { partialSuccess: { rejectedDataPoints: rejectedItems, errorMessage } };
        },
      });
      router.service(LogsService, {
        async export(request, context): Promise<MessageInitShape<typeof ExportLogsServiceResponseSchema>> {
          onRequest?.("logs", request);
          const { rejectedItems, errorMessage } = await answer("logs", request, context);
          return { partialSuccess: { rejectedLogRecords: rejectedItems, errorMessage } };
        },
      });
    },
  });
  const server = createServer(handler);
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // A client that leaves in a hurry is none of the sink's business.
    session.on("error", () => session.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Error(`Cannot listen on ${host}:${port}: ${cause.message}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}
