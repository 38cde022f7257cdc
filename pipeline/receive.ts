/**
 * What must hold before a message is acknowledged: its element is understood, its topic is one of its source's,
 * it has not expired, its payload is valid. What does not hold becomes a verdict, and all messages of a request
 * enter the store in one transaction.
 */
import type { Clock } from "./clock.ts";
import type { Origin } from "./config/config.ts";
import { createDeadLetterLog } from "./deliver-log.ts";
import { EnvelopeError } from "./errors.ts";
import { identityOf } from "./identity.ts";
import { createLaneFilter, type LaneFilter } from "./lane-filter.ts";
import type { Logger } from "./logger.ts";
import { type LaneName, laneKey, type MqttMessage, type Signal } from "./message.ts";
import type { OddityCounters } from "./oddities.ts";
import type { Items, Oddities, PayloadFormat, Refusal } from "./payload/format.ts";
import type { Settled, WaitOptions } from "./settled.ts";
import type { Element, Envelope, Stored } from "./source/adapter.ts";
import { matchesTopicFilter } from "./source/topic.ts";
import type { Arrival, BatchStore, DeadLetter, Verdict } from "./store/batch-store.ts";

/** The one message of a request has a payload beyond the limit; nothing was stored (413). */
export class PayloadTooLargeError extends Error {
  override readonly name = "PayloadTooLargeError";
}

export interface ReceiverOptions {
  store: Pick<BatchStore, "append" | "deadLetters">;
  clock: Clock;
  logger: Logger;
  format: PayloadFormat;
  /** Every lane with its bit in `Verdict.lanes`, and what it wants; without a filter, everything. */
  lanes: readonly { name: LaneName; mask: number; filter?: LaneFilter | undefined }[];
  /** For replays: the sources and bridges as they are configured now. */
  sources: readonly Origin[];
  payloadBytesMax: number;
  /** Given where an acknowledgement says that messages are settled; the store then reports what is owed. */
  settled?: Pick<Settled, "wait"> | undefined;
  oddities?: Pick<OddityCounters, "count"> | undefined;
  /** Called with the number of accepted messages once they are on disk. */
  onAppended?: ((accepted: number) => void) | undefined;
}

export type Replay = { kind: "replayed" } | { kind: "gone" } | { kind: "refused"; refusal: Refusal };

export interface Receiver {
  /**
   * Judge and store the messages of one request. Resolves once they may be acknowledged: they are on disk, or, where
   * the gateway acknowledges what is delivered, every lane that owes one of them, or what it repeats, has settled it.
   *
   * Errors: EnvelopeError when the only message is outside the source's Topic Filters, PayloadTooLargeError when
   *         its payload is too large, StoreFullError; nothing was stored then. NotSettledError after `timeoutMs`, or
   *         when the gateway stops; all of it is stored then. Without `timeoutMs` it waits as long as it takes.
   */
  receive(source: Origin, envelope: Envelope, options?: WaitOptions): Promise<Stored>;
  /** Let a dead letter through the front door again, or queue it again for the lane that refused it. */
  replay(letter: DeadLetter): Promise<Replay>;
}

type Accepted = Extract<Verdict, { kind: "accepted" }>;
type Died = Extract<Verdict, { kind: "deadLettered" }>;

const nothing: Stored = { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };

