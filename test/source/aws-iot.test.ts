import { describe, expect, it } from "vitest";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import { createAwsIotAdapter } from "../../pipeline/source/aws-iot.ts";
import { onlyMessage, payloadText, readError, webhookRequest } from "./request.ts";

const adapter = createAwsIotAdapter({});
/** What the recommended SQL selects. */
const output = {
  topic: "plant/1/press-07/metrics",
  clientId: "press-07",
  messageId: "8d3c1b7e-5f0a-4c6d-9a51-0b2f6f1c7e11",
  publishedAt: 1767225600123,
  payloadBase64: "eyJiYXIiOjQuMn0=",
  contentType: "application/json",
  userProperties: [{ tenant: "acme" }, { tenant: "b" }, { traceparent: "00-0-0-00" }],
};
const json = { "content-type": "application/json" };

describe("the aws-iot adapter", () => {
  it("reads what the recommended SQL selects", () => {
    expect(onlyMessage(adapter, webhookRequest(JSON.stringify(output), json))).toEqual({
      topic: "plant/1/press-07/metrics",
      payload: new TextEncoder().encode('{"bar":4.2}'),
      clientId: "press-07",
      messageId: "8d3c1b7e-5f0a-4c6d-9a51-0b2f6f1c7e11",
      publishedAtUs: 1767225600123000,
      contentType: "application/json",
      userProperties: [
        ["tenant", "acme"],
        ["tenant", "b"],
        ["traceparent", "00-0-0-00"],
      ],
    });
  });

  it("needs only a topic and a payload", () => {
    expect(onlyMessage(adapter, webhookRequest('{"topic":"t","payloadBase64":""}'))).toEqual({
      topic: "t",
      payload: new Uint8Array(0),
      userProperties: [],
    });
  });

  it("reads the batch of a rule, whose broken elements are kept alone", () => {
    const body = JSON.stringify([output, { ...output, topic: "a/#" }, { topic: "t", payload: 1 }]);
    const { elements, isArray } = adapter.read(webhookRequest(body, json));
    expect(isArray).toBe(true);
    expect(elements).toMatchObject([
      { message: { topic: "plant/1/press-07/metrics" } },
      { kind: "broken", path: "[1]" },
      { message: { topic: "t" } },
    ]);
  });

  it("takes a header's topic for one message, and for a batch the address's alone", () => {
    const headers = { "mqtt-topic": "a" };
    const selected = '{"payload":1}';
    expect(onlyMessage(adapter, webhookRequest(selected, headers)).topic).toBe("a");
    const batch = adapter.read(webhookRequest(`[${selected}]`, headers));
    expect(batch.elements).toMatchObject([{ kind: "broken", reason: "topic: met nothing, wanted a string" }]);
    expect(adapter.read(webhookRequest(`[${selected}]`, headers, "topic=b")).elements).toMatchObject([
      { message: { topic: "b" } },
    ]);
  });

  it("reads the fields that the configuration names", () => {
    const fields = { payload: "", messageId: "/id" };
    const request = webhookRequest('{"id":"m","v":1.0}', { ...json, "mqtt-topic": "plant/a" });
    const message = onlyMessage(createAwsIotAdapter({ fields }), request);
    expect(message).toMatchObject({ topic: "plant/a", messageId: "m" });
    expect(payloadText(message)).toBe('{"id":"m","v":1.0}');
  });

  it("decodes the payload where the source says base64", () => {
    const encoded = createAwsIotAdapter({ payloadEncoding: "base64" });
    expect(payloadText(onlyMessage(encoded, webhookRequest('{"topic":"t","payload":"e30="}')))).toBe("{}");
  });

  it("says of a payload without an envelope which adapter reads it", () => {
    const error = readError(
      adapter,
      webhookRequest("\u0001", { "content-type": "application/octet-stream" }),
    );
    expect(error).toBeInstanceOf(EnvelopeError);
    expect(error).toMatchObject({ message: expect.stringContaining("the adapter raw reads") });
  });

  it("reads JSON of any of its content types, and no other type", () => {
    const body = JSON.stringify(output);
    for (const type of ["application/octet-stream", "application/json; charset=utf-8"]) {
      expect(readError(adapter, webhookRequest(body, { "content-type": type }))).toBeUndefined();
    }
    expect(readError(adapter, webhookRequest(body, { "content-type": "text/plain" }))).toBeInstanceOf(
      ContentTypeError,
    );
  });
});

