import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";

const quietMs = 1_000;

/** Logs dead letters, of a lane or else of the arrival: at most one line a second for each source and reason, with how many it leaves out. */
export function createDeadLetterLog(
  lane: string | undefined,
  { clock, logger }: { clock: Clock; logger: Logger },
) {
  const lines = new Map<string, { atMs: number; suppressed: number }>();

  return (
    letter: { source: string; reason: string; detail: string; possiblyDelivered?: boolean },
    messages = 1,
  ) => {
    const key = `${letter.source}/${letter.reason}`;
    const last = lines.get(key);
    const nowMs = clock.monotonicMs();
    if (last && nowMs - last.atMs < quietMs) {
      last.suppressed += messages;
      return;
    }
    lines.set(key, { atMs: nowMs, suppressed: 0 });
    const suppressed = (last?.suppressed ?? 0) + messages - 1;
    logger.warn({ lane, ...letter, suppressed }, "A message became a dead letter");
  };
}
