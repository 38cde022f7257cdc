import type { ConfigIssue } from "../errors.ts";
import { at, listAt } from "./at.ts";
import type { DestinationConfig, GatewayConfig } from "./config.ts";
import type { ConfigDocument } from "./documents.ts";
import { notSupportedYet } from "./messages.ts";

/**
 * Fields of a destination that can be read and that no part of the gateway heeds yet: to use one is an error, so that
 * nothing goes another way than was written. An entry leaves this table when its part is in place.
 */
const unwired: Readonly<Record<string, (destination: DestinationConfig) => boolean>> = {
  seriesIdleSeconds: ({ seriesIdleMs }) => seriesIdleMs !== 3_600_000,
  restateSeconds: ({ restateMs }) => restateMs !== 60_000,
};

export function checkUnwired(config: GatewayConfig, gateway: ConfigDocument | undefined): ConfigIssue[] {
  const references = listAt(gateway?.value, ["spec", "destinations"]).map((one) => at(one, ["endpointRef"]));
  return config.destinations.flatMap((destination) =>
    Object.entries(unwired)
      .filter(([, isUsed]) => isUsed(destination))
      .map(([field]) => {
        const path = ["spec", "destinations", references.indexOf(destination.name), field];
        const message = notSupportedYet(field);
        return gateway?.issue(path, message) ?? { path: `destination ${destination.name}`, message };
      }),
  );
}
