import type { Origin } from "./config/config.ts";
import { createOriginAttributes } from "./origin-attributes.ts";
import { aioFormat } from "./payload/aio.ts";
import type { Items, Parsed, ParseOptions, PayloadFormat } from "./payload/format.ts";
import type { StoredMessage } from "./store/batch-store.ts";

/** Reads the items of a stored message, as its origin means them. Pure. */
export type ParseMessage = (message: StoredMessage) => Parsed;

const strict: ParseOptions = { lenient: false };

/** What is left of a message that was stored before a filter would have dropped it. */
const nothing: Parsed = { kind: "items", items: { metrics: [], logs: [] } };

/**
 * How the messages of these origins are read. One of an origin that is no longer configured is read strictly, and
 * nothing is added to it.
 *
 * Errors: Error when an attribute's template cannot be read.
 */
export function createParse(origins: readonly Origin[], format: PayloadFormat = aioFormat): ParseMessage {
  const readers = new Map(
    origins.map((origin) => {
      const { name, lenient, counterValues } = origin;
      const options: ParseOptions = { lenient };
      const addedTo = createOriginAttributes(origin);
      const complete =
        counterValues === "increment" && addedTo === undefined
          ? undefined
          : (items: Items, message: StoredMessage) => ({
              ...items,
              counterValues,
              added: addedTo?.(message),
            });
      return [name, { options, complete }];
    }),
  );
  return (message) => {
    const reader = readers.get(message.source);
    const parsed = format.parse(message, reader?.options ?? strict);
    if (parsed.kind === "filtered") return nothing;
    if (parsed.kind === "refused" || reader?.complete === undefined) return parsed;
    return { ...parsed, items: reader.complete(parsed.items, message) };
  };
}
