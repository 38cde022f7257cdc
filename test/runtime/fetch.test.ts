import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Gateway } from "../../handlers/runtime/assemble-gateway.ts";
import { createFetchHandler, type FetchHandler, type FetchOptions } from "../../handlers/runtime/fetch.ts";
import { createFetchGateway } from "../../handlers/runtime/fetch-gateway.ts";
import { openGatewayInPlace } from "../../handlers/runtime/gateway-in-place.ts";
import { problemOf } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { adminToken, environment, logText, senderToken, setUpHost } from "./hosted.ts";

vi.mock("../../handlers/runtime/gateway-in-place.ts", { spy: true });

function createHandler(options: FetchOptions): {
  handler: FetchHandler;
  logger: ReturnType<typeof createFakeLogger>;
} {
  const logger = createFakeLogger();
  const handler = createFetchHandler({ environment, logger, ...options });
  onTestFinished(() => handler.close());
  return { handler, logger };
}

/** The next gateway that is opened differs in this from a real one. */
async function openNextWith(change: (gateway: Gateway) => Partial<Gateway>) {
  const { openGatewayInPlace: open } = await vi.importActual<{
    openGatewayInPlace: typeof openGatewayInPlace;
  }>("../../handlers/runtime/gateway-in-place.ts");
  vi.mocked(openGatewayInPlace)
    .mockClear()
    .mockImplementationOnce(async (config, options) => {
      const gateway = await open(config, options);
      return { ...gateway, ...change(gateway) };
    });
}

const get = (path: string, headers = {}) => new Request(`https://gateway.example${path}`, { headers });
const post = (text: string, headers = {}) =>
  new Request("https://gateway.example/webhooks/devices", {
    method: "POST",
    headers: { authorization: senderToken, "mqtt-topic": "plant/line1", ...headers },
    body: logText(text),
  });

