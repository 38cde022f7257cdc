import { type DescMessage, fromBinary, fromJson, type MessageShape } from "@bufbuild/protobuf";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { ExportLogsServiceResponseSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceResponseSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { Signal } from "../message.ts";

/** Answers are a few bytes; a larger one is not OTLP. Source: OTLP specification, response size limit. */
const answerBytesMax = 4_194_304;

export const protobufType = "application/x-protobuf";

/** What came back: all of it, or as much as an answer may hold. */
export interface HttpAnswer {
  status: number;
  headers: Headers;
  /** Undefined when it is larger than any answer should be. */
  body: Uint8Array | undefined;
}

export interface PartialSuccess {
  rejected: bigint;
  message: string;
}

/**
 * Read an answer to its end, or to the size where it cannot be one.
 *
 * Errors: fetch's own when the connection ends before the answer does.
 */
export async function readAnswer({ status, headers, body }: Response): Promise<HttpAnswer> {
  const reader = body?.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
    bytes += part.value.length;
    if (bytes > answerBytesMax) {
      // Not waited for: how long it takes is up to the receiver.
      reader?.cancel().catch(() => {});
      return { status, headers, body: undefined };
    }
    chunks.push(part.value);
  }
  return { status, headers, body: Buffer.concat(chunks) };
}

/** The media type without its parameters, in lower case; empty when there is none. */
export function mediaType(headers: Headers): string {
  return (headers.get("content-type") ?? "").replace(/;.*$/s, "").trim().toLowerCase();
}

/**
 * What a successful answer says of the request's items; nothing at all is full success.
 *
 * Errors: any when it cannot be read.
 */
export function readPartialSuccess(answer: HttpAnswer, signal: Signal): PartialSuccess {
  if (signal === "metrics") {
    const { partialSuccess } = readMessage(ExportMetricsServiceResponseSchema, answer);
    return {
      rejected: partialSuccess?.rejectedDataPoints ?? 0n,
      message: partialSuccess?.errorMessage ?? "",
    };
  }
  const { partialSuccess } = readMessage(ExportLogsServiceResponseSchema, answer);
  return { rejected: partialSuccess?.rejectedLogRecords ?? 0n, message: partialSuccess?.errorMessage ?? "" };
}

/** The receiver's own words on why it failed; empty when there are none for a reader. */
export function readErrorMessage(answer: HttpAnswer): string {
  const type = mediaType(answer.headers);
  if (isProtobuf(type)) return messageOfStatus(answer.body);
  if (type === "text/html") return "";
  if (type === "" || type.startsWith("text/")) return bodyText(answer);
  return isJson(type) ? messageOfJson(bodyText(answer)) : "";
}

/** The body as UTF-8, whatever it is. */
export function bodyText({ body }: HttpAnswer): string {
  return new TextDecoder().decode(body);
}

function readMessage<Desc extends DescMessage>(schema: Desc, answer: HttpAnswer): MessageShape<Desc> {
  const { headers, body } = answer;
  if (body === undefined) throw new Error(`Cannot read an answer: larger than ${answerBytesMax} bytes`);
  const type = mediaType(headers);
  // An answer without anything in it is an empty message, whatever it is called.
  if (body.length === 0 || type === "" || isProtobuf(type)) return fromBinary(schema, body);
  if (isJson(type)) return fromJson(schema, JSON.parse(bodyText(answer)), { ignoreUnknownFields: true });
  throw new Error(`Cannot read an answer: its type is ${type}, wanted ${protobufType}`);
}

/** Errors are a google.rpc.Status in the encoding of the request. Source: OTLP specification, "Failures". */
function messageOfStatus(body: Uint8Array = new Uint8Array()): string {
  try {
    return fromBinary(StatusSchema, body).message;
  } catch {
    return "";
  }
}

/** The same in JSON, or whatever else a receiver or a proxy has to say in it. */
function messageOfJson(text: string): string {
  try {
    const status: unknown = JSON.parse(text);
    const isStatus = typeof status === "object" && status !== null && "message" in status;
    return isStatus && typeof status.message === "string" ? status.message : text;
  } catch {
    return text;
  }
}

function isProtobuf(type: string): boolean {
  return type === protobufType || type === "application/protobuf";
}

function isJson(type: string): boolean {
  return type === "application/json" || type.endsWith("+json");
}
