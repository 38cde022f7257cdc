import { Code } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { createLambdaHandler } from "../../handlers/runtime/lambda.ts";
import {
  isEventV1,
  type LambdaEventV1,
  type LambdaEventV2,
  requestOf,
} from "../../handlers/runtime/lambda-event.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { adminToken, environment, logText, senderToken, setUpHost } from "./hosted.ts";

/** As a function URL, and an HTTP API with payload format 2.0, send it. */
function eventV2({
  method = "POST",
  path = "/webhooks/devices",
  query = "",
  stage = "$default",
  headers = {},
  body,
  isBase64Encoded = false,
}: {
  method?: string;
  path?: string;
  query?: string;
  stage?: string;
  headers?: Record<string, string>;
  body?: string;
  isBase64Encoded?: boolean;
} = {}): LambdaEventV2 {
  const event = {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: query,
    cookies: ["session=1"],
    headers: {
      host: "abcdefg.lambda-url.eu-central-1.on.aws",
      "content-length": "1",
      "x-forwarded-proto": "https",
      authorization: senderToken,
      "mqtt-topic": "plant/line1",
      ...headers,
    },
    requestContext: {
      accountId: "anonymous",
      apiId: "abcdefg",
      domainName: "abcdefg.lambda-url.eu-central-1.on.aws",
      http: { method, path, protocol: "HTTP/1.1", sourceIp: "192.0.2.7", userAgent: "EMQX" },
      requestId: "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
      routeKey: "$default",
      stage,
      time: "05/Jan/2026:10:00:00 +0000",
      timeEpoch: 1767607200000,
    },
    isBase64Encoded,
  };
  return body === undefined ? event : { ...event, body };
}

/** As a REST API sends it. */
function eventV1(fields: Partial<LambdaEventV1> = {}): LambdaEventV1 {
  const multiValueHeaders = {
    Host: ["abcdefg.execute-api.eu-central-1.amazonaws.com"],
    Authorization: [senderToken],
    "Mqtt-Topic": ["plant/line1"],
    "Content-Type": ["application/json"],
  };
  const event = {
    resource: "/{proxy+}",
    path: "/webhooks/devices",
    httpMethod: "POST",
    headers: { Authorization: "the last of several", "Mqtt-Topic": "plant/line1" },
    multiValueHeaders,
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: { proxy: "webhooks/devices" },
    stageVariables: null,
    requestContext: {
      resourcePath: "/{proxy+}",
      httpMethod: "POST",
      path: "/prod/webhooks/devices",
      stage: "prod",
    },
    body: null,
    isBase64Encoded: false,
  };
  return { ...event, ...fields };
}

/** As a rule of EventBridge sends it; its Scheduler names another source. */
const scheduled = {
  version: "0",
  id: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
  "detail-type": "Scheduled Event" as const,
  source: "aws.events",
  account: "123456789012",
  time: "2026-01-05T10:00:00Z",
  region: "eu-central-1",
  resources: ["arn:aws:events:eu-central-1:123456789012:rule/flush"],
  detail: {},
};

const context = { getRemainingTimeInMillis: () => 30_000 };

async function setUpLambda(options: Parameters<typeof setUpHost>[0] = {}) {
  const host = await setUpHost(options);
  const logger = createFakeLogger();
  return { ...host, handler: createLambdaHandler({ configPath: host.configPath, environment, logger }) };
}

