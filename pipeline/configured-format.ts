import type { GatewayConfig } from "./config/config.ts";
import { createGraphFormat } from "./graph/graphs.ts";
import { createPayloadFormat } from "./mapping/mappings.ts";
import type { PayloadFormat } from "./payload/format.ts";

/** How payloads are read: by the graphs that take a message, else by the first mapping that does, else as AIO JSON. */
export function createConfiguredFormat({
  graphs,
  mappings,
}: Pick<GatewayConfig, "graphs" | "mappings">): PayloadFormat {
  return createGraphFormat(graphs, createPayloadFormat(mappings));
}
