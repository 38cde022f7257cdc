import type { MqttMessage } from "../message.ts";
import type { ParseOptions, RateLimit } from "../payload/format.ts";
import { matchesTopicFilter } from "../source/topic.ts";
import type { ThrottleRule } from "./rules.ts";
import type { Journey, Transform } from "./transform.ts";

/**
 * The throttle transform: messages whose topics match a rule share one limit.
 *
 * Source: Azure IoT Operations, "Throttle data in data flow graphs".
 */
export function compileThrottle(rules: readonly ThrottleRule[], place: string): Transform {
  const limits = rules.map(({ topic, messagesPerSecondMax }): RateLimit & { topic: string } => ({
    topic,
    name: `${topic} at ${place}`,
    // Whole milliseconds; of a rate of zero there are infinitely many.
    intervalMs: Math.ceil(1000 / messagesPerSecondMax),
  }));
  return (traveller, { admits }) => {
    const limit = limits.find(({ topic }) => matchesTopicFilter(topic, traveller.message.topic));
    const passes = limit === undefined || admits(limit);
    return passes ? { kind: "passes", traveller } : { kind: "dropped", reason: "throttled" };
  };
}

/**
 * How a message meets rate limits. Without `admits` it was held to them before, and is dropped again where it was.
 * Only that depends on when it came; what else drops it here does so whenever it is read.
 */
export function admission(message: MqttMessage, admits: ParseOptions["admits"]): Journey["admits"] {
  const met = new Set<string>();
  return (limit) => {
    if (limit.intervalMs === Number.POSITIVE_INFINITY || met.has(limit.name)) return false;
    met.add(limit.name);
    return admits === undefined ? !message.throttledBy?.includes(limit.name) : admits(limit, message);
  };
}
