import type { Clock } from "./clock.ts";
import type { LaneDelivery } from "./deliver-lane.ts";
import type { CredentialState, Credentials } from "./export/credentials.ts";
import { checkIntervalMs } from "./export/reloaded.ts";
import type { Logger } from "./logger.ts";

/**
 * Look at a destination's credentials until `signal` is aborted: when they were replaced, its lanes try at once, and
 * do not wait for the end of a back-off. One log line for each change.
 */
export async function watchCredentials(options: {
  destination: string;
  credentials: Credentials;
  lanes: readonly Pick<LaneDelivery, "retryNow">[];
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { destination, credentials, lanes, clock, logger, signal } = options;
  let seen: CredentialState | undefined;
  while (!signal.aborted) {
    const now = credentials.state();
    if (now.fault !== undefined && now.fault !== seen?.fault) {
      logger.error({ destination, reason: now.fault }, `Credentials of ${destination} cannot be used`);
    } else if (now.fault === undefined && now.warning !== undefined && now.warning !== seen?.warning) {
      logger.warn({ destination, reason: now.warning }, `New credentials of ${destination} are not in use`);
    }
    if (seen !== undefined && now.revision !== seen.revision) {
      const ends = now.expirations.map(({ credential, expiresAtUs }) => [credential, isoTime(expiresAtUs)]);
      logger.info(
        { destination, expiresAt: Object.fromEntries(ends) },
        `Credentials of ${destination} were replaced`,
      );
      for (const lane of lanes) lane.retryNow();
    }
    seen = now;
    await clock.sleep(checkIntervalMs, signal);
  }
}

function isoTime(instantUs: number): string {
  return new Date(instantUs / 1000).toISOString();
}
