import type { Clock } from "./clock.ts";
import type { LaneDelivery } from "./deliver-lane.ts";
import type { CredentialState, Credentials } from "./export/credentials.ts";
import { checkIntervalMs } from "./export/reloaded.ts";
import type { Logger } from "./logger.ts";

/**
 * Look at the credentials of a destination or bridge until `signal` is aborted: when they were replaced, it tries at
 * once, and does not wait for the end of a back-off. One log line for each change.
 */
export async function watchCredentials(options: {
  /** Whose they are, as a field of log lines. */
  owner: { destination: string } | { bridge: string };
  credentials: Credentials;
  /** Whether a connection that is open keeps those that it began with. Default: false. */
  isOpenKept?: boolean;
  lanes: readonly Pick<LaneDelivery, "retryNow">[];
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { owner, credentials, isOpenKept = false, lanes, clock, logger, signal } = options;
  const [name] = Object.values(owner);
  let seen: CredentialState | undefined;
  while (!signal.aborted) {
    const now = credentials.state();
    if (now.fault !== undefined && now.fault !== seen?.fault) {
      logger.error({ ...owner, reason: now.fault }, `Credentials of ${name} cannot be used`);
    } else if (now.fault === undefined && now.warning !== undefined && now.warning !== seen?.warning) {
      logger.warn({ ...owner, reason: now.warning }, `New credentials of ${name} are not in use`);
    }
    if (seen !== undefined && now.revision !== seen.revision) {
      const ends = now.expirations.map(({ credential, expiresAtUs }) => [credential, isoTime(expiresAtUs)]);
      logger.info(
        { ...owner, ...(ends.length > 0 && { expiresAt: Object.fromEntries(ends) }) },
        `Credentials of ${name} were replaced${isOpenKept ? ": they are used at the next connection" : ""}`,
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
