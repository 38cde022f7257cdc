import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { type RetryInfo, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { parseStatus } from "../../pipeline/export/received-status.ts";

/** Details with another code than the status that they come with. */
function details(retryInfo: RetryInfo): string {
  const status = create(StatusSchema, { code: Code.Aborted, details: [anyPack(RetryInfoSchema, retryInfo)] });
  return Buffer.from(toBinary(StatusSchema, status)).toString("base64");
}

const retryInfo = create(RetryInfoSchema, { retryDelay: { seconds: 7n, nanos: 1 } });

describe("parseStatus()", () => {
  it("reads code, message and RetryInfo", () => {
    const headers = new Headers({
      "grpc-status": "14",
      "grpc-message": "50 %25 %E2%98%83",
      "grpc-status-details-bin": details(retryInfo),
    });
    expect(parseStatus(headers)).toEqual({ code: Code.Unavailable, message: "50 % ☃", retryInfo });
  });

  it("reads details without padding, as most receivers send them", () => {
    const unpadded = details(retryInfo).replaceAll("=", "");
    const headers = new Headers({ "grpc-status": "8", "grpc-status-details-bin": unpadded });
    expect(parseStatus(headers)).toMatchObject({ retryInfo });
  });

  it("believes grpc-status more than the code in the details", () => {
    const headers = new Headers({ "grpc-status": "3", "grpc-status-details-bin": details(retryInfo) });
    expect(parseStatus(headers)).toMatchObject({ code: Code.InvalidArgument });
  });

  it.each(["%%%", "AAAA/w", "Cv8=", ""])("keeps the code when the details cannot be decoded: %s", (bytes) => {
    expect(parseStatus(new Headers({ "grpc-status": "3", "grpc-status-details-bin": bytes }))).toEqual({
      code: Code.InvalidArgument,
      message: "",
      retryInfo: undefined,
    });
  });

  it("keeps the code when a detail is RetryInfo by its name only", () => {
    const detail = { typeUrl: "type.googleapis.com/google.rpc.RetryInfo", value: Uint8Array.of(0x0a, 0xff) };
    const status = toBinary(StatusSchema, create(StatusSchema, { details: [detail] }));
    const headers = new Headers({
      "grpc-status": "8",
      "grpc-status-details-bin": Buffer.from(status).toString("base64"),
    });
    expect(parseStatus(headers)).toMatchObject({ code: Code.ResourceExhausted, retryInfo: undefined });
  });

  it("keeps a message that is not percent-encoded as it is", () => {
    const headers = new Headers({ "grpc-status": "13", "grpc-message": "disk 100% full" });
    expect(parseStatus(headers)).toMatchObject({ code: Code.Internal, message: "disk 100% full" });
  });

  it("takes a code that gRPC does not define for UNKNOWN", () => {
    for (const code of ["99", "17", "-1"]) {
      expect(parseStatus(new Headers({ "grpc-status": code }))).toMatchObject({ code: Code.Unknown });
    }
  });

  it("finds success", () => {
    expect(parseStatus(new Headers({ "grpc-status": "0" }))).toMatchObject({ code: 0 });
  });

  it("finds none without a number", () => {
    expect(parseStatus(new Headers())).toBeUndefined();
    expect(parseStatus(new Headers({ "grpc-status": "abc" }))).toBeUndefined();
    expect(parseStatus(new Headers({ "grpc-status": "" }))).toBeUndefined();
  });
});
