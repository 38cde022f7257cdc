import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";
import type { Burial } from "./store/batch-store.ts";

const quietMs = 1_000;
/** A topic has up to 65,535 bytes, which its sender chooses. */
const topicCharsMax = 256;

/**
 * Logs dead letters, of a lane or else of the arrival: at most one line a second for each source and reason, with
 * the `id` that GET /dead-letters/:id takes, and how many it leaves out.
 */
export function createBurialLog(
  lane: string | undefined,
  { clock, logger }: { clock: Clock; logger: Logger },
): (burials: readonly Burial[]) => void {
  const lines = new Map<string, { atMs: number; suppressed: number }>();

  function log({ id, source, topic, reason, path, count, ...burial }: Burial) {
    const key = `${source}/${reason}`;
    const last = lines.get(key);
    const nowMs = clock.monotonicMs();
    if (last && nowMs - last.atMs < quietMs) {
      last.suppressed += count;
      return;
    }
    lines.set(key, { atMs: nowMs, suppressed: 0 });
    const suppressed = (last?.suppressed ?? 0) + count - 1;
    const { possiblyDelivered } = burial;
    logger.warn(
      {
        id,
        ...(lane === undefined ? {} : { lane, possiblyDelivered }),
        source,
        // An envelope that could not be read has none.
        ...(topic === "" ? {} : { topic: shortened(topic) }),
        reason,
        detail: path === "" ? burial.detail : `${path}: ${burial.detail}`,
        suppressed,
      },
      "A message became a dead letter",
    );
  }

  return (burials) => {
    for (const burial of burials) log(burial);
  };
}

function shortened(topic: string): string {
  return topic.length > topicCharsMax ? `${topic.slice(0, topicCharsMax)}…` : topic;
}
