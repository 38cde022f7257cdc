import { createMapping } from "../../pipeline/mapping/mapping.ts";
import type { LogRule, MappingRules, MetricRule } from "../../pipeline/mapping/rules.ts";
import type { MqttMessage } from "../../pipeline/message.ts";
import type {
  Filtered,
  LogItem,
  MetricItem,
  Parsed,
  ParseOptions,
  Refusal,
} from "../../pipeline/payload/format.ts";

const utf8 = new TextEncoder();

export function rules(fields: Partial<MappingRules> = {}): MappingRules {
  return {
    name: "thermostat",
    sources: [],
    topicFilters: [],
    filter: undefined,
    timestamp: undefined,
    attributes: {},
    onMissing: "deadLetter",
    metrics: [],
    logs: [],
    ...fields,
  };
}

const item = { each: undefined, value: { path: "v" }, when: undefined, timestamp: undefined, attributes: {} };

export function metric(fields: Partial<MetricRule> = {}): MetricRule {
  return { ...item, name: "m", type: "f64_gauge", description: undefined, unit: undefined, ...fields };
}

export function log(fields: Partial<LogRule> = {}): LogRule {
  return { ...item, level: "warn", ...fields };
}

/** `payload`: JSON text as it is, or a value that becomes one. */
export function messageOf(payload: unknown, fields: Partial<MqttMessage> = {}): MqttMessage {
  const text = typeof payload === "string" ? payload : JSON.stringify(payload);
  return {
    source: "raw",
    topic: "plant/line1/t-1",
    payload: utf8.encode(text),
    userProperties: [],
    ...fields,
  };
}

/** What a message becomes by rules. */
export function mapped(
  mapping: MappingRules,
  payload: unknown,
  { lenient = false, audit, ...fields }: Partial<MqttMessage & ParseOptions> = {},
): Parsed | Filtered {
  return createMapping(mapping)(messageOf(payload, fields), { lenient, audit });
}

type Options = Parameters<typeof mapped>[2];

export function metricsOf(mapping: MappingRules, payload: unknown, options?: Options): readonly MetricItem[] {
  return itemsOf(mapping, payload, options).metrics;
}

export function logsOf(mapping: MappingRules, payload: unknown, options?: Options): readonly LogItem[] {
  return itemsOf(mapping, payload, options).logs;
}

export function itemsOf(mapping: MappingRules, payload: unknown, options?: Options) {
  const parsed = mapped(mapping, payload, options);
  if (parsed.kind !== "items") throw new Error(JSON.stringify(parsed));
  return parsed.items;
}

export function refusalOf(mapping: MappingRules, payload: unknown, options?: Options): Refusal {
  const parsed = mapped(mapping, payload, options);
  if (parsed.kind !== "refused") throw new Error(`Wanted a refusal, met ${parsed.kind}`);
  return parsed.refusal;
}
