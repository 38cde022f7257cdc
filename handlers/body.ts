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

/**
 * Read a request body of at most `bytesMax`.
 *
 * Errors: BodyTooLargeError, after the rest was read without keeping it; BodyCutError.
 */
export async function readBody(request: Request, bytesMax: number): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  try {
    // HTTP/1.1 holds a body to its Content-Length, so that no counting is needed here.
    if (declared !== null && Number(declared) <= bytesMax) return new Uint8Array(await request.arrayBuffer());
    return await readCounted(request.body, bytesMax);
  } catch (cause) {
    if (cause instanceof BodyTooLargeError) throw cause;
    throw new BodyCutError("Cannot read the body: the connection ended before it did", { cause });
  }
}

async function readCounted(body: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = body.getReader();
  while (bytes <= bytesMax * drainFactorMax) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > bytesMax) chunks = [];
    else chunks.push(value);
  }
  if (bytes > bytesMax)
    throw new BodyTooLargeError(`Cannot take a body of ${bytes} bytes or more: limit is ${bytesMax}`);
  return joined(chunks, bytes);
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const [first] = chunks;
  if (first && chunks.length === 1) return first;
  const whole = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}
