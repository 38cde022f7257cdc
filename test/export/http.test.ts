import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import type { HttpExporterOptions } from "../../pipeline/export/http.ts";
import { httpExporter } from "./exporting.ts";
import { accept, type OnRequest, startHttp } from "./http-server.ts";

interface Received {
  method: string | undefined;
  url: string | undefined;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** A receiver that keeps what came over the wire, and what it is asked to answer. */
async function wire(onRequest: OnRequest = accept) {
  const requests: Received[] = [];
  const server = await startHttp((request, body, response) => {
    const { method, url, headers } = request;
    requests.push({ method, url, headers, body });
    onRequest(request, body, response);
  });
  onTestFinished(server.close);
  return { ...server, requests };
}

function exporterFor(port: number, options: Partial<HttpExporterOptions> = {}) {
  const exporter = httpExporter(`http://127.0.0.1:${port}`, options);
  onTestFinished(exporter.close);
  return exporter;
}

const someBytes = new Uint8Array([0x0a, 0x03, 0x98, 0x99, 0x01]);

describe("createHttpExporter()", () => {
  it("posts each signal to its own URL", async () => {
    const { port, requests } = await wire();
    const urls = {
      metrics: `http://127.0.0.1:${port}/v1/metrics`,
      logs: `http://127.0.0.1:${port}/tenant%201/logs?x=1`,
    };
    const exporter = exporterFor(port, { urls });
    expect(await exporter.export("metrics", someBytes, {})).toEqual({ kind: "accepted" });
    expect(await exporter.export("logs", someBytes, {})).toEqual({ kind: "accepted" });
    expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "POST /v1/metrics",
      "POST /tenant%201/logs?x=1",
    ]);
  });

  it("keeps its connections between requests", async () => {
    const { port, connections } = await wire();
    const exporter = exporterFor(port);
    for (let sent = 0; sent < 10; sent += 1) await exporter.export("metrics", someBytes, {});
    // The client may still be busy with the end of the first when the second begins.
    expect(connections()).toBeLessThanOrEqual(2);
  });

  it("sends the headers of OTLP/HTTP, its own name and the configured ones", async () => {
    const { port, requests } = await wire();
    const exporter = exporterFor(port, {
      userAgent: "mqtt-otlp-gateway/1.2.3",
      headers: { "X-Tenant": "plant-7", authorization: { current: () => ["Bearer new", "Bearer old"] } },
    });
    await exporter.export("logs", someBytes, {});
    expect(requests[0]?.headers).toMatchObject({
      "content-type": "application/x-protobuf",
      "content-length": "5",
      "accept-encoding": "identity",
      "user-agent": "mqtt-otlp-gateway/1.2.3",
      "x-tenant": "plant-7",
      authorization: "Bearer new",
    });
    expect(requests[0]?.headers).not.toHaveProperty("content-encoding");
  });

  it("keeps its own headers whatever is configured", async () => {
    const { port, requests } = await wire();
    const headers = { "Content-Type": "application/json", "Content-Encoding": "br", "USER-AGENT": "x" };
    await exporterFor(port, { headers, compression: "gzip" }).export("logs", someBytes, {});
    expect(requests[0]?.headers).toMatchObject({
      "content-type": "application/x-protobuf",
      "content-encoding": "gzip",
      "user-agent": "test/1",
    });
  });

  it("reads secrets again at each attempt", async () => {
    const { port, requests } = await wire();
    let token = "first";
    const exporter = exporterFor(port, { headers: { authorization: { current: () => [token] } } });
    await exporter.export("logs", someBytes, {});
    token = "second";
    await exporter.export("logs", someBytes, {});
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(["first", "second"]);
  });

  it("is misconfigured, and sends nothing, while a secret cannot be read", async () => {
    const { port, requests } = await wire();
    const exporter = exporterFor(port, { headers: { authorization: { current: () => undefined } } });
    expect(await exporter.export("logs", someBytes, {})).toEqual({
      kind: "misconfigured",
      reason: expect.stringContaining("header authorization"),
    });
    expect(requests).toEqual([]);
  });