describe("the patience of AWS IoT Core", () => {
  it("ends after about 3 s", () => {
    expect(adapter.patienceMs).toBeLessThan(3000);
  });
});

describe("the confirmation of a destination", () => {
  const arn =
    "arn:aws:iot:eu-central-1:111122223333:ruledestination/http/0f0e0d0c-1111-2222-3333-444455556666";
  const host = "iot.eu-central-1.amazonaws.com";
  const enableUrl = `https://${host}/confirmdestination/AYAD-example-token`;
  const headers = {
    ...json,
    "x-amz-rules-engine-message-type": "DestinationConfirmation",
    "x-amz-rules-engine-destination-arn": arn,
  };
  const confirmation = (url: unknown) =>
    JSON.stringify({
      arn,
      confirmationToken: "AYAD-example-token",
      enableUrl: url,
      messageType: "DestinationConfirmation",
    });
  const confirm = (url: unknown, confirmationHosts: string[] = [host]) =>
    createAwsIotAdapter({ confirmationHosts }).handshake?.answer({
      ...webhookRequest(confirmation(url), headers, "confirmationToken=AYAD-example-token"),
      method: "POST",
    });

  it("is fetched from a host that the configuration names", () => {
    expect(confirm(enableUrl)).toEqual({ status: 200, confirmAt: new URL(enableUrl) });
    expect(confirm(enableUrl.replace(host, `${host.toUpperCase()}:443`), [host.toUpperCase()])).toEqual({
      status: 200,
      confirmAt: new URL(enableUrl),
    });
  });

  it.each<[string, string[]]>([
    ["without any host", []],
    ["at another host", ["iot.us-east-1.amazonaws.com"]],
    ["at a host that only ends like it", ["amazonaws.com"]],
    ["at a host that only begins like it", ["iot.eu-central-1.amazonaws.com.example"]],
    ["at a host with a wildcard", ["*"]],
  ])("is left to the operator when the configuration is %s", (_name, hosts) => {
    const handshake = confirm(enableUrl, hosts);
    expect(handshake).toMatchObject({ status: 200, notice: expect.stringContaining(`open ${enableUrl}`) });
    expect(handshake?.confirmAt).toBeUndefined();
  });

  it.each([
    `http://${host}/`,
    `https://${host}:8443/`,
    `https://user@${host}/`,
    `https://:secret@${host}/`,
    `ftp://${host}/`,
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//nothing",
    "",
    `https://${host}/${"x".repeat(5000)}`,
    undefined,
    7,
    [enableUrl],
  ])("is refused when its address is %s", (url) => {
    const handshake = confirm(url);
    expect(handshake).toMatchObject({ status: 400 });
    expect(handshake?.confirmAt).toBeUndefined();
  });

  it.each([
    `https://${host}.example/`,
    `https://example/${host}`,
    `https://example/#@${host}`,
    `https://${host}./`,
    "https://169.254.169.254/latest",
    "https://localhost/",
  ])("is not fetched from %s", (url) => {
    expect(confirm(url)).toMatchObject({ status: 200, notice: expect.stringContaining(new URL(url).host) });
    expect(confirm(url)?.confirmAt).toBeUndefined();
  });

  it("is no address that breaks the line of a log", () => {
    const handshake = confirm(`https://example/\n\r\u2028${"\t"}x`);
    expect(handshake?.notice).toMatch(/^[\x20-\x7e]+$/);
  });

  it.each(["", "{", "null", "[]"])("is refused when its body is '%s'", (body) => {
    const handshake = adapter.handshake?.answer({ ...webhookRequest(body, headers), method: "POST" });
    expect(handshake).toMatchObject({ status: 400 });
  });

  it("is what its header says, by POST alone", () => {
    const request = webhookRequest(confirmation(enableUrl), json);
    expect(adapter.handshake?.answer({ ...request, method: "POST" })).toBeUndefined();
    const marked = webhookRequest(confirmation(enableUrl), headers);
    expect(adapter.handshake?.answer({ ...marked, method: "GET" })).toBeUndefined();
    expect(adapter.handshake?.methods).toEqual([]);
  });
});
