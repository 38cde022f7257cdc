import { describe, expect, it } from "vitest";
import type { UserProperty } from "../../pipeline/message.ts";
import type { Element, Envelope } from "../../pipeline/source/adapter.ts";
import { withTraceHeaders } from "../../pipeline/source/trace-headers.ts";

const traceparent = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;
const b3 = `${"ab".repeat(16)}-${"cd".repeat(8)}-1`;

function element(...userProperties: UserProperty[]): Element {
  return {
    kind: "message",
    mayBeDamaged: true,
    message: { topic: "t", payload: new Uint8Array([1]), userProperties },
  };
}

function single(...userProperties: UserProperty[]): Envelope {
  return { isArray: false, elements: [element(...userProperties)] };
}

function add(envelope: Envelope, headers: Record<string, string>, baggage: string[] = []): Envelope {
  return withTraceHeaders(envelope, new Headers(headers), { baggage });
}

describe("withTraceHeaders()", () => {
  it("puts the request's trace behind the message's own properties", () => {
    expect(add(single(["site", "a"]), { Traceparent: traceparent })).toEqual(
      single(["site", "a"], ["traceparent", traceparent]),
    );
  });

  it("takes over every form that is there, so that the first valid one counts", () => {
    const headers = {
      "X-B3-Sampled": "1",
      "X-B3-TraceId": "ab".repeat(16),
      "X-B3-SpanId": "cd".repeat(8),
      "X-B3-Flags": "0",
      b3,
      traceparent: "broken",
      tracestate: "vendor=1",
      "x-request-id": "7",
    };
    expect(add(single(), headers)).toEqual(
      single(
        ["traceparent", "broken"],
        ["b3", b3],
        ["x-b3-traceid", "ab".repeat(16)],
        ["x-b3-spanid", "cd".repeat(8)],
        ["x-b3-sampled", "1"],
        ["x-b3-flags", "0"],
      ),
    );
  });

  it.each([
    ["traceparent", traceparent],
    ["traceparent", "broken"],
    ["b3", b3],
    ["X-B3-TraceId", "ab".repeat(16)],
  ])("leaves a message alone that has a trace itself: %s %s", (name, value) => {
    const envelope = single([name, value]);
    expect(add(envelope, { traceparent, b3 })).toBe(envelope);
  });

  it.each([
    ["the headers of an array", { isArray: true, elements: [element()] }],
    ["the headers of an array of several", { isArray: true, elements: [element(), element()] }],
    ["the headers of several messages", { isArray: false, elements: [element(), element()] }],
    ["the headers of a lifecycle event", { isArray: false, elements: [{ kind: "ignored" }] }],
    ["the headers of nothing", { isArray: false, elements: [] }],
  ] satisfies [string, Envelope][])("passes over %s", (_, envelope) => {
    expect(add(envelope, { traceparent, baggage: "site=a" }, ["site"])).toBe(envelope);
  });

  it("leaves the envelope as it is without such headers", () => {
    const envelope = single(["site", "a"]);
    expect(add(envelope, { "x-b3-sampled": "0", "content-type": "text/plain" }, ["site"])).toBe(envelope);
  });

  it("takes baggage over only where some is allowed", () => {
    const envelope = single();
    expect(add(envelope, { baggage: "site=a" })).toBe(envelope);
    expect(add(envelope, { baggage: "site=a" }, ["site"])).toEqual(single(["baggage", "site=a"]));
  });

  it("lets the message's own baggage stand, whoever knows its trace", () => {
    expect(add(single(["baggage", "site=b"]), { baggage: "site=a", traceparent }, ["site"])).toEqual(
      single(["baggage", "site=b"], ["traceparent", traceparent]),
    );
  });
});
