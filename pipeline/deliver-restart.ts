import type { Encoder, Restart } from "./otlp/encoder.ts";
import type { Items, Parsed } from "./payload/format.ts";
import type { Lane, StateChange, StoredMessage } from "./store/batch-store.ts";

/** Messages read at once. */
const sliceRows = 500;

export interface RestartOptions {
  lane: Lane;
  encoder: Encoder;
  parse: (message: StoredMessage) => Parsed;
  /** Ids of what will not be delivered, although an attempt without an answer may have held it; both included. */
  firstId: number;
  lastId: number;
  /** Id of the last message of that attempt. */
  attemptLastId: number;
}

/**
 * Begin the series anew that undelivered messages may have become part of. Their new sequences start behind every
 * point that the attempt may have left at the receiver, also those of the messages that came after these.
 */
export async function restartSeries(options: RestartOptions): Promise<StateChange | undefined> {
  const { lane, encoder, parse, firstId, lastId, attemptLastId } = options;
  let restart: Restart | undefined;
  for (let afterId = firstId - 1; afterId < attemptLastId; ) {
    const slice = await lane.read(afterId, sliceRows);
    for (const message of slice) {
      const items = message.id > attemptLastId ? undefined : itemsOf(message, parse);
      if (items === undefined) continue;
      if (message.id > lastId) restart?.follow(message, items);
      else if (restart === undefined) restart = encoder.restart(message, items);
      else restart.also(message, items);
    }
    afterId = slice.at(-1)?.id ?? attemptLastId;
  }
  return restart?.commit();
}

/** Undefined: it could not be read, so that no attempt held it. */
function itemsOf(message: StoredMessage, parse: RestartOptions["parse"]): Items | undefined {
  try {
    const parsed = parse(message);
    return parsed.kind === "items" ? parsed.items : undefined;
  } catch {
    return undefined;
  }
}