  it.each(["none", "gzip"] as const)(
    "sends every request byte for byte with compression %s",
    async (compression) => {
      const { port, requests } = await wire();
      const exporter = exporterFor(port, { compression });
      const anyBytes = fc.uint8Array({ maxLength: 3000 });
      await fc.assert(
        fc.asyncProperty(anyBytes, fc.nat({ max: 5 }), async (bytes, offset) => {
          const request = bytes.subarray(Math.min(offset, bytes.length));
          expect(await exporter.export("metrics", request, {})).toEqual({ kind: "accepted" });
          const { body = Buffer.alloc(0), headers } = requests.at(-1) ?? {};
          expect(headers?.["content-encoding"]).toBe(compression === "gzip" ? "gzip" : undefined);
          const sent = compression === "gzip" ? gunzipSync(body) : body;
          expect(Buffer.compare(sent, request)).toBe(0);
        }),
        { numRuns: 50 },
      );
    },
  );

  it("sends a request of 4 MB as it is", async () => {
    const { port, requests } = await wire();
    const request = Uint8Array.from({ length: 4_000_000 }, (_, index) => (index * 7919) % 251);
    expect(await exporterFor(port).export("metrics", request, {})).toEqual({ kind: "accepted" });
    expect(Buffer.compare(requests[0]?.body ?? Buffer.alloc(0), request)).toBe(0);
  });

  it("follows no redirect", async () => {
    const { port, requests } = await wire((_request, _body, response) => {
      response.writeHead(307, { location: "/elsewhere" }).end();
    });
    const headers = { authorization: { current: () => ["Bearer s3cr3t"] } };
    expect(await exporterFor(port, { headers }).export("logs", someBytes, {})).toMatchObject({
      kind: "misconfigured",
    });
    expect(requests).toHaveLength(1);
  });

  it("uses another fetch when it is given one", async () => {
    const { port, requests } = await wire();
    const asked: string[] = [];
    const exporter = exporterFor(port, {
      fetch: async (url, init) => {
        asked.push(url);
        return await fetch(url, init);
      },
    });
    expect(await exporter.export("logs", someBytes, {})).toEqual({ kind: "accepted" });
    expect(asked).toEqual([`http://127.0.0.1:${port}/v1/logs`]);
    expect(requests).toHaveLength(1);
  });
});

describe("export() that is given up", () => {
  const givenUp = { kind: "retryable", reason: "The call was given up by the gateway", answered: false };

  it("sends nothing when it was given up before", async () => {
    const { port, requests } = await wire();
    const signal = AbortSignal.abort();
    expect(await exporterFor(port).export("logs", someBytes, { signal })).toEqual(givenUp);
    expect(requests).toEqual([]);
  });

  it("is retryable when it is given up while the receiver works", async () => {
    const abort = new AbortController();
    const { port, idle } = await wire(() => abort.abort());
    expect(await exporterFor(port).export("logs", someBytes, { signal: abort.signal })).toEqual(givenUp);
    await idle();
  });

  it("goes on with other requests afterwards", async () => {
    const abort = new AbortController();
    const { port } = await wire((request, body, response) => {
      if (abort.signal.aborted) accept(request, body, response);
      else abort.abort();
    });
    const exporter = exporterFor(port);
    await exporter.export("logs", someBytes, { signal: abort.signal });
    expect(await exporter.export("logs", someBytes, {})).toEqual({ kind: "accepted" });
  });
});

describe("close()", () => {
  it("closes the connections that were kept", async () => {
    const { port, server, idle } = await wire();
    // Neither side would close them soon for being idle.
    server.keepAliveTimeout = 600_000;
    const exporter = exporterFor(port);
    await exporter.export("logs", someBytes, {});
    await exporter.close();
    await idle();
  });

  it("gives up what is under way, and refuses what comes later", async () => {
    const arrived = Promise.withResolvers<void>();
    const { port, idle, requests } = await wire(() => arrived.resolve());
    const exporter = exporterFor(port);
    const underWay = exporter.export("logs", someBytes, {});
    await arrived.promise;
    await exporter.close();
    expect(await underWay).toMatchObject({ kind: "retryable", answered: false });
    await idle();
    expect(await exporter.export("logs", someBytes, {})).toMatchObject({ kind: "retryable" });
    expect(requests).toHaveLength(1);
  });

  it("gives up what is under way over another fetch", async () => {
    const arrived = Promise.withResolvers<void>();
    const { port } = await wire(() => arrived.resolve());
    const exporter = exporterFor(port, { fetch });
    const underWay = exporter.export("logs", someBytes, {});
    await arrived.promise;
    await exporter.close();
    expect(await underWay).toMatchObject({ kind: "retryable", answered: false });
  });

  it("can be called twice, and before anything was sent", async () => {
    const exporter = exporterFor(1);
    await exporter.close();
    await exporter.close();
    expect(await exporter.export("logs", someBytes, {})).toMatchObject({ kind: "retryable" });
  });
});
