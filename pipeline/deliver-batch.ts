import type { Encoder, Encoding } from "./otlp/encoder.ts";
import type { Items, Parsed } from "./payload/format.ts";
import type { Batch, Lane, StoredMessage } from "./store/batch-store.ts";

/**
 * Messages read at once, so that nothing is held whole and others get their turn in between. The first slice is
 * small, and each one twice as large as the one before: a few large messages may be all that a batch takes.
 */
const sliceRowsFirst = 32;
const sliceRowsMax = 500;
/** Bounds what a crash sends again and what a refusal has to search. */
const batchRowsMax = 50_000;

/** A message that can never be sent, alone in its batch. */
export interface Hopeless {
  kind: "hopeless";
  message: StoredMessage;
  /** Undefined: the payload could not be read. */
  items: Items | undefined;
  reason: "invalidPayload" | "tooLarge";
  path: string;
  detail: string;
}

/** An encoded request, with what a refusal or a success of it needs to know. */
export interface Sendable {
  kind: "sendable";
  encoding: Encoding;
  /** Undefined: nothing to send, every message expired. */
  request: Uint8Array | undefined;
  messages: number;
  items: number;
  payloadBytes: number;
  /** The first message that is in the request. */
  first: { message: StoredMessage; items: Items } | undefined;
}

/** A range of messages, read and encoded. */
export interface Prepared {
  batch: Batch;
  expired: number;
  content: Sendable | Hopeless;
}

export interface PrepareOptions {
  lane: Lane;
  encoder: Encoder;
  parse: (message: StoredMessage) => Parsed;
  /** The range to take messages from: `afterId` excluded, `lastId` included. */
  afterId: number;
  lastId: number;
  sealedAtUs: number;
  limits: { messagesMax: number; payloadBytesMax: number };
  signal?: AbortSignal | undefined;
}

/**
 * Read and encode the next batch: as many messages as fit one request and the limits. Nothing is recorded.
 * Undefined when no message waits in the range, or when `signal` was aborted.
 */
export async function prepareBatch(options: PrepareOptions): Promise<Prepared | undefined> {
  const { lane, lastId, signal } = options;
  const builder = createBuilder(options);
  let rowsMax = Math.min(sliceRowsFirst, options.limits.messagesMax);
  for (let afterId = options.afterId; ; ) {
    const slice = await lane.read(afterId, rowsMax);
    if (signal?.aborted) return undefined;
    for (const message of slice) {
      if (message.id > lastId || !builder.take(message)) return builder.finish();
      afterId = message.id;
    }
    if (slice.length < rowsMax) return builder.finish();
    rowsMax = Math.min(2 * rowsMax, sliceRowsMax, options.limits.messagesMax);
    await nextTurn();
  }
}

/** Lets requests be answered between two slices, however fast the store answers. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function createBuilder({ encoder, parse, sealedAtUs, limits }: PrepareOptions) {
  const encoding = encoder.begin();
  let range: Batch | undefined;
  let rows = 0;
  let expired = 0;
  let payloadBytes = 0;
  let first: Sendable["first"];
  let hopeless: Hopeless | undefined;

  function include({ id }: StoredMessage) {
    range = { firstId: range?.firstId ?? id, lastId: id, sealedAtUs };
    rows += 1;
  }

  /** A message that cannot be sent waits until it is the only live one of a batch. */
  function giveUp(found: Hopeless): false {
    if (first === undefined) {
      include(found.message);
      hopeless = found;
    }
    return false;
  }

  return {
    /** False: the batch is complete. */
    take(message: StoredMessage): boolean {
      if (rows === batchRowsMax) return false;
      if (message.expiresAtUs !== undefined && message.expiresAtUs <= sealedAtUs) {
        include(message);
        expired += 1;
        return true;
      }
      const bytes = message.payload.byteLength;
      const isOverLimit =
        encoding.messages >= limits.messagesMax || payloadBytes + bytes > limits.payloadBytesMax;
      if (first !== undefined && isOverLimit) return false;
      const parsed = parse(message);
      if (parsed.kind === "refused") {
        const { path, message: detail } = parsed.refusal;
        return giveUp({
          kind: "hopeless",
          message,
          items: undefined,
          reason: "invalidPayload",
          path,
          detail,
        });
      }
      const { items } = parsed;
      if (!encoding.add(message, items)) {
        const detail = "Cannot send the message: its items alone are larger than requestBytesMax";
        return giveUp({ kind: "hopeless", message, items, reason: "tooLarge", path: "", detail });
      }
      include(message);
      payloadBytes += bytes;
      first ??= { message, items };
      return true;
    },
    finish(): Prepared | undefined {
      if (range === undefined) return undefined;
      if (hopeless) return { batch: range, expired, content: hopeless };
      const { request, items } = encoding.finish();
      const { messages } = encoding;
      return {
        batch: range,
        expired,
        content: { kind: "sendable", encoding, request, messages, items, payloadBytes, first },
      };
    },
  };
}
