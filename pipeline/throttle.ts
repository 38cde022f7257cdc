import type { Clock } from "./clock.ts";
import type { MqttMessage } from "./message.ts";
import type { ParseOptions } from "./payload/format.ts";

interface Admitted {
  atMs: number;
  message: Pick<MqttMessage, "source" | "clientId" | "messageId">;
}

/**
 * Keeps to rate limits: after a message that passes, none does for the interval of its limit. What such a message
 * leaves is lost when the process ends.
 *
 * A repeat of the last one that passed does so too: what its sender did not hear of may not have been stored.
 */
export function createThrottle(clock: Pick<Clock, "monotonicMs">): NonNullable<ParseOptions["admits"]> {
  const lastByLimit = new Map<string, Admitted>();
  return ({ name, intervalMs }, { source, clientId, messageId }) => {
    if (intervalMs === Number.POSITIVE_INFINITY) return false;
    const last = lastByLimit.get(name);
    const message = { source, clientId, messageId };
    const atMs = clock.monotonicMs();
    if (last !== undefined && atMs - last.atMs < intervalMs) return isSame(last.message, message);
    lastByLimit.set(name, { atMs, message });
    return true;
  };
}

function isSame(a: Admitted["message"], b: Admitted["message"]): boolean {
  return (
    a.messageId !== undefined &&
    a.messageId === b.messageId &&
    a.clientId === b.clientId &&
    a.source === b.source
  );
}
