/** The messages that benchmarks send or store: one metric with two attributes, about 150 bytes of AIO JSON. */
import type { MetricType } from "../pipeline/payload/format.ts";

export const destination = "collector";
export const source = { one: "one", many: "many" };

export interface Workload {
  kind: "gauges" | "counters" | "histograms";
  /** The messages take turns through so many of them. */
  series: number;
}

/** Where a benchmark says nothing else. */
export const gauges: Workload = { kind: "gauges", series: 64 };

interface Metric {
  name: string;
  type: MetricType;
  decimals: number;
  valueAt(index: number): number;
}

export const metrics: Record<Workload["kind"], Metric> = {
  gauges: {
    name: "temperature",
    type: "f64_gauge",
    decimals: 2,
    valueAt: (index) => 20 + (index % 997) / 100,
  },
  counters: { name: "pieces", type: "u64_counter", decimals: 0, valueAt: (index) => 1 + (index % 9) },
  // From 1 to 144, with equal shares of each octave.
  histograms: {
    name: "cycle_time",
    type: "f64_histogram",
    decimals: 3,
    valueAt: (index) => 1.005 ** (index % 997),
  },
};

/** Messages differ in device and value, as real ones do. */
export function topicOf(index: number, { series } = gauges): string {
  return `plant/line${index % 8}/${deviceOf(index, series)}`;
}

export function payloadOf(index: number, { kind, series } = gauges): string {
  const { name, type, decimals, valueAt } = metrics[kind];
  const value = valueAt(index).toFixed(decimals);
  return `{"metrics":[{"name":"${name}","type":"${type}","value":${value},"attributes":[{"key":"device","value":"${deviceOf(index, series)}"},{"key":"line","value":"${index % 8}"}]}]}`;
}

/** `series` is a multiple of 8, so that each device has one line. */
export function deviceOf(index: number, series: number): string {
  return `thermostat-${index % series}`;
}

/** A request's body as the `mqtt` adapter takes it. */
export function envelopeOf(firstIndex: number, messages: number): string {
  const elements = Array.from({ length: messages }, (_, offset) => {
    const index = firstIndex + offset;
    return `{"topic":"${topicOf(index)}","payload":${payloadOf(index)}}`;
  });
  return `[${elements.join(",")}]`;
}
