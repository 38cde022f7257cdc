import type { Attribute } from "../payload/format.ts";
import { type MetricKind, metricKinds, type SeriesIdentity } from "./metric.ts";

/** What identifies a metric. Source: OpenTelemetry, "Metrics Data Model", Timeseries Model. */
export interface MetricIdentity {
  kind: MetricKind;
  name: string;
  unit: string;
}

const kinds: ReadonlySet<string> = new Set(Object.values(metricKinds));

/**
 * Begins the key of each series of a metric, before `attributesKey()`; no other metric has the same. Names stand
 * behind their lengths, because they may contain any separator. A meter is the monotonic sum of the same name.
 */
export function metricKey({ kind, name, unit }: MetricIdentity): string {
  return `${kind === "meter" ? "monotonicSum" : kind} ${name.length},${unit.length},${name}${unit} `.toWellFormed();
}

/** The metric and the attributes that a series' key was made of; undefined when it is no such key. */
export function parseSeriesKey(text: string): { metric: MetricIdentity; series: SeriesIdentity } | undefined {
  const [head, kind = "", nameLength, unitLength] = /^(\w+) (\d+),(\d+),/.exec(text) ?? [];
  if (head === undefined || !isKind(kind)) return undefined;
  const unitAt = head.length + Number(nameLength);
  const end = unitAt + Number(unitLength);
  const key = text.slice(end + 1);
  const attributes = parseAttributesKey(key);
  if (attributes === undefined) return undefined;
  const metric = { kind, name: text.slice(head.length, unitAt), unit: text.slice(unitAt, end) };
  return { metric, series: { key, attributes } };
}

function isKind(text: string): text is MetricKind {
  return kinds.has(text);
}

function parseAttributesKey(text: string): Attribute[] | undefined {
  const attributes: Attribute[] = [];
  const form = /([sbid])(\d+),(\d+),/y;
  while (form.lastIndex < text.length) {
    const { lastIndex: at } = form;
    const [head, type, keyLength, valueLength] = form.exec(text) ?? [];
    if (head === undefined) return undefined;
    const keyAt = at + head.length;
    const valueAt = keyAt + Number(keyLength);
    const end = valueAt + Number(valueLength);
    attributes.push({ key: text.slice(keyAt, valueAt), value: parseValue(type, text.slice(valueAt, end)) });
    form.lastIndex = end;
  }
  return attributes;
}

function parseValue(type: string | undefined, text: string): Attribute["value"] {
  if (type === "b") return text === "true";
  if (type === "i") return BigInt(text);
  if (type === "d") return Number(text);
  return text;
}
