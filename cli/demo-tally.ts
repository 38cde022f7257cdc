import type { SinkRequest } from "./sink-server.ts";

/** What of the story a receiver has seen. */
export interface Totals {
  readings: number;
  parts: number;
  cycles: number;
  logRecords: number;
}

/** Counts readings and records; of cumulative series the last value is what counts. */
export function createTally(): { add(request: SinkRequest): void; totals(): Totals } {
  const totals: Totals = { readings: 0, parts: 0, cycles: 0, logRecords: 0 };
  return {
    totals: () => totals,
    add(request) {
      if ("resourceLogs" in request) {
        for (const { scopeLogs } of request.resourceLogs)
          for (const { logRecords } of scopeLogs) totals.logRecords += logRecords.length;
        return;
      }
      const metrics = request.resourceMetrics.flatMap(({ scopeMetrics }) =>
        scopeMetrics.flatMap(({ metrics }) => metrics),
      );
      for (const { data } of metrics) {
        if (data.case === "gauge") totals.readings += data.value.dataPoints.length;
        if (data.case === "sum") totals.parts = Number(data.value.dataPoints.at(-1)?.value.value ?? 0);
        if (data.case === "histogram") totals.cycles = Number(data.value.dataPoints.at(-1)?.count ?? 0);
      }
    },
  };
}
