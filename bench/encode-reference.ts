/** protobuf-es alone: create and encode the same points in requests of the same size, in memory. */
import { create, toBinary } from "@bufbuild/protobuf";
import { ExportMetricsServiceRequestSchema } from "../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import { scriptOptions, tell } from "./child.ts";
import { perSecond } from "./numbers.ts";

const { points, pointsPerRequest } = scriptOptions<{ points: number; pointsPerRequest: number }>();
const text = (value: string) => ({ value: { case: "stringValue" as const, value } });
const startUnixNano = BigInt(Date.now()) * 1_000_000n;

function encode(first: number, count: number): Uint8Array {
  const dataPoints = Array.from({ length: count }, (_, offset) => {
    const index = first + offset;
    return {
      timeUnixNano: startUnixNano + BigInt(index) * 1000n,
      value: { case: "asDouble" as const, value: 20 + (index % 997) / 100 },
      attributes: [
        { key: "device", value: text(`thermostat-${index % 64}`) },
        { key: "line", value: text(`${index % 8}`) },
      ],
    };
  });
  const request = create(ExportMetricsServiceRequestSchema, {
    resourceMetrics: [
      {
        resource: { attributes: [{ key: "service.name", value: text("mqtt-otlp-gateway") }] },
        scopeMetrics: [
          {
            scope: { name: "mqtt-otlp-gateway" },
            metrics: [{ name: "temperature", data: { case: "gauge", value: { dataPoints } } }],
          },
        ],
      },
    ],
  });
  return toBinary(ExportMetricsServiceRequestSchema, request);
}

const startMs = performance.now();
let bytes = 0;
for (let first = 0; first < points; first += pointsPerRequest) {
  bytes += encode(first, Math.min(pointsPerRequest, points - first)).length;
}
tell({ pointsPerSecond: perSecond(points, performance.now() - startMs), bytes });
