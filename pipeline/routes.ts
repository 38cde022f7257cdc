/** Items that are for some destinations alone. */
import type { ParseMessage } from "./parse-message.ts";
import type { Items } from "./payload/format.ts";

const none: Pick<Items, "metrics" | "logs"> = { metrics: [], logs: [] };

/** What a destination gets of the items of a message. */
export function itemsFor(destination: string, items: Items): Items {
  const { routes, ...rest } = items;
  return routes === undefined ? items : { ...rest, ...(routes.get(destination) ?? none) };
}

/** Reads of each message what a destination gets of it. */
export function createRouteParse(destination: string, parse: ParseMessage): ParseMessage {
  return (message) => {
    const parsed = parse(message);
    if (parsed.kind === "refused" || parsed.items.routes === undefined) return parsed;
    return { ...parsed, items: itemsFor(destination, parsed.items) };
  };
}
