import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { outcomeOfAnswer, outcomeOfError } from "../../pipeline/export/outcome.ts";

/** An error as connect-node gives it when the receiver sent this status. */
function received(code: number, options: { message?: string; retryInfo?: Uint8Array; status?: string } = {}) {
  const error = new ConnectError(options.message ?? "", code, { "grpc-status": options.status ?? `${code}` });
  if (options.retryInfo) error.details = [{ type: "google.rpc.RetryInfo", value: options.retryInfo }];
  return error;
}

function retryInfo(seconds: bigint, nanos = 0): Uint8Array {
  return toBinary(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds, nanos } }));
}

const retryable = [
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.Aborted,
  Code.OutOfRange,
  Code.Unavailable,
  Code.DataLoss,
];
const misconfigured = [Code.Unauthenticated, Code.PermissionDenied, Code.Unimplemented];
const refused = [
  Code.Unknown,
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.FailedPrecondition,
  Code.Internal,
];

describe("outcomeOfError() of a status that the receiver sent", () => {
  it.each(retryable)("is retryable for code %i, without a delay", (code) => {
    const outcome = outcomeOfError(received(code), "metrics");
    expect(outcome).toMatchObject({ kind: "retryable", answered: true });
    expect(outcome).not.toHaveProperty("retryDelayMs");
  });

  it.each(retryable)("takes the delay of RetryInfo for code %i", (code) => {
    const outcome = outcomeOfError(received(code, { retryInfo: retryInfo(7n, 1) }), "metrics");
    expect(outcome).toMatchObject({ kind: "retryable", answered: true, retryDelayMs: 7001 });
  });

  it.each(misconfigured)("is misconfigured for code %i, with RetryInfo too", (code) => {
    expect(outcomeOfError(received(code), "logs").kind).toBe("misconfigured");
    expect(outcomeOfError(received(code, { retryInfo: retryInfo(1n) }), "logs").kind).toBe("misconfigured");
  });

  it.each(refused)("is refused for code %i, with RetryInfo too", (code) => {
    expect(outcomeOfError(received(code), "logs")).toMatchObject({ kind: "refused", tooLarge: false });
    expect(outcomeOfError(received(code, { retryInfo: retryInfo(1n) }), "logs").kind).toBe("refused");
  });

  it("covers every code that gRPC defines", () => {
    const numbers = Object.values(Code).filter((code) => typeof code === "number");
    expect([...retryable, ...misconfigured, ...refused, Code.ResourceExhausted].sort()).toEqual(
      numbers.sort(),
    );
  });

  it("is refused as too large when RESOURCE_EXHAUSTED comes without RetryInfo", () => {
    expect(outcomeOfError(received(Code.ResourceExhausted), "logs")).toMatchObject({
      kind: "refused",
      tooLarge: true,
    });
  });

  it("is retryable when RESOURCE_EXHAUSTED comes with RetryInfo, also one without a delay", () => {
    const delayed = received(Code.ResourceExhausted, { retryInfo: retryInfo(2n, 500_000_000) });
    expect(outcomeOfError(delayed, "logs")).toMatchObject({
      kind: "retryable",
      answered: true,
      retryDelayMs: 2500,
    });
    const bare = received(Code.ResourceExhausted, { retryInfo: new Uint8Array() });
    expect(outcomeOfError(bare, "logs")).toMatchObject({ kind: "retryable", answered: true });
  });

  it("waits for 300 s at most and never a negative time", () => {
    const of = (seconds: bigint) =>
      outcomeOfError(received(Code.Unavailable, { retryInfo: retryInfo(seconds) }), "logs");
    expect(of(300n)).toMatchObject({ retryDelayMs: 300_000 });
    expect(of(301n)).toMatchObject({ retryDelayMs: 300_000 });
    expect(of(2n ** 63n - 1n)).toMatchObject({ retryDelayMs: 300_000 });
    expect(of(-5n)).toMatchObject({ retryDelayMs: 0 });
  });

  it("ignores RetryInfo that cannot be decoded", () => {
    const broken = received(Code.ResourceExhausted, { retryInfo: Uint8Array.of(0x0a, 0xff) });
    expect(outcomeOfError(broken, "logs")).toMatchObject({ kind: "refused", tooLarge: true });
  });

  it("takes a code number that gRPC does not define for UNKNOWN", () => {
    const outcome = outcomeOfError(received(Code.Internal, { status: "99" }), "logs");
    expect(outcome).toMatchObject({ kind: "refused", reason: "The receiver answered UNKNOWN" });
  });

  it("believes grpc-status more than the HTTP status from which a library derived its code", () => {
    const error = new ConnectError("HTTP 503", Code.Unavailable, { "grpc-status": "16" });
    expect(outcomeOfError(error, "logs").kind).toBe("misconfigured");
  });

  it("names the code as gRPC does, what the receiver said, and what to do", () => {
    expect(outcomeOfError(received(Code.Unimplemented, { message: "unknown service" }), "logs")).toEqual({
      kind: "misconfigured",
      reason:
        "The receiver answered UNIMPLEMENTED (unknown service): it has no logs pipeline; add one or leave logs out of this destination's signals",
    });
    expect(outcomeOfError(received(Code.Canceled), "logs")).toMatchObject({
      reason: "The receiver answered CANCELLED",
    });
  });

  it("keeps the receiver's message to one line of 500 characters", () => {
    const { reason } = outcomeOfError(
      received(Code.Internal, { message: `a\r\n\tb\u0000${"x".repeat(900)}` }),
      "logs",
    ) as {
      reason: string;
    };
    expect(reason).toMatch(/^The receiver answered INTERNAL \(a b x+…\)$/);
    expect(reason).toHaveLength("The receiver answered INTERNAL ()".length + 500);
  });
});

