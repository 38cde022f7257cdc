/** Handshakes: what some senders ask before they send, by OPTIONS, GET or POST. */
import type { Clock } from "../pipeline/clock.ts";
import type { SourceConfig } from "../pipeline/config/config.ts";
import type { Logger } from "../pipeline/logger.ts";
import type { Adapter, Handshake, HandshakeRequest } from "../pipeline/source/adapter.ts";
import { createConfirmations } from "./confirmation.ts";
import { createLogLimit } from "./log-limit.ts";

const noticeMsMin = 1_000;

/** Answers the handshakes that the adapter knows, and does what they ask for besides; undefined: it is none. */
export function createHandshakes(
  adapter: Adapter,
  { source, clock, logger }: { source: SourceConfig; clock: Clock; logger: Logger },
): (request: HandshakeRequest) => Handshake | undefined {
  const confirm = createConfirmations({
    source: source.name,
    hosts: source.confirmationHosts,
    clock,
    logger,
  });
  const limit = createLogLimit(clock, noticeMsMin);

  function tell(notice: string): void {
    limit((suppressed) =>
      logger.info({ source: source.name, notice, suppressed }, "A sender asked for a handshake"),
    );
  }

  return (request) => {
    const handshake = adapter.handshake?.answer(request);
    if (handshake?.notice !== undefined) tell(handshake.notice);
    if (handshake?.confirmAt) confirm(handshake.confirmAt);
    return handshake;
  };
}
