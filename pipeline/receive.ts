/**
 * What must hold before a message is acknowledged: its element is understood, its topic is one of its source's,
 * it has not expired, its payload is valid. What does not hold becomes a verdict, and all messages of a request
 * enter the store in one transaction.
 */
import type { Clock } from "./clock.ts";
import type { Origin } from "./config/config.ts";
import { createBurialLog } from "./deliver-log.ts";
import { EnvelopeError } from "./errors.ts";
import type { FilterCounters } from "./filtered.ts";
import { identityOf } from "./identity.ts";
import { type Accepted, createJudge, type Died, type Dropped, type JudgedLane, quote } from "./judge.ts";
import type { LastValues, MessageRecall } from "./last-values.ts";
import type { Logger } from "./logger.ts";
import { laneKey, type MqttMessage } from "./message.ts";
import type { OddityCounters } from "./oddities.ts";
import type { Oddities, PayloadFormat, Refusal } from "./payload/format.ts";
import type { Settled, WaitOptions } from "./settled.ts";
import type { Element, Envelope, Stored } from "./source/adapter.ts";
import type { Arrival, BatchStore, DeadLetter, Verdict } from "./store/batch-store.ts";
import { createThrottle } from "./throttle.ts";

/** The one message of a request has a payload beyond the limit; nothing was stored (413). */
export class PayloadTooLargeError extends Error {
  override readonly name = "PayloadTooLargeError";
}

export interface ReceiverOptions {
  store: Pick<BatchStore, "append" | "deadLetters">;
  clock: Clock;
  logger: Logger;
  format: PayloadFormat;
  lanes: readonly JudgedLane[];
  /** For replays: the sources and bridges as they are configured now. */
  sources: readonly Origin[];
  payloadBytesMax: number;
  /** Given where an acknowledgement says that messages are settled; the store then reports what is owed. */
  settled?: Pick<Settled, "wait"> | undefined;
  oddities?: Pick<OddityCounters, "count"> | undefined;
  filtered?: Pick<FilterCounters, "count"> | undefined;
  /** Given where rules want last values remembered. */
  lastValues?: Pick<LastValues, "recall"> | undefined;
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

const nothing: Stored = { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };

export function createReceiver(options: ReceiverOptions): Receiver {
  const { store, clock, logger, format, lanes, payloadBytesMax, settled } = options;
  const { oddities, filtered, lastValues, onAppended } = options;
  const logBurials = createBurialLog(undefined, { clock, logger });
  const sourcesByName = new Map(options.sources.map((source) => [source.name, source]));
  function countOddities(source: string, met: Oddities) {
    for (const [oddity, count] of Object.entries(met) as [keyof Oddities, number][]) {
      if (count > 0) oddities?.count(source, oddity, count);
    }
  }

  const { findFault, checkPayload, judge } = createJudge({
    format,
    lanes,
    payloadBytesMax,
    onOddities: oddities && countOddities,
    admits: createThrottle(clock),
  });

  function arrive(source: Origin, element: Element, { isArray, arrivedAtUs, arrivals }: Entry, kept: Kept) {
    if (element.kind === "ignored") return;
    if (element.kind === "broken") {
      arrivals.push(buried(source, element, arrivedAtUs));
      return;
    }
    if (element.mayBeDamaged) oddities?.count(source.name, "damagedPayloads", 1);
    const message: MqttMessage = { ...element.message, source: source.name };
    const fault = findFault(source, message);
    if (fault && !isArray) throw refusalOf(fault);
    const recall = lastValues?.recall(message);
    const verdict = fault ?? judge(source, message, { arrivedAtUs, deadlineUs: element.expiresAtUs }, recall);
    const identity = identityOf(message);
    const met = recall?.keep(arrivedAtUs);
    if (recall && met) kept.recalls.push({ index: arrivals.length, recall });
    if (verdict.kind === "filtered") kept.filtered.push(verdict.reason);
    arrivals.push({ message: asJudged(message, verdict, recall), arrivedAtUs, identity, verdict, met });
  }

  /** Undefined: there is no message in it. */
  function enter(source: Origin, { elements, isArray }: Envelope, kept: Kept) {
    const entry: Entry = { isArray, arrivedAtUs: clock.nowUs(), arrivals: [] };
    for (const element of elements) arrive(source, element, entry, kept);
    return entry.arrivals.length === 0 ? undefined : store.append(entry.arrivals);
  }

  /** What a message had is the last value for those behind it in the same request, and goes if it is not stored. */
  async function takeIn(source: Origin, envelope: Envelope) {
    const kept: Kept = { recalls: [], filtered: [] };
    try {
      const result = await enter(source, envelope, kept);
      if (kept.recalls.length > 0) {
        const repeats = new Set(result?.repeats);
        for (const { index, recall } of kept.recalls) recall.settle(!repeats.has(index));
      }
      return result && { result, filteredFor: kept.filtered };
    } catch (error) {
      for (const { recall } of kept.recalls) recall.settle(false);
      throw error;
    }
  }

  return {
    async receive(source, envelope, waitOptions) {
      const taken = await takeIn(source, envelope);
      if (taken === undefined) return nothing;
      const { result, filteredFor } = taken;
      const { owed = [], burials, repeats: _, ...stored } = result;
      if (stored.accepted > 0) onAppended?.(stored.accepted);
      // Which of them the store knows as repeats is not told.
      for (const reason of filteredFor.slice(0, stored.filtered)) filtered?.count(source.name, reason, 1);
      if (burials) logBurials(burials);
      if (settled) await settled.wait(owed, waitOptions);
      return stored;
    },

    async replay({ id, message, reason, path, detail, lane }) {
      let verdict: Accepted | Died | Dropped;
      let recall: MessageRecall | undefined;
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
        recall = lastValues?.recall(message);
        verdict = findFault(source, message) ?? checkPayload(source, message, recall);
      }
      if (verdict.kind === "deadLettered") return refused(verdict.path, verdict.detail);
      if (verdict.kind === "filtered") {
        return refused("", "Cannot replay: a filter drops the message now; delete the dead letter");
      }
      const isReplayed = await store.deadLetters.replay(id, {
        lanes: verdict.lanes,
        lastValues: recall && (recall.standIns() ?? []),
      });
      if (!isReplayed) return { kind: "gone" };
      onAppended?.(1);
      return { kind: "replayed" };
    },
  };
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

/** The message with what a lane needs to read it as it was judged. */
function asJudged(message: MqttMessage, verdict: Verdict, recall: MessageRecall | undefined): MqttMessage {
  const throttledBy = verdict.kind === "accepted" ? verdict.throttledBy : undefined;
  const lastValues = recall?.standIns();
  if (throttledBy === undefined && lastValues === undefined) return message;
  return { ...message, throttledBy, lastValues };
}

/** A request on its way into the store. */
interface Entry {
  isArray: boolean;
  arrivedAtUs: number;
  arrivals: Arrival[];
}

/** All that is kept of a request while it is stored: its messages would outlive V8's young generation. */
interface Kept {
  /** What is to be remembered, with the index of its arrival. */
  recalls: { index: number; recall: MessageRecall }[];
  /** Reasons of the filters that dropped messages, in order. */
  filtered: string[];
}