describe("createFetchHandler()", () => {
  it("answers once the receiver has taken the message, and nothing drives it in between", async () => {
    const { configPath, received } = await setUpHost();
    const { handler } = createHandler({ configPath });
    const response = await handler(post("first"));
    expect(response.status).toBe(200);
    expect(received()).toEqual(["first"]);
    expect((await handler(post("second"))).status).toBe(200);
    expect(received()).toEqual(["first", "second"]);
  });

  it("takes the path of GATEWAY_CONFIG", async () => {
    const { configPath } = await setUpHost();
    const { handler } = createHandler({ environment: { ...environment, GATEWAY_CONFIG: configPath } });
    expect((await handler(get("/readyz"))).status).toBe(200);
  });

  it("opens one gateway for requests that come together", async () => {
    const { configPath } = await setUpHost();
    const { handler } = createHandler({ configPath });
    await Promise.all([handler(post("a")), handler(post("b"))]);
    const status = await handler(get("/status", { authorization: adminToken }));
    expect(await status.json()).toMatchObject({ acknowledge: "delivered", received: 2 });
  });

  it("asks for authentication though the configuration listens on loopback", async () => {
    const { configPath } = await setUpHost({ sources: "[{ name: devices, adapter: raw }]" });
    const { handler, logger } = createHandler({ configPath });
    expect((await handler(post("open"))).status).toBe(503);
    expect(String(logger.lines[0]?.fields.error)).toContain("sources[0].authentication");
  });

  it("answers 503 while it cannot be opened, says why in the log alone, and tries again", async () => {
    const { configPath, write } = await setUpHost();
    const clock = createFakeClock();
    const { handler, logger } = createHandler({ configPath, clock });
    write("kind: Gatewy\n");
    const refused = await handler(post("first"));
    expect(refused.headers.get("retry-after")).toBe("5");
    expect((await problemOf(refused)).detail).toBe("Cannot answer now: the gateway could not be opened");
    expect(logger.lines).toMatchObject([{ level: "error", message: "Cannot open the gateway" }]);

    write();
    expect((await handler(post("first"))).status).toBe(503);
    clock.advance(1_000);
    expect((await handler(post("first"))).status).toBe(200);
    expect(logger.lines.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  it("answers 503 when there is no such file", async () => {
    const { folder } = await setUpHost();
    const { handler } = createHandler({ configPath: join(folder, "missing.yaml") });
    expect((await handler(get("/livez"))).status).toBe(503);
  });

  it("turns a request away that its receiver does not take in time, for the sender to repeat", async () => {
    const { configPath, sink } = await setUpHost({
      spec: "acknowledge: delivered, acknowledgeTimeoutSeconds: 0.05, store: { type: memory }",
    });
    sink.behave({ kind: "status", code: Code.Unavailable });
    const { handler } = createHandler({ configPath });
    const refused = await handler(post("late", { "mqtt-message-id": "1" }));
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    sink.behave({ kind: "accept" });
  });

  it("flush() delivers what was stored, and says how much", async () => {
    const { configPath, received } = await setUpHost({ spec: "store: { path: ./gateway.db }" });
    const { handler, logger } = createHandler({ configPath });
    expect((await handler(post("stored"))).status).toBe(200);
    expect(received()).toEqual([]);
    expect(await handler.flush({ deadlineMs: 10_000 })).toMatchObject({
      messages: 1,
      pending: 0,
      failed: false,
    });
    expect(received()).toEqual(["stored"]);
    expect(logger.lines[0]?.message).toContain("delivered only when the timer calls");
  });

  it("flush() fails when the receiver did not take what was due", async () => {
    const { configPath, sink } = await setUpHost({ spec: "store: { path: ./gateway.db }" });
    sink.behave({ kind: "status", code: Code.Unavailable });
    const { handler } = createHandler({ configPath });
    await handler(post("stored"));
    await expect(handler.flush({ deadlineMs: 10_000 })).rejects.toThrow(
      "Cannot deliver what is due: 1 messages wait",
    );
  });

  it("close() gives the store back, and the next request opens it again with what waits", async () => {
    const { configPath, sink, received } = await setUpHost({
      spec: "store: { path: ./gateway.db }, shutdownGraceSeconds: 0",
    });
    sink.behave({ kind: "status", code: Code.Unavailable });
    const { handler } = createHandler({ configPath });
    await handler(post("kept"));
    await handler.close();
    sink.behave({ kind: "accept" });
    const { handler: another } = createHandler({ configPath });
    expect((await another(get("/readyz"))).status).toBe(200);
    await another(
      new Request("https://gateway.example/timer/flush", {
        method: "POST",
        headers: { authorization: adminToken, "content-type": "application/json" },
        body: '{"force":true}',
      }),
    );
    expect(received()).toEqual(["kept"]);
    await another.close();
    expect((await handler(get("/readyz"))).status).toBe(200);
  });

  it("opens another gateway after a part of the first has failed, however it closes", async () => {
    const { configPath } = await setUpHost({ spec: "store: { path: ./gateway.db }" });
    const failed = Promise.withResolvers<never>();
    await openNextWith((gateway) => ({
      failed: failed.promise,
      async close() {
        await gateway.close();
        throw new Error("Cannot close store");
      },
    }));
    const { handler, logger } = createHandler({ configPath });
    await handler(post("stored"));
    failed.reject(new Error("Cannot use store"));
    await failed.promise.catch(() => undefined);
    expect((await handler(get("/readyz"))).status).toBe(200);
    expect(openGatewayInPlace).toHaveBeenCalledTimes(2);
    expect(logger.lines).toContainEqual({
      level: "error",
      message: "Gateway failed: the next request opens it again",
      fields: { error: new Error("Cannot use store") },
    });
  });

  it("leaves its gateway alone when one that was closed before fails", async () => {
    const { configPath } = await setUpHost({ spec: "store: { path: ./gateway.db }" });
    const failed = Promise.withResolvers<never>();
    await openNextWith(() => ({ failed: failed.promise }));
    const { handler } = createHandler({ configPath });
    await handler(get("/readyz"));
    await handler.close();
    await handler(get("/readyz"));
    failed.reject(new Error("Cannot use store"));
    await failed.promise.catch(() => undefined);
    expect((await handler(get("/readyz"))).status).toBe(200);
    expect(openGatewayInPlace).toHaveBeenCalledTimes(2);
  });

  it("close() opens nothing, and may be called twice", async () => {
    const { configPath } = await setUpHost();
    vi.mocked(openGatewayInPlace).mockClear();
    const { handler } = createHandler({ configPath });
    await handler.close();
    expect(openGatewayInPlace).not.toHaveBeenCalled();
    await handler(get("/readyz"));
    await Promise.all([handler.close(), handler.close()]);
  });

  it("says that bridges are not connected here", async () => {
    const { configPath } = await setUpHost({
      spec: 'acknowledge: delivered, store: { type: memory }, bridges: [{ name: plant, endpointRef: broker, topicFilters: ["plant/#"] }]',
    });
    const broker = `---
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: broker }
spec: { endpointType: Mqtt, mqttSettings: { host: "mqtt://127.0.0.1:1" } }
`;
    writeFileSync(configPath, readFileSync(configPath, "utf8") + broker);
    const { handler, logger } = createHandler({ configPath });
    expect((await handler(get("/readyz"))).status).toBe(200);
    expect(logger.lines).toMatchObject([
      { level: "warn", message: "Bridges need a server, and are not connected here: plant" },
    ]);
  });
});

describe("createFetchGateway()", () => {
  it("answers 503 itself before its host gives the request up", async () => {
    const { configPath, sink } = await setUpHost();
    sink.behave({ kind: "hang" });
    const gateway = createFetchGateway({ configPath, environment, logger: createFakeLogger() });
    const response = await gateway.answer(post("late"), { timeoutMs: 20 });
    expect((await problemOf(response)).detail).toBe("Cannot answer within the time that this host gives");
  });

  it("leaves no timer behind an answer", async () => {
    const { configPath } = await setUpHost();
    const clock = createFakeClock();
    const sleep = vi.spyOn(clock, "sleep");
    const gateway = createFetchGateway({ configPath, environment, logger: createFakeLogger(), clock });
    expect((await gateway.answer(get("/readyz"), { timeoutMs: 1000 })).status).toBe(200);
    expect(sleep.mock.calls).toMatchObject([[1000, { aborted: true }]]);
    await gateway.close();
  });
});
