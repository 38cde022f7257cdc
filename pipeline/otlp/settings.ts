/** What the encoders of one destination are set to. */
export interface EncoderSettings {
  /** Uncompressed bytes of one request. */
  requestBytesMax: number;
  /** All of the Resource's attributes, `service.name` and `service.instance.id` among them. */
  resourceAttributes: Readonly<Record<string, string>>;
  /** Of counters and histograms; sums that may fall are always cumulative. */
  temporality: "cumulative" | "delta";
  /** Default explicit: buckets between the `histogramBounds`. Exponential: as fine as the values allow. */
  histogramAggregation?: "explicit" | "exponential" | undefined;
  /** Message time that one point of a sum or histogram spans at most. */
  windowMs: number;
  /** Upper bounds of the buckets, inclusive and strictly increasing. */
  histogramBounds: {
    default: readonly number[];
    byMetricName: Readonly<Record<string, readonly number[]>>;
  };
  /** Series of sums and histograms that are kept apart; what comes beyond them shares one series a metric. */
  seriesMax: number;
}