describe("outcomeOfError() of anything else", () => {
  const codes = Object.values(Code).filter((code) => typeof code === "number");

  it.each(codes)("is retryable and not answered for code %i of the library's own", (code) => {
    expect(outcomeOfError(new ConnectError("x", code), "metrics")).toMatchObject({
      kind: "retryable",
      answered: false,
    });
  });

  it("is retryable for a status that is no number, and for 0", () => {
    for (const status of ["abc", "", "0"]) {
      const outcome = outcomeOfError(
        new ConnectError("x", Code.Internal, { "grpc-status": status }),
        "metrics",
      );
      expect(outcome).toMatchObject({ kind: "retryable", answered: false });
    }
  });

  it("is retryable for a value that is no error at all", () => {
    expect(outcomeOfError("boom", "metrics")).toMatchObject({ kind: "retryable", answered: false });
  });

  it("honours the Retry-After of a proxy, in seconds", () => {
    const of = (value: string) =>
      outcomeOfError(new ConnectError("HTTP 503", Code.Unavailable, { "retry-after": value }), "logs");
    expect(of("12")).toMatchObject({ retryDelayMs: 12_000 });
    expect(of("999999")).toMatchObject({ retryDelayMs: 300_000 });
    expect(of("soon")).not.toHaveProperty("retryDelayMs");
    expect(of("-1")).not.toHaveProperty("retryDelayMs");
  });

  it("finds the cause behind several errors, and survives a circle of causes", () => {
    const refusal = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    const wrapped = new ConnectError(
      "x",
      Code.Unavailable,
      undefined,
      undefined,
      new Error("y", { cause: refusal }),
    );
    expect(outcomeOfError(wrapped, "logs")).toMatchObject({ reason: expect.stringContaining("refused") });
    const circle = new Error("circle");
    circle.cause = circle;
    expect(outcomeOfError(circle, "logs")).toMatchObject({
      kind: "retryable",
      reason: expect.stringContaining("circle"),
    });
  });
});

describe("outcomeOfAnswer()", () => {
  it("accepts an answer that rejects nothing and says nothing", () => {
    expect(outcomeOfAnswer(0n, "")).toEqual({ kind: "accepted" });
  });

  it("warns when nothing is rejected but something is said", () => {
    expect(outcomeOfAnswer(0n, "slow\ndown")).toEqual({ kind: "accepted", warning: "slow down" });
  });

  it("is partial when items are rejected, with a reason in any case", () => {
    expect(outcomeOfAnswer(3n, "too old")).toEqual({ kind: "partial", rejectedItems: 3, reason: "too old" });
    expect(outcomeOfAnswer(3n, "")).toMatchObject({ kind: "partial", reason: "The receiver gave no reason" });
  });

  it("takes a negative number of rejected items for none", () => {
    expect(outcomeOfAnswer(-1n, "")).toEqual({ kind: "accepted" });
  });
});
