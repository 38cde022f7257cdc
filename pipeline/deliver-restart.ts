import type { Encoder } from "./otlp/encoder.ts";
import type { Items, Parsed } from "./payload/format.ts";
import type { Lane, StateChange, StoredMessage } from "./store/batch-store.ts";

/** Messages read at once. */
const sliceRows = 500;

export interface RestartOptions {
  lane: Lane;
  encoder: Encoder;
  parse: (message: StoredMessage) => Parsed;
  /** Refused, although an attempt without an answer held it. */
  message: StoredMessage;
  items: Items;
  /** Id of the last message of that attempt. */
  attemptLastId: number;
}

/**
 * Begin the series anew that a refused message may have become part of. Their new sequences start behind every point
 * that the attempt may have left at the receiver, also those of the messages that came after the refused one.
 */
export async function restartSeries(options: RestartOptions): Promise<StateChange | undefined> {
  const { lane, encoder, parse, message, items, attemptLastId } = options;
  const restart = encoder.restart(message, items);
  for (let afterId = message.id; afterId < attemptLastId; ) {
    const slice = await lane.read(afterId, sliceRows);
    for (const later of slice) {
      const parsed = later.id > attemptLastId ? undefined : parse(later);
      if (parsed?.kind === "items") restart.follow(later, parsed.items);
    }
    afterId = slice.at(-1)?.id ?? attemptLastId;
  }
  return restart.commit();
}
