/** Items to encoded OTLP requests: the encoders of the two signals. */
export { createLogsEncoder } from "./logs-encoder.ts";
export { createMetricsEncoder } from "./metrics-encoder.ts";
export type { EncoderSettings } from "./settings.ts";
