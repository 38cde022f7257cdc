import type { Clock } from "./clock.ts";
import { identityOf } from "./identity.ts";
import type { ParseOptions } from "./payload/format.ts";

interface Admitted {
  atMs: number;
  identity: Uint8Array | undefined;
}

/**
 * Keeps to rate limits: after a message that passes, none does for the interval of its limit. What such a message
 * leaves is lost when the process ends.
 *
 * A repeat of the last one that passed does so too: what its sender did not hear of may not have been stored.
 */
export function createThrottle(clock: Pick<Clock, "monotonicMs">): NonNullable<ParseOptions["admits"]> {
  const lastByLimit = new Map<string, Admitted>();
  return ({ name, intervalMs }, message) => {
    const last = lastByLimit.get(name);
    const atMs = clock.monotonicMs();
    const identity = identityOf(message);
    if (last !== undefined && atMs - last.atMs < intervalMs) return isSame(last.identity, identity);
    lastByLimit.set(name, { atMs, identity });
    return true;
  };
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}
