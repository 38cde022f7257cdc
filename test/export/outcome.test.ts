import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { outcomeOfFailure, outcomeOfPartialSuccess, outcomeOfStatus } from "../../pipeline/export/outcome.ts";
import type { ReceivedStatus } from "../../pipeline/export/received-status.ts";

function received(code: number, rest: Partial<ReceivedStatus> = {}): ReceivedStatus {
  return { code, message: "", ...rest };
}

function retryInfo(seconds: bigint, nanos = 0) {
  return create(RetryInfoSchema, { retryDelay: { seconds, nanos } });
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

describe("outcomeOfStatus()", () => {
  it.each(retryable)("is retryable for code %i, without a delay", (code) => {
    const outcome = outcomeOfStatus(received(code), "metrics");
    expect(outcome).toMatchObject({ kind: "retryable", answered: true });
    expect(outcome).not.toHaveProperty("retryDelayMs");
  });

  it.each(retryable)("takes the delay of RetryInfo for code %i", (code) => {
    const outcome = outcomeOfStatus(received(code, { retryInfo: retryInfo(7n, 1) }), "metrics");
    expect(outcome).toMatchObject({ kind: "retryable", answered: true, retryDelayMs: 7001 });
  });

  it.each(misconfigured)("is misconfigured for code %i, with RetryInfo too", (code) => {
    expect(outcomeOfStatus(received(code), "logs").kind).toBe("misconfigured");
    expect(outcomeOfStatus(received(code, { retryInfo: retryInfo(1n) }), "logs").kind).toBe("misconfigured");
  });

  it.each(refused)("is refused for code %i, with RetryInfo too", (code) => {
    expect(outcomeOfStatus(received(code), "logs")).toMatchObject({
      kind: "refused",
      tooLarge: false,
    });
    expect(outcomeOfStatus(received(code, { retryInfo: retryInfo(1n) }), "logs").kind).toBe("refused");
  });

  it("covers every code that gRPC defines", () => {
    const numbers = Object.values(Code).filter((code) => typeof code === "number");
    expect([...retryable, ...misconfigured, ...refused, Code.ResourceExhausted].sort()).toEqual(
      numbers.sort(),
    );
  });

  it("is refused as too large when RESOURCE_EXHAUSTED comes without RetryInfo", () => {
    expect(outcomeOfStatus(received(Code.ResourceExhausted), "logs")).toMatchObject({
      kind: "refused",
      tooLarge: true,
    });
  });

  it("is retryable when RESOURCE_EXHAUSTED comes with RetryInfo, also one without a delay", () => {
    const delayed = received(Code.ResourceExhausted, { retryInfo: retryInfo(2n, 500_000_000) });
    expect(outcomeOfStatus(delayed, "logs")).toMatchObject({
      kind: "retryable",
      answered: true,
      retryDelayMs: 2500,
    });
    const bare = received(Code.ResourceExhausted, { retryInfo: create(RetryInfoSchema) });
    expect(outcomeOfStatus(bare, "logs")).toMatchObject({ kind: "retryable", answered: true });
  });

  it("waits for 300 s at most and never a negative time", () => {
    const of = (seconds: bigint) =>
      outcomeOfStatus(received(Code.Unavailable, { retryInfo: retryInfo(seconds) }), "logs");
    expect(of(300n)).toMatchObject({ retryDelayMs: 300_000 });
    expect(of(301n)).toMatchObject({ retryDelayMs: 300_000 });
    expect(of(2n ** 63n - 1n)).toMatchObject({ retryDelayMs: 300_000 });
    expect(of(-5n)).toMatchObject({ retryDelayMs: 0 });
  });

  it("names the code as gRPC does, what the receiver said, and what to do", () => {
    expect(outcomeOfStatus(received(Code.Unimplemented, { message: "unknown service" }), "logs")).toEqual({
      kind: "misconfigured",
      reason:
        "The receiver answered UNIMPLEMENTED (unknown service): it has no logs pipeline; add one or leave logs out of this destination's signals",
    });
    expect(outcomeOfStatus(received(Code.Canceled), "logs")).toMatchObject({
      reason: "The receiver answered CANCELLED",
    });
  });

  it("keeps the receiver's message to one line of 500 characters", () => {
    const { reason } = outcomeOfStatus(
      received(Code.Internal, { message: `a\r\n\tb\u0000${"x".repeat(900)}` }),
      "logs",
    ) as {
      reason: string;
    };
    expect(reason).toMatch(/^The receiver answered INTERNAL \(a b x+…\)$/);
    expect(reason).toHaveLength("The receiver answered INTERNAL ()".length + 500);
  });
});

describe("outcomeOfFailure()", () => {
  const codes = Object.values(Code).filter((code) => typeof code === "number");

  it.each(codes)("is retryable and not answered for code %i of the library's own", (code) => {
    expect(outcomeOfFailure(new ConnectError("x", code))).toMatchObject({
      kind: "retryable",
      answered: false,
    });
  });

  it("is retryable for a value that is no error at all", () => {
    expect(outcomeOfFailure("boom")).toMatchObject({ kind: "retryable", answered: false });
  });

  it("honours the Retry-After of a proxy, in seconds", () => {
    const of = (value: string) =>
      outcomeOfFailure(new ConnectError("HTTP 503", Code.Unavailable, { "retry-after": value }));
    expect(of("12")).toMatchObject({ retryDelayMs: 12_000 });
    expect(of("999999")).toMatchObject({ retryDelayMs: 300_000 });
    expect(of("soon")).not.toHaveProperty("retryDelayMs");
    expect(of("-1")).not.toHaveProperty("retryDelayMs");
  });

  it("honours the Retry-After of a proxy, as a date by the proxy's clock", () => {
    const of = (headers: Record<string, string>) =>
      outcomeOfFailure(new ConnectError("HTTP 503", Code.Unavailable, headers));
    const date = "Mon, 05 Jan 2026 10:00:00 GMT";
    expect(of({ date, "retry-after": "Mon, 05 Jan 2026 10:00:07 GMT" })).toMatchObject({
      retryDelayMs: 7_000,
    });
    expect(of({ date, "retry-after": "Mon, 05 Jan 2026 09:00:00 GMT" })).toMatchObject({ retryDelayMs: 0 });
    expect(of({ date, "retry-after": "no date GMT" })).not.toHaveProperty("retryDelayMs");
  });

  it("honours the Retry-After of a proxy that does not tell its own time", () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
    const error = new ConnectError("HTTP 503", Code.Unavailable, { "retry-after": inAnHour });
    expect(outcomeOfFailure(error)).toMatchObject({ retryDelayMs: 300_000 });
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
    expect(outcomeOfFailure(wrapped)).toMatchObject({ reason: expect.stringContaining("refused") });
    const circle = new Error("circle");
    circle.cause = circle;
    expect(outcomeOfFailure(circle)).toMatchObject({
      kind: "retryable",
      reason: expect.stringContaining("circle"),
    });
  });
});

describe("outcomeOfPartialSuccess()", () => {
  it("accepts an answer that rejects nothing and says nothing", () => {
    expect(outcomeOfPartialSuccess(0n, "")).toEqual({ kind: "accepted" });
  });

  it("warns when nothing is rejected but something is said", () => {
    expect(outcomeOfPartialSuccess(0n, "slow\ndown")).toEqual({ kind: "accepted", warning: "slow down" });
  });

  it("is partial when items are rejected, with a reason in any case", () => {
    expect(outcomeOfPartialSuccess(3n, "too old")).toEqual({
      kind: "partial",
      rejectedItems: 3,
      reason: "too old",
    });
    expect(outcomeOfPartialSuccess(3n, "")).toMatchObject({
      kind: "partial",
      reason: "The receiver gave no reason",
    });
  });

  it("takes a negative number of rejected items for none", () => {
    expect(outcomeOfPartialSuccess(-1n, "")).toEqual({ kind: "accepted" });
  });
});
