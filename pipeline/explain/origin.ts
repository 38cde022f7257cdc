import type { BridgeConfig, GatewayConfig, SourceConfig } from "../config/config.ts";
import { EnvelopeError } from "../errors.ts";
import { quote, takesTopic } from "../judge.ts";

/** A source or a bridge. */
export type ConfiguredOrigin = SourceConfig | BridgeConfig;

/**
 * The source or bridge of a name; without a name, the first one with a filter for the topic, else the first one that
 * takes any, else the first one.
 *
 * Errors: EnvelopeError when there is none.
 */
export function findOrigin(
  { sources, bridges }: Pick<GatewayConfig, "sources" | "bridges">,
  { name, topic }: { name: string | undefined; topic: string },
): ConfiguredOrigin {
  const origins: readonly ConfiguredOrigin[] = [...sources, ...bridges];
  const takers = origins.filter((origin) => takesTopic(origin, topic));
  const found =
    name === undefined
      ? (takers.find(({ topicFilters }) => topicFilters.length > 0) ?? takers[0] ?? origins[0])
      : origins.find((origin) => origin.name === name);
  if (found) return found;
  const names = origins.map((origin) => origin.name).join(", ");
  const met = name === undefined ? "none" : quote(name);
  const wanted = names === "" ? "a configured one, and there is none" : `one of ${names}`;
  const message = `Cannot find the source or bridge: met ${met}, wanted ${wanted}`;
  throw new EnvelopeError(message, { issues: [{ path: "source", message }] });
}
