import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { type RetryInfo, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";

/** `grpc-status` of success. */
export const okCode = 0;

/** The status that a receiver sent at the end of a call. */
export interface ReceivedStatus {
  /** As gRPC numbers them: `okCode` or one of `Code`. */
  code: number;
  message: string;
  retryInfo?: RetryInfo | undefined;
}

/**
 * The status in headers or trailers; undefined when they hold none. It counts with its code, however little of its
 * message and its details can be read: a batch must not be sent for ever because of them. A code that gRPC does not
 * define is UNKNOWN.
 *
 * Source: gRPC over HTTP/2, "Responses"; gRPC, "Status codes and their use in gRPC".
 */
export function parseStatus(headers: Headers): ReceivedStatus | undefined {
  const code = Number.parseInt(headers.get("grpc-status") ?? "", 10);
  if (Number.isNaN(code)) return undefined;
  return {
    code: code === okCode || Code[code] !== undefined ? code : Code.Unknown,
    message: percentDecoded(headers.get("grpc-message") ?? ""),
    retryInfo: retryInfoIn(headers.get("grpc-status-details-bin") ?? ""),
  };
}

/** Some receivers send a per cent sign as it is. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function retryInfoIn(details: string): RetryInfo | undefined {
  try {
    const status = fromBinary(StatusSchema, Buffer.from(details, "base64"));
    return status.details.map((detail) => anyUnpack(detail, RetryInfoSchema)).find((found) => found);
  } catch {
    return undefined;
  }
}
