import type { Level } from "../payload/format.ts";

/**
 * OTLP severity number of each level: the lowest of its range, as for a source with one severity a range.
 * Source: OpenTelemetry, "Logs Data Model", mapping of SeverityNumber.
 */
export const severityNumbers: Readonly<Record<Level, number>> = {
  trace: 1,
  debug: 5,
  info: 9,
  warn: 13,
  error: 17,
  fatal: 21,
};
