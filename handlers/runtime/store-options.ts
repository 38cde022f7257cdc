import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { rememberedInputs } from "../../pipeline/remembered-inputs.ts";
import type { LaneOptions, StoreOptions } from "../../pipeline/store/batch-store.ts";

/** How the store of a configuration is opened, with every lane, destination by destination. */
export function storeOptions(config: GatewayConfig): StoreOptions {
  return {
    path: config.store.path,
    bytesMax: config.store.bytesMax,
    deadLetterBytesMax: config.deadLetters.bytesMax,
    dedupe: config.dedupe,
    reportsOwed: config.acknowledge === "delivered",
    rememberedInputs: rememberedInputs(config),
    lanes: config.destinations.flatMap(({ name, signals, startAt, sources, topicFilters }) =>
      signals.map(
        (signal): LaneOptions => ({ destination: name, signal, startAt, filter: { sources, topicFilters } }),
      ),
    ),
  };
}
