/** `kind: DataflowEndpoint` as Azure IoT Operations has it, as far as it sends OTLP. */
import * as z from "zod";
import { defaults } from "../defaults.ts";
import { section, text } from "../schema.ts";
import { authenticationSection, endpointDocument, tls } from "./endpoint.ts";

/** Source: Azure IoT Operations, DataflowEndpoint, `openTelemetrySettings.batching`. */
const batching = section({
  latencySeconds: z
    .int()
    .min(0)
    .max(65_535)
    .default(60)
    .meta({ description: "Longest time that a message waits for its batch; 0: none" }),
  maxMessages: z
    .int()
    .min(0)
    .max(4_294_967_295)
    .default(100_000)
    .meta({ description: "Waiting messages that make a batch due; 0: only time does" }),
});

export const openTelemetrySettings = section({
  host: text.optional().meta({
    default: defaults.endpoint,
    description:
      "`host:port`, or a URL whose scheme decides about TLS; the port is 4317 when left out, for OTLP/HTTP 4318; else `OTEL_EXPORTER_OTLP_ENDPOINT`",
  }),
  batching: batching.prefault({}),
  authentication: authenticationSection({ methods: [], settings: [] }).prefault({}),
  tls: tls.prefault({}),
});

export const dataflowEndpoint = endpointDocument("OpenTelemetry", {
  openTelemetrySettings: openTelemetrySettings.prefault({}),
});

export type Connection = z.output<typeof openTelemetrySettings>;
export type DataflowEndpoint = z.output<typeof dataflowEndpoint>;
