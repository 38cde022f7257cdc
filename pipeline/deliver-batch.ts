import { toError } from "./errors.ts";
import type { Encoder, Encoding, Restatement } from "./otlp/encoder.ts";
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

/** What becomes dead letters in one transaction, so that nobody waits long for it. */
const overdueRowsMax = 500;
const overdueBytesMax = 4_194_304;

/** A message that can never be sent, alone in its batch. */
export interface Hopeless {
  kind: "hopeless";
  message: StoredMessage;
  /** Undefined: the payload could not be read, or its items could not be encoded. */
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
  /** Arrival of the oldest message that may become overdue. */
  oldestArrivedAtUs: number;
}

/** Nothing but messages that are older than their lane waits, and expired ones. */
export interface Overdue {
  kind: "overdue";
}

/** No messages, but series of which nothing new came: see `Encoder.restate`. */
export interface Restated {
  kind: "restated";
  restatement: Restatement;
}

/** A range of messages, read and encoded. Of a restatement the range is empty. */
export interface Prepared {
  batch: Batch;
  expired: number;
  content: Sendable | Hopeless | Overdue | Restated;
}

export interface PrepareOptions {
  lane: Pick<Lane, "read">;
  encoder: Encoder;
  parse: (message: StoredMessage) => Parsed;
  /** The range to take messages from: `afterId` excluded, `lastId` included. */
  afterId: number;
  lastId: number;
  sealedAtUs: number;
  /** What arrived until then is overdue; undefined: nothing ever is. */
  overdueUntilUs: number | undefined;
  limits: { messagesMax: number; payloadBytesMax: number };
  signal?: AbortSignal | undefined;
}

/** The code failed on a batch: its encoding is worth nothing now, but the first messages of it may do. */
interface Broken {
  messagesMax: number;
}

/**
 * Read and encode the next batch: as many messages as fit one request and the limits. Nothing is recorded.
 * Undefined when no message waits in the range, or when `signal` was aborted.
 */
export async function prepareBatch(options: PrepareOptions): Promise<Prepared | undefined> {
  for (let { limits } = options; ; ) {
    const found = await readBatch({ ...options, limits });
    if (found === undefined || "batch" in found) return found;
    limits = { ...limits, messagesMax: found.messagesMax };
  }
}

async function readBatch(options: PrepareOptions): Promise<Prepared | Broken | undefined> {
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
    // A shorter one than was asked for is not the last: large messages come in smaller slices.
    if (slice.length === 0 || afterId === lastId) return builder.finish();
    rowsMax = Math.min(2 * rowsMax, sliceRowsMax, options.limits.messagesMax);
    await nextTurn();
  }
}

/** Lets requests be answered between two slices, however fast the store answers. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function createBuilder({ encoder, parse, sealedAtUs, overdueUntilUs, limits }: PrepareOptions) {
  const encoding = encoder.begin();
  let range: Batch | undefined;
  let rows = 0;
  let expired = 0;
  let messages = 0;
  let payloadBytes = 0;
  let first: Sendable["first"];
  let hopeless: Hopeless | undefined;
  let broken: Broken | undefined;
  let oldestArrivedAtUs = Number.POSITIVE_INFINITY;
  const overdue = { messages: 0, bytes: 0 };

  function include({ id }: StoredMessage) {
    range = { firstId: range?.firstId ?? id, lastId: id, sealedAtUs };
    rows += 1;
  }

  /** A message that cannot be sent waits until it is the only live one of a batch. */
  function giveUp(message: StoredMessage, fault: Omit<Hopeless, "kind" | "message">): false {
    if (first === undefined) {
      include(message);
      hopeless = { kind: "hopeless", message, ...fault };
    }
    return false;
  }

  /** Overdue messages make batches of their own. */
  function takeOverdue(message: StoredMessage): boolean {
    if (first !== undefined || overdue.messages === overdueRowsMax) return false;
    if (overdue.bytes >= overdueBytesMax) return false;
    include(message);
    overdue.messages += 1;
    overdue.bytes += message.payload.byteLength;
    return true;
  }

  function consider(message: StoredMessage): boolean {
    if (rows === batchRowsMax) return false;
    if (message.expiresAtUs !== undefined && message.expiresAtUs <= sealedAtUs) {
      include(message);
      expired += 1;
      return true;
    }
    if (isOverdue(message, overdueUntilUs)) return takeOverdue(message);
    if (overdue.messages > 0) return false;
    const bytes = message.payload.byteLength;
    const isOverLimit = messages >= limits.messagesMax || payloadBytes + bytes > limits.payloadBytesMax;
    if (first !== undefined && isOverLimit) return false;
    const parsed = parse(message);
    if (parsed.kind === "refused") {
      const { path, message: detail } = parsed.refusal;
      return giveUp(message, { items: undefined, reason: "invalidPayload", path, detail });
    }
    const { items } = parsed;
    if (!encoding.add(message, items)) {
      const detail = "Cannot send the message: its items alone are larger than requestBytesMax";
      return giveUp(message, { items, reason: "tooLarge", path: "", detail });
    }
    include(message);
    messages += 1;
    payloadBytes += bytes;
    first ??= { message, items };
    if (!message.isReplay) oldestArrivedAtUs = Math.min(oldestArrivedAtUs, message.arrivedAtUs);
    return true;
  }

  function complete(batch: Batch): Prepared {
    const { request, items } = encoding.finish();
    const counts = { messages, items, payloadBytes, oldestArrivedAtUs };
    return { batch, expired, content: { kind: "sendable", encoding, request, first, ...counts } };
  }

  return {
    /** False: the batch is complete. */
    take(message: StoredMessage): boolean {
      try {
        return consider(message);
      } catch (error) {
        broken = { messagesMax: messages };
        return giveUp(message, faultOf(error));
      }
    },
    finish(): Prepared | Broken | undefined {
      if (range === undefined) return undefined;
      if (overdue.messages > 0) return { batch: range, expired, content: { kind: "overdue" } };
      if (hopeless) return { batch: range, expired, content: hopeless };
      if (broken) return broken;
      try {
        return complete(range);
      } catch (error) {
        if (messages > 1) return { messagesMax: Math.floor(messages / 2) };
        if (first === undefined) throw error;
        const content = { kind: "hopeless", message: first.message, ...faultOf(error) } as const;
        return { batch: range, expired, content };
      }
    },
  };
}

/** Whether a message has waited too long. */
function isOverdue({ arrivedAtUs, isReplay }: StoredMessage, overdueUntilUs: number | undefined): boolean {
  return overdueUntilUs !== undefined && !isReplay && arrivedAtUs <= overdueUntilUs;
}

/** That the code fails on a message is a reason like any other to give it up: the lane must go on. */
function faultOf(thrown: unknown) {
  const { name, message } = toError(thrown);
  const detail = `Cannot read or encode the message: the gateway failed with ${name} (${message})`;
  return { items: undefined, reason: "invalidPayload", path: "", detail } as const;
}
