import type { Socket } from "node:net";
import { type Code, ConnectError } from "@connectrpc/connect";
import { type SinkRequest, startSink as startProductSink } from "../../cli/sink-server.ts";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { ExportLogsServiceRequest } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import type { ExportMetricsServiceRequest } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { Signal } from "../../pipeline/message.ts";

/** How the sink treats a request that it has decoded. */
export type Behaviour =
  | { kind: "accept" }
  | { kind: "partial"; rejectedItems: bigint; errorMessage: string }
  | { kind: "status"; code: Code; message?: string; retryDelayMs?: number; metadata?: Record<string, string> }
  | { kind: "hang" }
  | { kind: "destroyBeforeAnswer" }
  | { kind: "destroyAfterAnswer" };

export interface ReceivedRequest {
  signal: Signal;
  request: SinkRequest;
  headers: Headers;
}

export interface TestSink {
  url: string;
  port: number;
  /** Every request that was decoded, in order, whatever the answer. */
  requests: ReceivedRequest[];
  /** Connections that were made, and how many of them are open. */
  connections: { made: number; open: number };
  /** For the requests to come: one behaviour for all, or a function that decides for each. */
  behave(behaviour: Behaviour | ((received: ReceivedRequest) => Behaviour)): void;
  /** Resolves once this many requests have come in all. */
  received(count: number): Promise<void>;
  /** Resolves once this many connections have ended. */
  closed(count: number): Promise<void>;
  close(): Promise<void>;
}

/** An OTLP/gRPC receiver on 127.0.0.1 with programmable faults. */
export async function startSink(
  options: {
    port?: number;
    onMetrics?: (request: ExportMetricsServiceRequest) => void;
    onLogs?: (request: ExportLogsServiceRequest) => void;
    behaviour?: Behaviour | ((received: ReceivedRequest) => Behaviour);
  } = {},
): Promise<TestSink> {
  let behaviour = options.behaviour ?? { kind: "accept" };
  const requests: ReceivedRequest[] = [];
  const connections = { made: 0, open: 0 };
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const check of waiting) check();
  };
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!condition()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  let cutAtStreamEnd = false;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };

  const sink = await startProductSink({
    host: "127.0.0.1",
    port: options.port ?? 0,
    onRequest(_signal, request) {
      if (request.$typeName === "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest") {
        options.onMetrics?.(request);
      } else {
        options.onLogs?.(request);
      }
    },
    async answer(signal, request, { requestHeader: headers }) {
      const received = { signal, request, headers };
      requests.push(received);
      changed();
      const chosen = typeof behaviour === "function" ? behaviour(received) : behaviour;
      switch (chosen.kind) {
        case "accept":
          return { rejectedItems: 0n, errorMessage: "" };
        case "partial":
          return { rejectedItems: chosen.rejectedItems, errorMessage: chosen.errorMessage };
        case "status":
          throw statusError(chosen);
        case "hang":
          return new Promise(() => {});
        case "destroyBeforeAnswer":
          cut();
          return new Promise(() => {});
        case "destroyAfterAnswer":
          cutAtStreamEnd = true;
          return { rejectedItems: 0n, errorMessage: "" };
      }
    },
  });

  sink.server.on("connection", (socket: Socket) => {
    connections.made += 1;
    connections.open += 1;
    sockets.add(socket);
    socket.once("close", () => {
      connections.open -= 1;
      sockets.delete(socket);
      changed();
    });
  });
  sink.server.on("stream", (stream) => {
    const { session } = stream;
    stream.once("close", () => {
      // Once a ping comes back, the client has read all that was written before.
      if (cutAtStreamEnd) session?.ping(cut);
      cutAtStreamEnd = false;
    });
  });

  return {
    url: sink.url,
    port: sink.port,
    requests,
    connections,
    behave(next) {
      behaviour = next;
    },
    received: (count) => until(() => requests.length >= count),
    closed: (count) => until(() => connections.made - connections.open >= count),
    close: sink.close,
  };
}

function statusError(status: Extract<Behaviour, { kind: "status" }>): ConnectError {
  const { code, message = "", retryDelayMs, metadata = {} } = status;
  if (retryDelayMs === undefined) return new ConnectError(message, code, metadata);
  const retryDelay = { seconds: BigInt(Math.floor(retryDelayMs / 1000)), nanos: (retryDelayMs % 1000) * 1e6 };
  return new ConnectError(message, code, metadata, [{ desc: RetryInfoSchema, value: { retryDelay } }]);
}
