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

/**
 * Read a request body of at most `bytesMax`, for each byte of which there must be room.
 *
 * Errors: BodyTooLargeError, after the rest was read without keeping it; BodyCutError; NoRoomError.
 */
export async function readBody(
  request: Request,
  { bytesMax, room }: { bytesMax: number; room: Pick<Share, "take"> },
): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  try {
    // HTTP/1.1 holds a body to its Content-Length, so that no counting is needed here.
    if (declared !== null && Number(declared) <= Math.min(bytesMax, atOnceBytesMax)) {
      room.take(Number(declared));
      return new Uint8Array(await request.arrayBuffer());
    }
    return await readCounted(request.body, { bytesMax, room });
  } catch (cause) {
    // Without memory for it the fault is ours: a sender must repeat the request.
    const isOurs = cause instanceof RangeError || cause instanceof NoRoomError;
    if (cause instanceof BodyTooLargeError || isOurs) throw cause;
    throw new BodyCutError("Cannot read the body: the connection ended before it did", { cause });
  }
}

async function readCounted(
  stream: ReadableStream<Uint8Array> | null,
  { bytesMax, room }: { bytesMax: number; room: Pick<Share, "take"> },
): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array();
  let body: Uint8Array = new Uint8Array();
  let bytes = 0;
  const reader = stream.getReader();
  while (bytes <= bytesMax * drainFactorMax) {
    const { done, value } = await reader.read();
    if (done) break;
    if (bytes + value.byteLength <= bytesMax) {
      room.take(value.byteLength);
      body = appended(body, bytes, value);
    }
    bytes += value.byteLength;
  }
  if (bytes > bytesMax)
    throw new BodyTooLargeError(`Cannot take a body of ${bytes} bytes or more: limit is ${bytesMax}`);
  return body.subarray(0, bytes);
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
