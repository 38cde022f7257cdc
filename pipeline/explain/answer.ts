import type { GatewayConfig } from "../config/config.ts";
import { adapters } from "../source/adapters.ts";
import type { Verdict } from "../store/batch-store.ts";
import type { ConfiguredOrigin } from "./origin.ts";

/** What the sender gets, and where the message is then. */
export function explainAnswer(
  origin: ConfiguredOrigin,
  verdict: Verdict,
  { acknowledge }: Pick<GatewayConfig, "acknowledge">,
): string {
  const taken = "adapter" in origin ? "the sender gets 200" : "the broker gets its PUBACK";
  switch (verdict.kind) {
    case "accepted":
      if (verdict.lanes === 0) {
        return `${taken}, and the message is sent nowhere, as no destination wants it: it is counted in accepted of /status`;
      }
      return acknowledge === "stored"
        ? `${taken} once the message is on disk, where it waits for its destinations`
        : `${taken} once every destination that wants the message has settled it`;
    case "expired":
      return `${taken}, and the message is kept nowhere: it is counted in expiredOnArrival of /status`;
    case "filtered":
      return `${taken}, and the message is kept nowhere: it is counted in filtered of /status`;
    case "deadLettered": {
      const kept = "it is kept as a dead letter: see GET /dead-letters";
      // What the payload has is the adapter's business no more.
      const isKept = !("adapter" in origin) || keepsAll(origin) || verdict.reason === "invalidPayload";
      if (isKept) return `${taken}, and the message goes nowhere: ${kept}`;
      const status = verdict.reason === "tooLarge" ? 413 : 400;
      return `the sender gets ${status} when it posts the message alone, which is stored nowhere then; among others in an array it gets 200, and ${kept}`;
    }
  }
}

function keepsAll(source: Extract<ConfiguredOrigin, { adapter: unknown }>): boolean {
  return adapters[source.adapter](source).brokenEnvelope === "keep";
}
