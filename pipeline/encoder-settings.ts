import type { DestinationConfig } from "./config/config.ts";
import type { EncoderSettings } from "./otlp/encode.ts";

/**
 * How the items of a destination are encoded. `instanceId` is the store's own; undefined: none is open, and the
 * Resource has no `service.instance.id` unless the configuration names one.
 */
export function encoderSettings(
  destination: DestinationConfig,
  instanceId: string | undefined,
): EncoderSettings {
  const { requestBytesMax, temporality, histogramAggregation, windowMs, histogramBounds, seriesMax } =
    destination;
  return {
    requestBytesMax,
    temporality,
    histogramAggregation,
    windowMs,
    histogramBounds,
    seriesMax,
    resourceAttributes: {
      ...(instanceId !== undefined && { "service.instance.id": instanceId }),
      ...destination.resourceAttributes,
    },
  };
}
