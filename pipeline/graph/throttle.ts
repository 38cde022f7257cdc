import type { RateLimit } from "../payload/format.ts";
import { matchesTopicFilter } from "../source/topic.ts";
import type { ThrottleRule } from "./rules.ts";
import type { Transform } from "./transform.ts";

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
  return (traveller, { admits, message }) => {
    const limit = limits.find(({ topic }) => matchesTopicFilter(topic, traveller.message.topic));
    const passes = limit === undefined || admits === undefined || admits(limit, message);
    return passes ? { kind: "passes", traveller } : { kind: "dropped", reason: "throttled" };
  };
}
