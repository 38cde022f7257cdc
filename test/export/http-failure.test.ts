import type { Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ExportOutcome } from "../../pipeline/export/exporter.ts";
import type { HttpExporterOptions } from "../../pipeline/export/http.ts";
import { createSelfSigned } from "../support/certificates.ts";
import { httpExporter } from "./exporting.ts";
import { accept, type OnRequest, startHttp, startHttps, startTcp } from "./http-server.ts";
import { startHttp2 } from "./raw-server.ts";

function exporterFor(origin: string, options: Partial<HttpExporterOptions> = {}) {
  const exporter = httpExporter(origin, options);
  onTestFinished(exporter.close);
  return exporter;
}

function exportTo(origin: string, options: Partial<HttpExporterOptions> = {}): Promise<ExportOutcome> {
  return exporterFor(origin, options).export("metrics", new Uint8Array(100), {});
}

async function until<Server extends { close(): Promise<void> }>(starting: Promise<Server>): Promise<Server> {
  const server = await starting;
  onTestFinished(server.close);
  return server;
}

/** A server that does that to each connection once something came over it. */
async function peer(onData: (socket: Socket, data: Buffer) => void): Promise<string> {
  const { port } = await until(
    startTcp((socket) => socket.once("data", (data: Buffer) => onData(socket, data))),
  );
  return `http://127.0.0.1:${port}`;
}

async function receiver(onRequest: OnRequest): Promise<string> {
  const { port } = await until(startHttp(onRequest));
  return `http://127.0.0.1:${port}`;
}

/** What every failure without a complete answer has in common, and a word of its reason. */
function unanswered(reason: RegExp) {
  return { kind: "retryable", answered: false, reason: expect.stringMatching(reason) };
}

/** The same, and the receiver cannot have taken the request up. */
function unsent(reason: RegExp) {
  return { ...unanswered(reason), isUnsent: true };
}

describe("export() without a connection", () => {
  it("is retryable when the connection is refused, and was not sent", async () => {
    const server = await startTcp(() => {});
    await server.close();
    expect(await exportTo(`http://127.0.0.1:${server.port}`)).toEqual(unsent(/refused/));
  });

  it("is retryable when the host is unknown, and was not sent", async () => {
    // Names below .invalid never resolve. Source: RFC 6761, 6.4.
    expect(await exportTo("http://collector.invalid:4318")).toEqual(
      unsent(/host name (is unknown|could not be resolved)/),
    );
  });

  it("is retryable when a connection does not come about in time", async () => {
    const { port } = await until(startTcp(() => {}));
    // A peer that accepts and never shakes hands.
    const outcome = await exportTo(`https://127.0.0.1:${port}`, { timeoutMs: 300, tls: () => ({}) });
    expect(outcome).toEqual(unanswered(/within 300 ms.*host, port and firewalls/));
  });

  it("is retryable when the port is one that fetch never uses", async () => {
    // Source: Fetch, "bad port".
    expect(await exportTo("http://127.0.0.1:6000")).toEqual(unanswered(/HTTP clients keep away from/));
  });

  it("is retryable when the certificates cannot be read, was not sent, and goes on once they can", async () => {
    const own = createSelfSigned();
    const { port } = await until(startHttps(own));
    let isMounted = false;
    const exporter = exporterFor(`https://127.0.0.1:${port}`, {
      tls: () => {
        if (!isMounted) throw Object.assign(new Error("no such file: /mnt/ca"), { code: "ENOENT" });
        return { ca: [own.cert] };
      },
    });
    const outcome = await exporter.export("logs", new Uint8Array(), {});
    expect(outcome).toEqual(unsent(/certificate or key of this destination is missing/));
    isMounted = true;
    expect(await exporter.export("logs", new Uint8Array(), {})).toEqual({ kind: "accepted" });
  });
});

describe("export() to what is no OTLP/HTTP receiver", () => {
  it("is retryable at a gRPC port", async () => {
    const { port } = await until(startHttp2(() => {}));
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/HTTP\/1\.1.*4318.*4317/));
  });

  it("is retryable at a port that speaks something else", async () => {
    const origin = await peer((socket) => socket.end("SSH-2.0-server\r\n"));
    expect(await exportTo(origin)).toEqual(unanswered(/does not speak HTTP\/1\.1/));
  });

  it("is retryable at a port that wants TLS", async () => {
    const { port } = await until(startHttps(createSelfSigned()));
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/scheme of the URL|https:/));
  });

  it("is retryable at a port that answers plain text with a TLS alert", async () => {
    // unexpected_message, as OpenSSL based receivers say it. Source: RFC 8446, 6.2.
    const origin = await peer((socket) => socket.end(Buffer.of(0x15, 3, 1, 0, 2, 2, 10)));
    expect(await exportTo(origin)).toEqual(unanswered(/whether the receiver wants https/));
  });

  it("is retryable with TLS on a plaintext port", async () => {
    const { port } = await until(startHttp());
    const outcome = await exportTo(`https://127.0.0.1:${port}`, { tls: () => ({}) });
    expect(outcome).toEqual(unsent(/does not speak TLS/));
  });
});

