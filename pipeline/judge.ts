/** What is decided of a message before it is stored: pure, but for rate limits, last values and what it tells of oddities. */
import type { Origin } from "./config/config.ts";
import { createLaneFilter, type LaneFilter } from "./lane-filter.ts";
import type { LaneName, MqttMessage, Signal } from "./message.ts";
import type { Items, Oddities, ParseOptions, PayloadFormat, Recall } from "./payload/format.ts";
import { itemsFor } from "./routes.ts";
import { matchesTopicFilter } from "./source/topic.ts";
import type { Verdict } from "./store/batch-store.ts";

/** A lane with its bit in `Verdict.lanes`, and what it wants; without a filter, everything. */
export interface JudgedLane {
  name: LaneName;
  mask: number;
  filter?: LaneFilter | undefined;
}

export interface JudgeOptions {
  format: PayloadFormat;
  /** Every lane. */
  lanes: readonly JudgedLane[];
  payloadBytesMax: number;
  /** Given: oddities are looked for that take time to find. */
  onOddities?: ((source: string, met: Oddities) => void) | undefined;
  /** Keeps to rate limits. Left out: messages pass them. */
  admits?: ParseOptions["admits"];
}

export type Accepted = Extract<Verdict, { kind: "accepted" }>;
export type Died = Extract<Verdict, { kind: "deadLettered" }>;
export type Dropped = Extract<Verdict, { kind: "filtered" }>;

export interface Judge {
  /** The rules of the front door; undefined: the message passes. */
  findFault(source: Origin, message: MqttMessage): Died | undefined;
  /** What the payload says, and for whom; no rate limit is kept to. */
  checkPayload(source: Origin, message: MqttMessage, recall?: Recall): Accepted | Died | Dropped;
  /** For a message that passes the front door: whether it has expired, then its payload. */
  judge(source: Origin, message: MqttMessage, times: Times, recall?: Recall): Verdict;
}

export interface Times {
  arrivedAtUs: number;
  /** When it expires, from senders that name an instant instead of an interval. */
  deadlineUs?: number | undefined;
}

export function createJudge({ format, lanes, payloadBytesMax, onOddities, admits }: JudgeOptions): Judge {
  const masks: Record<Signal, number> = { metrics: 0, logs: 0 };
  const choosy: { signal: Signal; mask: number; wants: NonNullable<ReturnType<typeof createLaneFilter>> }[] =
    [];
  const all = lanes.map(({ name, mask, filter }) => ({
    name,
    mask,
    wants: filter && createLaneFilter(filter),
  }));
  for (const { name, mask, wants } of all) {
    if (wants) choosy.push({ signal: name.signal, mask, wants });
    else masks[name.signal] += mask;
  }

  function findFault(source: Origin, message: MqttMessage): Died | undefined {
    if (!takesTopic(source, message.topic)) {
      const detail = `Cannot take topic ${quote(message.topic)}: wanted one that matches ${source.topicFilters.join(", ")}`;
      return { kind: "deadLettered", reason: "topicNotAllowed", path: "topic", detail };
    }
    const bytes = message.payload.byteLength;
    if (bytes > payloadBytesMax) {
      const detail = `Cannot take a payload of ${bytes} bytes: limit is ${payloadBytesMax}`;
      return { kind: "deadLettered", reason: "tooLarge", path: "payload", detail };
    }
    return undefined;
  }

  function checkPayload(
    { lenient }: Origin,
    message: MqttMessage,
    { admits, recall }: Pick<ParseOptions, "admits" | "recall">,
  ): Accepted | Died | Dropped {
    const parsed = format.parse(message, { lenient, audit: onOddities !== undefined, admits, recall });
    if (parsed.kind === "refused") {
      const { path, message: detail } = parsed.refusal;
      return { kind: "deadLettered", reason: "invalidPayload", path, detail };
    }
    if (parsed.kind === "filtered") return { kind: "filtered", reason: parsed.reason };
    if (parsed.oddities) onOddities?.(message.source, parsed.oddities);
    return { kind: "accepted", lanes: owingLanes(message, parsed.items) };
  }

  function owingLanes(message: MqttMessage, items: Items): number {
    if (items.routes !== undefined) return routedLanes(message, items);
    let owing = (items.metrics.length > 0 ? masks.metrics : 0) + (items.logs.length > 0 ? masks.logs : 0);
    for (const { signal, mask, wants } of choosy) {
      if (items[signal].length > 0 && wants(message)) owing += mask;
    }
    return owing;
  }

  function routedLanes(message: MqttMessage, items: Items): number {
    let owing = 0;
    for (const { name, mask, wants } of all) {
      const isCarried = itemsFor(name.destination, items)[name.signal].length > 0;
      if (isCarried && (wants === undefined || wants(message))) owing += mask;
    }
    return owing;
  }

  return {
    findFault,
    checkPayload: (source, message, recall) => checkPayload(source, message, { recall }),
    judge(source, message, times, recall) {
      const expiresAtUs = expiryOf(message, times);
      if (expiresAtUs !== undefined && times.arrivedAtUs >= expiresAtUs) return { kind: "expired" };
      let throttledBy: string[] | undefined;
      const verdict = checkPayload(source, message, {
        recall,
        admits(limit, met) {
          const passes = admits === undefined || admits(limit, met);
          if (!passes) throttledBy = [...(throttledBy ?? []), limit.name];
          return passes;
        },
      });
      if (verdict.kind !== "accepted") return verdict;
      return { kind: "accepted", lanes: verdict.lanes, expiresAtUs, throttledBy };
    },
  };
}

/** Whether a source or bridge may hand over messages of a topic. */
export function takesTopic({ topicFilters }: Pick<Origin, "topicFilters">, topic: string): boolean {
  return topicFilters.length === 0 || topicFilters.some((filter) => matchesTopicFilter(filter, topic));
}

/**
 * When a message expires; undefined: never. Counted from the publish where that is known. A deadline that a number
 * cannot hold exactly is as good as the last one that it can, and no store could give it back.
 *
 * Source: MQTT 5.0, 3.3.2.3.3.
 */
export function expiryOf(message: MqttMessage, { arrivedAtUs, deadlineUs }: Times): number | undefined {
  if (deadlineUs !== undefined) return deadlineUs;
  const { publishedAtUs = arrivedAtUs, messageExpiryIntervalSeconds } = message;
  if (messageExpiryIntervalSeconds === undefined) return undefined;
  return Math.min(publishedAtUs + messageExpiryIntervalSeconds * 1_000_000, Number.MAX_SAFE_INTEGER);
}

/** A sender's text in a sentence, never longer than the sentence. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
