import { createGrpcExporter, type GrpcExporterOptions } from "../../pipeline/export/grpc.ts";

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
