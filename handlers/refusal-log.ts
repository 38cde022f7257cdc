import type { Clock } from "../pipeline/clock.ts";
import type { Logger } from "../pipeline/logger.ts";
import type { RefusalReason } from "../pipeline/refusals.ts";

const quietMs = 10_000;

/**
 * Logs requests that were turned away, since most senders drop such a message without a word: at most one line in
 * ten seconds for each reason, with how many it leaves out.
 */
export function createRefusalLog(source: string, { clock, logger }: { clock: Clock; logger: Logger }) {
  const lines = new Map<RefusalReason, { atMs: number; suppressed: number }>();

  /** `met`: what the sender is not told. */
  return (reason: RefusalReason, detail: string, met?: string) => {
    const last = lines.get(reason);
    const nowMs = clock.monotonicMs();
    if (last && nowMs - last.atMs < quietMs) {
      last.suppressed += 1;
      return;
    }
    lines.set(reason, { atMs: nowMs, suppressed: 0 });
    const suppressed = last?.suppressed ?? 0;
    logger.warn({ source, reason, detail, ...(met && { met }), suppressed }, "A request was refused");
  };
}
