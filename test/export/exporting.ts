import { createGrpcExporter, type GrpcExporterOptions } from "../../pipeline/export/grpc.ts";
import { createHttpExporter, type HttpExporterOptions } from "../../pipeline/export/http.ts";

/** A gRPC exporter with settings that no test minds. */
export function grpcExporter(url: string, options: Partial<GrpcExporterOptions> = {}) {
  return createGrpcExporter({
    url,
    timeoutMs: 5000,
    compression: "none",
    headers: {},
    userAgent: "test/1",
    ...options,
  });
}

/** The same for OTLP/HTTP, to the usual paths. */
export function httpExporter(origin: string, options: Partial<HttpExporterOptions> = {}) {
  return createHttpExporter({
    urls: { metrics: `${origin}/v1/metrics`, logs: `${origin}/v1/logs` },
    timeoutMs: 5000,
    compression: "none",
    headers: {},
    userAgent: "test/1",
    ...options,
  });
}
