import type { DestinationConfig } from "../config/config.ts";
import { prepareBatch } from "../deliver-batch.ts";
import { encoderSettings } from "../encoder-settings.ts";
import type { JudgedLane } from "../judge.ts";
import { signals } from "../message.ts";
import { createLogsEncoder, createMetricsEncoder } from "../otlp/encode.ts";
import { seriesOf, toOtlpJson } from "../otlp/otlp-json.ts";
import type { ParseMessage } from "../parse-message.ts";
import type { Items } from "../payload/format.ts";
import { createRouteParse, itemsFor } from "../routes.ts";
import type { StoredMessage } from "../store/batch-store.ts";
import type { LaneExplanation } from "./explanation.ts";

/** A lane with the destination that it belongs to. */
export interface DestinationLane extends JudgedLane {
  destination: DestinationConfig;
}

export function lanesOf(destinations: readonly DestinationConfig[]): DestinationLane[] {
  return destinations
    .flatMap((destination) => destination.signals.map((signal) => ({ destination, signal })))
    .map(({ destination, signal }, index) => ({
      name: { destination: destination.name, signal },
      mask: 2 ** index,
      filter: destination,
      destination,
    }));
}

/** What a lane that owes nothing but this message would send, as the first of all its batches. */
export async function explainExport(
  { name: { signal }, destination }: DestinationLane,
  message: StoredMessage,
  { parse, instanceId }: { parse: ParseMessage; instanceId: string | undefined },
): Promise<LaneExplanation> {
  const settings = encoderSettings(destination, instanceId);
  const prepared = await prepareBatch({
    lane: { read: async () => [message] },
    encoder: signal === "metrics" ? createMetricsEncoder(settings) : createLogsEncoder(settings),
    parse: createRouteParse(destination.name, parse),
    afterId: message.id - 1,
    lastId: message.id,
    sealedAtUs: message.arrivedAtUs,
    overdueUntilUs: undefined,
    limits: { messagesMax: 1, payloadBytesMax: Number.POSITIVE_INFINITY },
  });
  const content = prepared?.content;
  const lane = { destination: destination.name, signal };
  if (content?.kind === "hopeless") {
    const { path, detail } = content;
    return { ...lane, exports: false, isOwed: true, reason: path === "" ? detail : `${path}: ${detail}` };
  }
  const request = content?.kind === "sendable" ? content.request : undefined;
  if (request === undefined) {
    return { ...lane, exports: false, isOwed: true, reason: `there are no ${signal} to send` };
  }
  return {
    ...lane,
    exports: true,
    url: destination.signalUrls[signal],
    series: signal === "metrics" ? seriesOf(request) : [],
    request: toOtlpJson(signal, request),
  };
}

/** Why a lane does not owe a message. */
export function explainRefusal(
  { name: { signal }, destination }: DestinationLane,
  message: StoredMessage,
  items: Items,
): LaneExplanation {
  return { destination: destination.name, signal, exports: false, isOwed: false, reason: reasonOf() };

  function reasonOf(): string {
    const { sources, topicFilters } = destination;
    if (items[signal].length === 0) return `the message has no ${signal}`;
    if (itemsFor(destination.name, items)[signal].length === 0) {
      return `no Destination node that the message reaches leads there with ${signal}`;
    }
    if (sources.length > 0 && !sources.includes(message.source)) {
      return `it takes messages of ${sources.join(", ")} alone`;
    }
    return `it takes topics that match ${topicFilters.join(", ")} alone`;
  }
}

/** The signals of a message that a destination has no lane for. */
export function explainMissing(lanes: readonly DestinationLane[], items: Items): LaneExplanation[] {
  const names = [...new Set(lanes.map(({ name }) => name.destination))];
  return names.flatMap((destination) => {
    const taken = lanes.filter(({ name }) => name.destination === destination).map(({ name }) => name.signal);
    return signals
      .filter((signal) => itemsFor(destination, items)[signal].length > 0 && !taken.includes(signal))
      .map((signal) => ({
        destination,
        signal,
        exports: false,
        isOwed: false,
        reason: `it takes no ${signal}`,
      }));
  });
}
