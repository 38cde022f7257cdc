import type { Clock } from "../pipeline/clock.ts";
import { errorCode, toError } from "../pipeline/errors.ts";
import type { Logger } from "../pipeline/logger.ts";
import { createLogLimit } from "./log-limit.ts";

const confirmMsMax = 5_000;
const underWayMax = 4;
const logMsMin = 1_000;

/**
 * Fetches the addresses at which a sender wants its request to be confirmed, of hosts that the configuration names
 * and no others, by https, and wherever they redirect to not at all. Nobody waits for it. The log has what became of
 * it, with the host alone: the rest of the address is as good as a credential.
 */
export function createConfirmations(options: {
  source: string;
  hosts: readonly string[];
  clock: Pick<Clock, "sleep" | "monotonicMs">;
  logger: Logger;
}): (address: URL) => void {
  const { source, hosts, clock, logger } = options;
  const allowed = new Set(hosts.map((host) => host.toLowerCase()));
  const limitFailures = createLogLimit(clock, logMsMin);
  const limitSuccesses = createLogLimit(clock, logMsMin);
  let underWay = 0;
  let confirmed = 0;
  let failed = 0;

  function fail(host: string, reason: string): void {
    failed += 1;
    limitFailures(() =>
      logger.warn({ source, host, reason, confirmed, failed }, "A confirmation could not be fetched"),
    );
  }

  async function confirm(address: URL): Promise<void> {
    const { hostname: host } = address;
    const cut = new AbortController();
    const answered = new AbortController();
    void clock.sleep(confirmMsMax, answered.signal).then(() => cut.abort());
    try {
      const response = await fetch(address, { redirect: "error", signal: cut.signal });
      // What it says is of no use, however long it is.
      response.body?.cancel().catch(() => undefined);
      if (!response.ok) return fail(host, `It answered ${response.status}`);
      confirmed += 1;
      limitSuccesses(() => logger.info({ source, host, confirmed, failed }, "A confirmation was fetched"));
    } catch (error) {
      fail(host, cut.signal.aborted ? `No answer within ${confirmMsMax / 1000} s` : causeOf(error));
    } finally {
      answered.abort();
    }
  }

  return (address) => {
    const { hostname: host, protocol, port } = address;
    // The adapter has judged it already. It is judged again where it is used, since a sender chose it.
    if (protocol !== "https:" || port !== "" || !allowed.has(host)) {
      return fail(host, "Its address is not one that the configuration allows");
    }
    if (underWay >= underWayMax) return fail(host, "Too many are under way");
    underWay += 1;
    void confirm(address).finally(() => {
      underWay -= 1;
    });
  };
}

/** As a code or a name: a message may hold the address. */
function causeOf(thrown: unknown): string {
  const { name, cause } = toError(thrown);
  return errorCode(cause) ?? name;
}
