import type {
  ExplainedLog,
  ExplainedMetric,
  ExplainedRule,
  Explanation,
  LaneExplanation,
  Step,
} from "../pipeline/explain/explanation.ts";
import type { NamedSeries } from "../pipeline/otlp/otlp-json.ts";
import { printJson } from "./print-json.ts";
import { printable } from "./printable.ts";

const stepNames: Record<Step["step"], string> = {
  source: "source",
  topic: "topic",
  payloadSize: "payload size",
  expiry: "expires",
  duplicate: "duplicates",
  payload: "payload",
};

const verdicts: Record<Explanation["verdict"], string> = {
  accepted: "accepted",
  expired: "dropped: expired",
  filtered: "dropped: filtered",
  deadLettered: "not taken",
};

/** An explanation in an operator's words, one line each, with requests as OTLP/JSON. */
export function describeExplanation(explanation: Explanation): string[] {
  const { steps, rules, items, lanes, remarks, verdict, answer, arrivedAt, isDelivered } = explanation;
  const itemLines = [...items.metrics.map(describeMetric), ...items.logs.map(describeLog)];
  return [
    `Message that arrives at ${arrivedAt}`,
    ...steps.map(({ step, passes, detail }) => `  ${stepNames[step]}: ${passes ? "" : "no: "}${detail}`),
    `  verdict: ${verdicts[verdict]}`,
    `  answer: ${answer}`,
    ...section("Rules", rules.flatMap(describeRule)),
    ...section("Items", itemLines),
    ...section("Destinations", lanes.flatMap(describeLane)),
    ...section("Remarks", remarks),
    isDelivered ? "It would be delivered" : "It would not be delivered",
  ].map(printable);
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}

function describeRule({ rule, values, omitted }: ExplainedRule): string[] {
  return [
    rule,
    ...values.map(({ of, value }) => `  ${of} is ${value}`),
    ...(omitted === 0 ? [] : [`  and ${omitted} more`]),
  ];
}

function describeMetric({ name, type, value, unit, time, attributes }: ExplainedMetric): string {
  const withUnit = unit === null ? String(value) : `${value} [${unit}]`;
  return `${type} ${name} = ${withUnit} ${describeTime(time)} ${JSON.stringify(attributes)}`;
}

function describeLog({ level, body, time, attributes }: ExplainedLog): string {
  return `log ${level} ${JSON.stringify(body)} ${describeTime(time)} ${JSON.stringify(attributes)}`;
}

function describeTime(time: string | null): string {
  return time === null ? "without a time" : `at ${time}`;
}

function describeLane(lane: LaneExplanation): string[] {
  const name = `${lane.destination}/${lane.signal}`;
  if (!lane.exports) return [`${name}: ${lane.isOwed ? "gives it up" : "does not get it"}: ${lane.reason}`];
  return [
    `${name}: sends to ${lane.url}`,
    ...lane.series.map((series) => `  series ${describeSeries(series)}`),
    ...printJson(lane.request, "  "),
  ];
}

function describeSeries({ name, unit, type, temporality, attributes }: NamedSeries): string {
  const kind = temporality === undefined ? type : `${type} (${temporality})`;
  return `${name}${unit === "" ? "" : ` [${unit}]`}: ${kind} ${JSON.stringify(attributes)}`;
}
