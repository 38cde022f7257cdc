import { NoRoomError, type Share } from "./gate.ts";

/** A request body is larger than its limit; the rest was read and dropped. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

/** The sender went away before its body was complete. */
export class BodyCutError extends Error {
  override readonly name = "BodyCutError";
}

/** How often over its limit a body is still read to its end, so that the sender sees the answer. */
const drainFactorMax = 16;

/** A body of more takes room as it comes: to declare much costs a sender nothing. */
const atOnceBytesMax = 65_536;
const nothing = new Uint8Array();

export interface ReadBodyOptions {
  bytesMax: number;
  room: Pick<Share, "take">;
  /** Read instead of the request's body. */
  incoming?: Incoming | undefined;
}

/** A request as Node's server has it, as far as it is used here. */
export interface Incoming {
  readonly destroyed: boolean;
  readonly readableEnded: boolean;
  readonly errored: Error | null;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end" | "error" | "close", listener: () => void): unknown;
  off(event: "data", listener: (chunk: Uint8Array) => void): unknown;
}

/** In what a runtime hands over beside a request; undefined: its server is not Node's. */
export function incomingOf(environment: unknown): Incoming | undefined {
  const { incoming } = (environment ?? {}) as { incoming?: Partial<Incoming> };
  return incoming?.on && (incoming as Incoming);
}

/**
 * Read a request body of at most `bytesMax`, for each byte of which there must be room.
 *
 * Errors: BodyTooLargeError, after the rest was read without keeping it; BodyCutError; NoRoomError.
 */
export function readBody(request: Request, options: ReadBodyOptions): Promise<Uint8Array> {
  const { bytesMax, room, incoming } = options;
  const collected = new CollectedBody(bytesMax, room);
  return incoming ? readIncoming(incoming, collected) : readRequest(request, collected, options);
}

/** By its events: a Request would take twice the memory, a copy of the body among it. */
function readIncoming(incoming: Incoming, collected: CollectedBody): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // What comes after it is dropped, and takes no room.
    function fail(error: unknown) {
      incoming.off("data", take);
      reject(error);
    }
    function take(chunk: Uint8Array) {
      try {
        collected.add(chunk);
      } catch (error) {
        fail(error);
      }
    }
    function end() {
      try {
        resolve(collected.body());
      } catch (error) {
        fail(error);
      }
    }
    function close() {
      if (!incoming.readableEnded) fail(cutBy(incoming.errored));
    }
    // Nothing more would come of it.
    if (incoming.destroyed || incoming.readableEnded) return fail(cutBy(incoming.errored));
    incoming.on("data", take);
    incoming.on("end", end);
    incoming.on("error", close);
    incoming.on("close", close);
  });
}

async function readRequest(
  request: Request,
  collected: CollectedBody,
  { bytesMax, room }: ReadBodyOptions,
): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  try {
    // HTTP/1.1 holds a body to its Content-Length, so that no counting is needed here.
    if (declared !== null && Number(declared) <= Math.min(bytesMax, atOnceBytesMax)) {
      room.take(Number(declared));
      return new Uint8Array(await request.arrayBuffer());
    }
    return await readStream(request.body, collected);
  } catch (cause) {
    // Without memory for it the fault is ours: a sender must repeat the request.
    const isOurs = cause instanceof RangeError || cause instanceof NoRoomError;
    if (cause instanceof BodyTooLargeError || isOurs) throw cause;
    throw cutBy(cause);
  }
}

function cutBy(cause: unknown): BodyCutError {
  return new BodyCutError("Cannot read the body: the connection ended before it did", { cause });
}

async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  collected: CollectedBody,
): Promise<Uint8Array> {
  if (stream === null) return nothing;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return collected.body();
    collected.add(value);
  }
}

/** What has come of a body. */
class CollectedBody {
  readonly #bytesMax: number;
  readonly #room: Pick<Share, "take">;
  #kept: Uint8Array = nothing;
  #bytes = 0;

  constructor(bytesMax: number, room: Pick<Share, "take">) {
    this.#bytesMax = bytesMax;
    this.#room = room;
  }

  /** Errors: NoRoomError; BodyTooLargeError when so much has come that the rest is not worth reading. */
  add(chunk: Uint8Array): void {
    const bytes = this.#bytes + chunk.byteLength;
    if (bytes <= this.#bytesMax) {
      this.#room.take(chunk.byteLength);
      this.#kept = appended(this.#kept, this.#bytes, chunk);
    }
    this.#bytes = bytes;
    if (bytes > this.#bytesMax * drainFactorMax) this.#refuse();
  }

  /** Errors: BodyTooLargeError. */
  body(): Uint8Array {
    if (this.#bytes > this.#bytesMax) this.#refuse();
    return this.#kept.byteLength === this.#bytes ? this.#kept : this.#kept.subarray(0, this.#bytes);
  }

  #refuse(): never {
    throw new BodyTooLargeError(
      `Cannot take a body of ${this.#bytes} bytes or more: limit is ${this.#bytesMax}`,
    );
  }
}

/** The chunk behind the first `bytes` of the body. Copied, since a list of chunks of one byte takes 300 times the body. */
function appended(body: Uint8Array, bytes: number, chunk: Uint8Array): Uint8Array {
  if (bytes === 0) return chunk;
  const needed = bytes + chunk.byteLength;
  let grown = body;
  if (needed > body.byteLength) {
    grown = new Uint8Array(Math.max(needed, 2 * bytes));
    grown.set(body.subarray(0, bytes));
  }
  grown.set(chunk, bytes);
  return grown;
}
