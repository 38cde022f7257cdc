import type { ClientHttp2Stream } from "node:http2";
import { type DescMessage, type DescMethodUnary, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { compressedFlag, createMethodUrl, type UniversalClientResponse } from "@connectrpc/connect/protocol";
import { parseContentType, requestHeaderWithCompression } from "@connectrpc/connect/protocol-grpc";
import { compressionGzip, createNodeHttpClient } from "@connectrpc/connect-node";
import { parseStatus, type ReceivedStatus } from "./received-status.ts";
import type { Sessions } from "./sessions.ts";
import { UnsentError } from "./unsent.ts";

/** Answers are a few bytes; a larger one is not OTLP. Source: OTLP specification, response size limit. */
const answerBytesMax = 4_194_304;

/** Flags, and the length of the message. Source: gRPC over HTTP/2, "Length-Prefixed-Message". */
const prefixBytes = 5;

/** What the receiver itself said. */
export interface Answer {
  status: ReceivedStatus;
  /** The message with its prefix; undefined when it is larger than any answer should be. */
  body: Buffer | undefined;
}

export interface CallOptions {
  headers: Readonly<Record<string, string>>;
  /** Abort it when the call is over: an answer that was not read to its end is cut then. */
  signal: AbortSignal;
}

/**
 * Calls methods with requests that are encoded already. The answer is read to its end before any of it is
 * understood, because the status comes last: a client that gives up at what it cannot read never learns it.
 *
 * Errors: ConnectError when no status of the receiver's own came back; UnsentError when it cannot have taken the
 *         request up. One that it turned away unread was tried on another connection before, once.
 */
export function createCaller(options: {
  url: string;
  /** Told to the receiver; `CallOptions.signal` enforces it. */
  timeoutMs: number;
  compression: "gzip" | "none";
  sessions: Sessions;
}) {
  const { url, timeoutMs, sessions } = options;
  const compression = options.compression === "gzip" ? compressionGzip : null;

  async function* framed(request: Uint8Array): AsyncGenerator<Uint8Array> {
    const message = compression === null ? request : await compression.compress(request);
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt8(compression === null ? 0 : compressedFlag);
    prefix.writeUInt32BE(message.length, 1);
    yield prefix;
    yield message;
  }

  /** Resolves with the beginning of an answer. Errors: as `call`'s. */
  async function post(
    method: DescMethodUnary,
    request: Uint8Array,
    { headers, signal }: CallOptions,
  ): Promise<UniversalClientResponse> {
    const opened: { stream?: ClientHttp2Stream } = {};
    const provider: Sessions = {
      ...sessions,
      request: async (...parameters) => {
        opened.stream = await sessions.request(...parameters);
        return opened.stream;
      },
    };
    const http = createNodeHttpClient({ httpVersion: "2", sessionProvider: () => provider });
    try {
      return await http({
        url: createMethodUrl(url, method),
        method: "POST",
        header: requestHeaderWithCompression(true, timeoutMs, headers, [compressionGzip], compression),
        body: framed(request),
        signal,
      });
    } catch (error) {
      const { stream } = opened;
      if (stream === undefined) throw new UnsentError(error);
      throw sessions.isTurnedAway(stream) ? new UnsentError(error, { isTurnedAway: true }) : error;
    }
  }

  return async function call(
    method: DescMethodUnary,
    request: Uint8Array,
    options: CallOptions,
  ): Promise<Answer> {
    const response = await post(method, request, options).catch((error: unknown) => {
      const isWorthwhile = error instanceof UnsentError && error.isTurnedAway && !options.signal.aborted;
      if (!isWorthwhile) throw error;
      return post(method, request, options);
    });
    const { header, trailer } = response;
    const early = parseStatus(header);
    if (early === undefined) checkIsGrpc(response);
    const body = await readToEnd(response.body);
    const status = parseStatus(trailer) ?? early;
    if (status === undefined) throw new ConnectError("missing status", Code.Internal);
    return { status, body };
  };
}

function checkIsGrpc({ status, header }: { status: number; header: Headers }): void {
  if (status !== 200) throw new ConnectError(`HTTP ${status}`, Code.Unknown, header);
  const contentType = header.get("content-type");
  if (parseContentType(contentType) === undefined) {
    throw new ConnectError(`unsupported content type ${contentType}`, Code.Unknown, header);
  }
}

async function readToEnd(body: AsyncIterable<Uint8Array>): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes <= answerBytesMax) chunks.push(chunk);
  }
  return bytes <= answerBytesMax ? Buffer.concat(chunks) : undefined;
}

/**
 * The one message of an answer.
 *
 * Errors: any when there is none, or when it cannot be read.
 */
export async function readMessage<Desc extends DescMessage>(
  schema: Desc,
  { body }: Answer,
): Promise<MessageShape<Desc>> {
  if (body === undefined) throw new Error(`Cannot read an answer: larger than ${answerBytesMax} bytes`);
  const bytes = body.readUInt32BE(1);
  const message = body.subarray(prefixBytes);
  if (message.length !== bytes) {
    throw new Error(`Cannot read an answer: met ${message.length} bytes, wanted ${bytes}`);
  }
  const isCompressed = (body.readUInt8() & compressedFlag) !== 0;
  return fromBinary(
    schema,
    isCompressed ? await compressionGzip.decompress(message, answerBytesMax) : message,
  );
}