export function createReceiver(options: ReceiverOptions): Receiver {
  const { store, clock, logger, format, lanes, payloadBytesMax, settled, oddities, onAppended } = options;
  const logDeadLetter = createDeadLetterLog(undefined, { clock, logger });
  const sourcesByName = new Map(options.sources.map((source) => [source.name, source]));
  const masks: Record<Signal, number> = { metrics: 0, logs: 0 };
  const choosy: { signal: Signal; mask: number; wants: NonNullable<ReturnType<typeof createLaneFilter>> }[] =
    [];
  for (const { name, mask, filter } of lanes) {
    const wants = filter && createLaneFilter(filter);
    if (wants) choosy.push({ signal: name.signal, mask, wants });
    else masks[name.signal] += mask;
  }

  /** The rules of the front door; undefined: the message passes. */
  function findFault(source: Origin, message: MqttMessage): Died | undefined {
    if (!isTopicAllowed(source, message.topic)) {
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

  function checkPayload(message: MqttMessage, lenient: boolean): Accepted | Died {
    const parsed = format.parse(message, { lenient, audit: oddities !== undefined });
    if (parsed.kind === "refused") {
      const { path, message: detail } = parsed.refusal;
      return { kind: "deadLettered", reason: "invalidPayload", path, detail };
    }
    if (parsed.oddities) countOddities(message.source, parsed.oddities);
    return { kind: "accepted", lanes: owingLanes(message, parsed.items) };
  }

  function owingLanes(message: MqttMessage, items: Items): number {
    let owing = (items.metrics.length > 0 ? masks.metrics : 0) + (items.logs.length > 0 ? masks.logs : 0);
    for (const { signal, mask, wants } of choosy) {
      if (items[signal].length > 0 && wants(message)) owing += mask;
    }
    return owing;
  }

  function countOddities(source: string, met: Oddities) {
    for (const [oddity, count] of Object.entries(met) as [keyof Oddities, number][]) {
      if (count > 0) oddities?.count(source, oddity, count);
    }
  }

  function judge(source: Origin, message: MqttMessage, arrivedAtUs: number, deadlineUs?: number): Verdict {
    const expiresAtUs = deadlineUs ?? expiryOf(message, arrivedAtUs);
    if (expiresAtUs !== undefined && arrivedAtUs >= expiresAtUs) return { kind: "expired" };
    const verdict = checkPayload(message, source.lenient);
    return verdict.kind === "accepted" ? { ...verdict, expiresAtUs } : verdict;
  }

  function arrive(source: Origin, element: Element, isArray: boolean, arrivedAtUs: number) {
    if (element.kind === "ignored") return undefined;
    if (element.kind === "broken") return buried(source, element, arrivedAtUs);
    if (element.mayBeDamaged) oddities?.count(source.name, "damagedPayloads", 1);
    const message: MqttMessage = { ...element.message, source: source.name };
    const fault = findFault(source, message);
    if (fault && !isArray) throw refusalOf(fault);
    const verdict = fault ?? judge(source, message, arrivedAtUs, element.expiresAtUs);
    return { message, arrivedAtUs, identity: identityOf(message), verdict };
  }

  /** A repeat of a dead letter among them is logged like one. */
  function logDeadLetters(source: string, arrivals: readonly Arrival[]) {
    for (const { verdict } of arrivals) {
      if (verdict.kind !== "deadLettered") continue;
      const { reason, path, detail } = verdict;
      logDeadLetter({ source, reason, detail: path === "" ? detail : `${path}: ${detail}` });
    }
  }

  return {
    async receive(source, envelope, waitOptions) {
      const arrivedAtUs = clock.nowUs();
      const arrivals: Arrival[] = [];
      for (const element of envelope.elements) {
        const arrival = arrive(source, element, envelope.isArray, arrivedAtUs);
        if (arrival) arrivals.push(arrival);
      }
      if (arrivals.length === 0) return nothing;
      const stored = await store.append(arrivals);
      if (stored.accepted > 0) onAppended?.(stored.accepted);
      if (stored.deadLettered > 0) logDeadLetters(source.name, arrivals);
      if (settled === undefined) return stored;
      const { owed = [], ...counts } = stored;
      await settled.wait(owed, waitOptions);
      return counts;
    },

    async replay({ id, message, reason, path, detail, lane }) {
      let verdict: Accepted | Died;
      if (lane) {
        const key = laneKey(lane);
        const found = lanes.find(({ name }) => laneKey(name) === key);
        if (!found)
          return refused("", `Cannot replay for lane ${key}: no destination of that name takes it now`);
        verdict = { kind: "accepted", lanes: found.mask };
      } else if (reason === "invalidEnvelope") {
        return refused(path, detail);
      } else {
        const source = sourcesByName.get(message.source);
        if (!source)
          return refused("", `Cannot replay: source ${quote(message.source)} is not configured now`);
        verdict = findFault(source, message) ?? checkPayload(message, source.lenient);
      }
      if (verdict.kind === "deadLettered") return refused(verdict.path, verdict.detail);
      const isReplayed = await store.deadLetters.replay(id, { lanes: verdict.lanes });
      if (!isReplayed) return { kind: "gone" };
      onAppended?.(1);
      return { kind: "replayed" };
    },
  };
}

function isTopicAllowed({ topicFilters }: Origin, topic: string): boolean {
  return topicFilters.length === 0 || topicFilters.some((filter) => matchesTopicFilter(filter, topic));
}

/**
 * Source: MQTT 5.0, 3.3.2.3.3, counted from the publish where that is known. A deadline that a number cannot hold
 * exactly is as good as the last one that it can, and no store could give it back.
 */
function expiryOf(message: MqttMessage, arrivedAtUs: number): number | undefined {
  const { publishedAtUs = arrivedAtUs, messageExpiryIntervalSeconds } = message;
  if (messageExpiryIntervalSeconds === undefined) return undefined;
  return Math.min(publishedAtUs + messageExpiryIntervalSeconds * 1_000_000, Number.MAX_SAFE_INTEGER);
}

function buried(source: Origin, element: Extract<Element, { kind: "broken" }>, arrivedAtUs: number): Arrival {
  const { path, reason: detail, body: payload } = element;
  return {
    message: { source: source.name, topic: "", payload, userProperties: [] },
    arrivedAtUs,
    verdict: { kind: "deadLettered", reason: "invalidEnvelope", path, detail },
  };
}

function refusalOf({ reason, path, detail }: Died): Error {
  if (reason === "tooLarge") return new PayloadTooLargeError(detail);
  return new EnvelopeError(detail, { issues: [{ path, message: detail }] });
}

function refused(path: string, message: string): Replay {
  return { kind: "refused", refusal: { path, message } };
}

/** A sender's text in a sentence, never longer than the sentence. */
function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