describe("export() that is not answered to the end", () => {
  it("is retryable when the connection is reset before the answer", async () => {
    const origin = await peer((socket) => socket.resetAndDestroy());
    expect(await exportTo(origin)).toEqual(unanswered(/reset before an answer/));
  });

  it("is retryable when the connection is closed before the answer", async () => {
    const origin = await peer((socket) => socket.end());
    expect(await exportTo(origin)).toEqual(unanswered(/closed the connection before its answer/));
  });

  it.each([
    ["status line", "HTTP/1.1 200 O"],
    ["headers", "HTTP/1.1 200 OK\r\ncontent-type: application/x-proto"],
    ["body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n\n\u0000"],
    ["chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\n\u0000"],
    ["refusal", "HTTP/1.1 400 Bad Request\r\ncontent-length: 10\r\n\r\nno"],
  ])("is retryable when the %s is cut in half", async (_name, half) => {
    const origin = await peer((socket) => socket.end(half));
    expect(await exportTo(origin)).toEqual(
      unanswered(/closed the connection before its answer was complete/),
    );
  });

  it("is retryable when the connection is reset within the body", async () => {
    const origin = await receiver((_request, _body, response) => {
      response.writeHead(200, { "content-length": 10 });
      response.write("half", () => response.socket?.resetAndDestroy());
    });
    expect(await exportTo(origin)).toEqual(unanswered(/connection/));
  });

  it("is retryable when no answer comes in time", async () => {
    const origin = await receiver(() => {});
    const outcome = await exportTo(origin, { timeoutMs: 200 });
    expect(outcome).toEqual(unanswered(/No complete answer came within 200 ms.*load/));
  });

  it("is retryable when the answer trickles", async () => {
    const origin = await receiver((_request, _body, response) => {
      response.writeHead(200, { "content-type": "application/x-protobuf" });
      const trickle = setInterval(() => response.write("\n"), 20);
      response.once("close", () => clearInterval(trickle));
    });
    expect(await exportTo(origin, { timeoutMs: 300 })).toEqual(unanswered(/within 300 ms/));
  });

  it("is retryable when the receiver does not read the request", async () => {
    const { port } = await until(startTcp((socket) => socket.pause()));
    const exporter = exporterFor(`http://127.0.0.1:${port}`, { timeoutMs: 300 });
    const outcome = await exporter.export("metrics", new Uint8Array(20_000_000), {});
    expect(outcome).toEqual(unanswered(/within 300 ms/));
  });

  it("uses another connection afterwards", async () => {
    const ports: (number | undefined)[] = [];
    const origin = await receiver((request, body, response) => {
      ports.push(request.socket.remotePort);
      if (ports.length > 1) accept(request, body, response);
    });
    const exporter = exporterFor(origin, { timeoutMs: 1500 });
    await exporter.export("metrics", new Uint8Array(), {});
    expect(await exporter.export("metrics", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    expect(ports).toHaveLength(2);
    expect(ports[1]).not.toBe(ports[0]);
  });

  it("connects again when the receiver has closed the connection in between", async () => {
    const { port, idle, connections } = await until(
      startHttp((request, body, response) => {
        response.once("finish", () => request.socket.end());
        accept(request, body, response);
      }),
    );
    const exporter = exporterFor(`http://127.0.0.1:${port}`);
    expect(await exporter.export("metrics", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    await idle();
    expect(await exporter.export("metrics", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    expect(connections()).toBe(2);
  });

  it("hides credentials in what went wrong", async () => {
    const exporter = exporterFor("http://127.0.0.1:1", {
      headers: { authorization: { current: () => ["Bearer s3cr3t"] } },
      fetch: async () => {
        throw new TypeError("fetch failed", { cause: new Error("invalid header value: s3cr3t") });
      },
    });
    const outcome = await exporter.export("metrics", new Uint8Array(), {});
    expect(outcome).toEqual(unanswered(/ended without an answer \(invalid header value: \[redacted\]\)/));
  });
});

describe("export() with an answer of any size", () => {
  it("is accepted with a warning when an answer does not end", async () => {
    const cut = Promise.withResolvers<void>();
    const origin = await receiver((_request, _body, response) => {
      response.writeHead(200, { "content-type": "application/x-protobuf" });
      response.once("close", cut.resolve);
      const part = Buffer.alloc(65_536);
      const pour = () => {
        while (response.write(part));
      };
      response.on("drain", pour);
      pour();
    });
    const outcome = await exportTo(origin);
    expect(outcome).toEqual({ kind: "accepted", warning: expect.stringContaining("cannot be read") });
    await cut.promise;
  });

  it("understands an early refusal of a request that is too large", async () => {
    const { port } = await until(
      startTcp((socket) => {
        socket.once("data", () =>
          socket.end("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
        );
        socket.resume();
      }),
    );
    const exporter = exporterFor(`http://127.0.0.1:${port}`);
    const outcome = await exporter.export("metrics", new Uint8Array(4_000_000), {});
    expect(outcome).toMatchObject({ kind: "refused", tooLarge: true });
  });

  it("understands an interim answer before the last one", async () => {
    const origin = await peer((socket) =>
      socket.end("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    );
    expect(await exportTo(origin)).toEqual({ kind: "accepted" });
  });
});
