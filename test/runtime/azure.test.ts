import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { type AzureRequest, createAzureFunctions } from "../../handlers/runtime/azure.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { adminToken, environment, logText, senderToken, setUpHost } from "./hosted.ts";

/** What the host's `HttpRequest` has of the members that are used. */
function azureRequest({
  method = "POST",
  path = "/webhooks/devices",
  headers = {},
  body = new Uint8Array(),
}: {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer>;
} = {}) {
  const request: AzureRequest = {
    method,
    url: `https://plant.azurewebsites.net${path}`,
    headers: new Headers({ authorization: senderToken, "mqtt-topic": "plant/line1", ...headers }),
    arrayBuffer: async () => body.slice().buffer,
  };
  return request;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function setUpAzure(options: Parameters<typeof setUpHost>[0] = {}) {
  const host = await setUpHost(options);
  const logger = createFakeLogger();
  return { ...host, ...createAzureFunctions({ configPath: host.configPath, environment, logger }) };
}

describe("createAzureFunctions()", () => {
  it("http answers once the receiver has taken the message", async () => {
    const { http, received } = await setUpAzure();
    const response = await http(azureRequest({ body: bytesOf(logText("posted")) }));
    expect(response).toMatchObject({ status: 200, headers: { "content-type": "application/json" } });
    expect(JSON.parse(response.body)).toMatchObject({ accepted: 1 });
    expect(received()).toEqual(["posted"]);
  });

  it("http hands the body over byte for byte", async () => {
    const { http } = await setUpAzure();
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const response = await http(azureRequest({ body: bytes }));
    expect(JSON.parse(response.body)).toMatchObject({ deadLettered: 1 });
    const dead = await http(
      azureRequest({ method: "GET", path: "/dead-letters", headers: { authorization: adminToken } }),
    );
    expect(JSON.parse(dead.body).items[0].payloadBase64).toBe(Buffer.from(bytes).toString("base64"));
  });

  it("http takes metadata from the query", async () => {
    const { http } = await setUpAzure();
    const headers = { "mqtt-topic": "" };
    const path = "/webhooks/devices?topic=plant%2Fline2";
    expect(await http(azureRequest({ path, headers, body: bytesOf(logText("x")) }))).toMatchObject({
      status: 200,
    });
  });

  it("http answers errors, probes and the operator as any other host does", async () => {
    const { http } = await setUpAzure();
    expect(await http(azureRequest({ headers: { authorization: "" } }))).toMatchObject({
      status: 401,
      headers: { "content-type": "application/problem+json", "www-authenticate": "Bearer" },
    });
    expect(await http(azureRequest({ method: "GET", path: "/readyz" }))).toMatchObject({ status: 200 });
    expect(await http(azureRequest({ method: "GET", path: "/status" }))).toMatchObject({ status: 401 });
    expect(await http(azureRequest({ path: "/nothing" }))).toMatchObject({ status: 404 });
  });

  it("http answers 400 when the sender went away in its body, or sent no request in HTTP", async () => {
    const { http } = await setUpAzure();
    const arrayBuffer = () => Promise.reject(new Error("aborted"));
    expect(await http({ ...azureRequest(), arrayBuffer })).toMatchObject({ status: 400 });
    expect(await http(azureRequest({ method: "TRACE" }))).toMatchObject({ status: 400 });
  });

  it("timer delivers what is due, though a token is configured", async () => {
    const { http, timer, received } = await setUpAzure({ spec: "store: { path: ./gateway.db }" });
    await http(azureRequest({ body: bytesOf(logText("stored")) }));
    expect(received()).toEqual([]);
    await timer();
    expect(received()).toEqual(["stored"]);
  });

  it("timer fails when the receiver did not take what was due", async () => {
    const { http, timer, sink } = await setUpAzure({ spec: "store: { path: ./gateway.db }" });
    sink.behave({ kind: "status", code: Code.Unavailable });
    await http(azureRequest({ body: bytesOf(logText("stored")) }));
    await expect(timer()).rejects.toThrow("1 messages wait");
  });
});