describe("createLambdaHandler()", () => {
  it("answers an event of payload format 2.0 once the receiver has taken its message", async () => {
    const { handler, received } = await setUpLambda();
    const result = await handler(eventV2({ body: logText("posted") }), context);
    expect(result).toMatchObject({
      statusCode: 200,
      headers: { "content-type": "application/json" },
      isBase64Encoded: false,
    });
    expect(JSON.parse(result.body)).toMatchObject({ accepted: 1 });
    expect(received()).toEqual(["posted"]);
  });

  it("answers an event of payload format 1.0", async () => {
    const { handler, received } = await setUpLambda();
    const result = await handler(eventV1({ body: logText("posted") }), context);
    expect(result).toMatchObject({ statusCode: 200 });
    expect(received()).toEqual(["posted"]);
  });

  it("answers errors as any other host does", async () => {
    const { handler } = await setUpLambda();
    const result = await handler(eventV2({ headers: { authorization: "Bearer wrong" } }), context);
    expect(result).toMatchObject({
      statusCode: 401,
      headers: { "content-type": "application/problem+json", "www-authenticate": "Bearer" },
    });
    expect(JSON.parse(result.body)).toMatchObject({ status: 401, title: "Unauthorized" });
    expect(await handler(eventV2({ path: "/webhooks/nobody" }), context)).toMatchObject({ statusCode: 404 });
  });

  it("answers probes and the operator", async () => {
    const { handler } = await setUpLambda();
    const ready = await handler(eventV2({ method: "GET", path: "/readyz" }), context);
    expect(ready).toMatchObject({ statusCode: 200, body: '{"status":"ready"}' });
    const open = await handler(eventV2({ method: "GET", path: "/metrics" }), context);
    expect(open).toMatchObject({ statusCode: 401 });
    const headers = { authorization: adminToken };
    const metrics = await handler(eventV2({ method: "GET", path: "/metrics", headers }), context);
    expect(metrics.body).toContain("gateway_store_bytes");
  });

  it("answers 400 to what is no request in HTTP", async () => {
    const { handler } = await setUpLambda();
    expect(await handler(eventV2({ method: "TRACE" }), context)).toMatchObject({ statusCode: 400 });
    expect(await handler(eventV2({ headers: { "bad name": "x" } }), context)).toMatchObject({
      statusCode: 400,
    });
  });

  it("answers 503 before Lambda ends the function, which would answer 502", async () => {
    const { handler, sink } = await setUpLambda();
    sink.behave({ kind: "hang" });
    const result = await handler(eventV2({ body: logText("late") }), { getRemainingTimeInMillis: () => 700 });
    expect(result).toMatchObject({ statusCode: 503, headers: { "retry-after": "5" } });
    expect(result.body).toContain("within the time that this host gives");
  });

  it("delivers what is due at a scheduled event, though a token is configured", async () => {
    const { handler, received } = await setUpLambda({ spec: "store: { path: ./gateway.db }" });
    await handler(eventV2({ body: logText("stored") }), context);
    expect(received()).toEqual([]);
    expect(await handler(scheduled, context)).toMatchObject({ batches: 1, messages: 1, pending: 0 });
    expect(received()).toEqual(["stored"]);
  });

  it("fails a scheduled event when the receiver did not take what was due", async () => {
    const { handler, sink } = await setUpLambda({ spec: "store: { path: ./gateway.db }" });
    sink.behave({ kind: "status", code: Code.Unavailable });
    await handler(eventV2({ body: logText("stored") }), context);
    const event = { ...scheduled, source: "aws.scheduler" };
    await expect(handler(event, context)).rejects.toThrow("1 messages wait");
  });

  it("ends a flush before Lambda ends the function", async () => {
    const { handler, sink } = await setUpLambda({ spec: "store: { path: ./gateway.db }" });
    sink.behave({ kind: "hang" });
    await handler(eventV2({ body: logText("stored") }), context);
    const startMs = performance.now();
    await expect(handler(scheduled, { getRemainingTimeInMillis: () => 800 })).rejects.toThrow(
      "1 messages wait",
    );
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  it("fails for events of other kinds, so that a queue keeps them", async () => {
    const { handler } = await setUpLambda();
    const queued = { Records: [{ messageId: "1", body: logText("queued"), eventSource: "aws:sqs" }] };
    await expect(handler(queued as never, context)).rejects.toThrow(
      "wanted an HTTP request or a scheduled event",
    );
  });
});

describe("handler", () => {
  it("is configured by GATEWAY_CONFIG", async () => {
    const { configPath } = await setUpHost();
    vi.stubEnv("GATEWAY_CONFIG", configPath);
    vi.stubEnv("OTEL_LOG_LEVEL", "none");
    vi.stubEnv("SENDER_TOKEN", environment.SENDER_TOKEN);
    vi.stubEnv("ADMIN_TOKEN", environment.ADMIN_TOKEN);
    vi.resetModules();
    const { handler } = await import("../../handlers/runtime/lambda.ts");
    expect(await handler(eventV2({ body: logText("posted") }), context)).toMatchObject({ statusCode: 200 });
    vi.unstubAllEnvs();
  });
});

describe("requestOf()", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const body = { body: Buffer.from(bytes).toString("base64"), isBase64Encoded: true };

  it.each([
    ["2.0", eventV2(body)],
    ["1.0", eventV1(body)],
  ])("reads binary bodies of payload format %s byte for byte", async (_, event) => {
    const request = requestOf(event);
    expect(new Uint8Array(await request.arrayBuffer())).toEqual(bytes);
    expect(request.headers.get("content-length")).toBe("256");
  });

  it("reads text as UTF-8, and a body that is not there as empty", async () => {
    expect(await requestOf(eventV2({ body: "21 °C" })).text()).toBe("21 °C");
    expect(await requestOf(eventV2()).text()).toBe("");
    expect(await requestOf(eventV1()).text()).toBe("");
  });

  it("finds headers whatever their case, and every value of those that are repeated", () => {
    const { headers } = requestOf(
      eventV1({ multiValueHeaders: { "MQTT-User-Property": ["a=1", "b=2"], "mqtt-topic": ["t"] } }),
    );
    expect(headers.get("mqtt-user-property")).toBe("a=1, b=2");
    expect(headers.get("Mqtt-Topic")).toBe("t");
  });

  it("takes the plain headers where there are no lists", () => {
    const { headers } = requestOf(
      eventV1({ multiValueHeaders: null, headers: { "Mqtt-Topic": "plain", Absent: undefined } }),
    );
    expect([...headers]).toEqual([
      ["content-length", "0"],
      ["mqtt-topic", "plain"],
    ]);
  });

  it("gives header values a character a byte", () => {
    expect(requestOf(eventV2({ headers: { "mqtt-topic": "küche/温" } })).headers.get("mqtt-topic")).toBe(
      Buffer.from("küche/温").toString("latin1"),
    );
  });

  it("takes the query of 2.0 as it is", () => {
    expect(new URL(requestOf(eventV2({ query: "topic=a%2Fb&x=1&x=2" })).url).search).toBe(
      "?topic=a%2Fb&x=1&x=2",
    );
  });

  it("puts the query of 1.0 together, each value of those that are repeated", () => {
    const lists = { topic: ["plant/line 1"], x: ["1", "2"] };
    const search = (fields: Partial<LambdaEventV1>) => new URL(requestOf(eventV1(fields)).url).search;
    expect(search({ multiValueQueryStringParameters: lists })).toBe("?topic=plant%2Fline+1&x=1&x=2");
    expect(search({ queryStringParameters: { topic: "a&b" } })).toBe("?topic=a%26b");
    expect(search({})).toBe("");
  });

  it.each([
    ["a function URL", eventV2({ path: "/status" })],
    ["an HTTP API with a stage", eventV2({ path: "/prod/status", stage: "prod" })],
    ["… behind a domain of its own", eventV2({ path: "/status", stage: "prod" })],
    ["an HTTP API with format 1.0", eventV1({ version: "1.0", path: "/prod/status" })],
    ["a REST API", eventV1({ path: "/status" })],
  ])("finds the path of %s", (_, event) => {
    expect(new URL(requestOf(event).url).pathname).toBe("/status");
  });

  it("leaves a path of a REST API alone that begins like its stage", () => {
    const event = eventV1({ path: "/webhooks/devices", requestContext: { stage: "webhooks" } });
    expect(new URL(requestOf(event).url).pathname).toBe("/webhooks/devices");
  });

  it.each(["GET", "HEAD"])("gives %s no body", (method) => {
    expect(requestOf(eventV2({ method, body: "x" })).body).toBeNull();
  });

  it("tells the two formats apart", () => {
    expect(isEventV1(eventV1())).toBe(true);
    expect(isEventV1(eventV2())).toBe(false);
  });
});
