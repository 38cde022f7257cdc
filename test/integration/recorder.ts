import type { SinkRequest } from "../../cli/sink-server.ts";

/** What the receiver saw of a cumulative series: its points by time. */
interface Series {
  points: Map<bigint, { value: bigint; startTimeUnixNano: bigint }>;
  lastTimeUnixNano: bigint;
}

/** A receiver's memory: log bodies and gauge values as they came, cumulative sums by their attribute `series`. */
export function createRecorder() {
  const series = new Map<string, Series>();
  const logs = new Set<string>();
  const gauges = new Set<number>();
  const faults: string[] = [];
  let repeats = 0;

  function addOnce<T>(seen: Set<T>, value: T) {
    if (seen.has(value)) repeats += 1;
    seen.add(value);
  }

  function addPoint(name: string, time: bigint, value: bigint, startTimeUnixNano: bigint) {
    const known = series.get(name) ?? { points: new Map(), lastTimeUnixNano: 0n };
    series.set(name, known);
    const before = known.points.get(time);
    if (before) {
      repeats += 1;
      if (before.value !== value || before.startTimeUnixNano !== startTimeUnixNano)
        faults.push(`${name} at ${time}: ${before.value}, then ${value}`);
    } else if (time < known.lastTimeUnixNano) {
      faults.push(`${name} at ${time} comes after ${known.lastTimeUnixNano}`);
    }
    known.points.set(time, { value, startTimeUnixNano });
    if (time > known.lastTimeUnixNano) known.lastTimeUnixNano = time;
  }

  return {
    /** In the order of their first coming. */
    logs,
    gauges,
    /** Points that contradict the ones before. */
    faults,
    /** Items that came more than once. */
    repeats: () => repeats,
    /** The newest value of a series. */
    last(name: string): bigint {
      const found = series.get(name);
      return found?.points.get(found.lastTimeUnixNano)?.value ?? 0n;
    },
    /** In how many sequences a series came. */
    starts(name: string): number {
      const points = [...(series.get(name)?.points.values() ?? [])];
      return new Set(points.map(({ startTimeUnixNano }) => startTimeUnixNano)).size;
    },
    add(request: SinkRequest) {
      if ("resourceLogs" in request) {
        for (const { scopeLogs } of request.resourceLogs)
          for (const { logRecords } of scopeLogs)
            for (const { body } of logRecords) addOnce(logs, String(body?.value.value));
        return;
      }
      for (const { data } of metricsOf(request)) {
        if (data.case === "gauge")
          for (const { value } of data.value.dataPoints) addOnce(gauges, Number(value.value));
        if (data.case === "sum")
          for (const { attributes, timeUnixNano, value, startTimeUnixNano } of data.value.dataPoints) {
            const name = String(attributes[0]?.value?.value.value);
            addPoint(name, timeUnixNano, BigInt(value.value ?? 0), startTimeUnixNano);
          }
      }
    },
  };
}

export function metricsOf(request: SinkRequest) {
  if ("resourceLogs" in request) return [];
  return request.resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics),
  );
}

/** A message with the gauge `sequence` = n and the log record "n". */
export function numbered(n: number, padding = ""): string {
  return `{"topic":"plant/${n % 7}","payload":{"metrics":[{"name":"sequence","type":"i64_gauge","value":${n}}],"logs":[{"level":"info","value":"${n}"${padding === "" ? "" : `,"attributes":[{"key":"padding","value":"${padding}"}]`}}]}}`;
}

/** Several in one request. */
export function numberedBatch(from: number, count: number, padding?: string): string {
  return `[${Array.from({ length: count }, (_, index) => numbered(from + index, padding)).join(",")}]`;
}

/** 0 to count − 1. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
