import { constants, type ServerHttp2Stream } from "node:http2";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ExportOutcome } from "../../pipeline/export/exporter.ts";
import type { GrpcExporterOptions } from "../../pipeline/export/grpc.ts";
import { createSelfSigned } from "../support/certificates.ts";
import { startSink } from "../support/otlp-sink.ts";
import { grpcExporter } from "./exporting.ts";
import {
  answer,
  answerRaw,
  envelope,
  type RawServer,
  startHasty,
  startHttp1,
  startHttp2,
  startTcp,
} from "./raw-server.ts";

function exporterFor(url: string, options: Partial<GrpcExporterOptions> = {}) {
  const exporter = grpcExporter(url, options);
  onTestFinished(exporter.close);
  return exporter;
}

async function until(starting: Promise<RawServer>): Promise<RawServer> {
  const server = await starting;
  onTestFinished(server.close);
  return server;
}

async function exportTo(url: string, options: Partial<GrpcExporterOptions> = {}): Promise<ExportOutcome> {
  return exporterFor(url, options).export("metrics", new Uint8Array(), {});
}

/** What every failure without the receiver's own status has in common, and a word of its reason. */
function unanswered(reason: RegExp) {
  return { kind: "retryable", answered: false, reason: expect.stringMatching(reason) };
}

/** The same, and the receiver cannot have taken the request up. */
function unsent(reason: RegExp) {
  return { ...unanswered(reason), isUnsent: true };
}

const certificate = createSelfSigned();

describe("export() without a connection", () => {
  it("is retryable when the connection is refused, and was not sent", async () => {
    const server = await startTcp(() => {});
    await server.close();
    expect(await exportTo(`http://127.0.0.1:${server.port}`)).toEqual(unsent(/refused/));
  });

  it("is retryable when the host is unknown, and was not sent", async () => {
    // Names below .invalid never resolve. Source: RFC 6761, 6.4.
    expect(await exportTo("http://receiver.invalid:4317")).toEqual(unsent(/host name|No connection/));
  });

  it("is retryable when plain text meets a TLS port", async () => {
    const { port } = await until(startHttp2(() => {}, certificate));
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/check that the port speaks/));
  });

  it("is retryable when TLS meets a plain text port", async () => {
    const sink = await startSink();
    onTestFinished(sink.close);
    const outcome = await exportTo(sink.url.replace("http:", "https:"));
    expect(outcome).toEqual(unsent(/does not speak TLS|check that the port speaks/));
  });

  it("is retryable when the peer speaks HTTP/1 only", async () => {
    const { port } = await until(startHttp1());
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/check that the port speaks/));
  });

  it("is retryable when the peer accepts and closes, again and again", async () => {
    const { port } = await until(startTcp((socket) => socket.end()));
    const exporter = exporterFor(`http://127.0.0.1:${port}`);
    for (let attempt = 0; attempt < 3; attempt++) {
      const outcome = await exporter.export("metrics", new Uint8Array(), {});
      expect(outcome).toMatchObject({ kind: "retryable", answered: false });
    }
  });

  it("is retryable when the peer accepts and resets", async () => {
    const { port } = await until(startTcp((socket) => socket.resetAndDestroy()));
    expect(await exportTo(`http://127.0.0.1:${port}`)).toMatchObject({ kind: "retryable", answered: false });
  });

  it("is retryable when no TLS handshake comes in time, was not sent, and connects anew then", async () => {
    const server = await until(startTcp(() => {}));
    const exporter = exporterFor(`https://127.0.0.1:${server.port}`, { timeoutMs: 300 });
    for (let attempt = 0; attempt < 2; attempt++) {
      const outcome = await exporter.export("metrics", new Uint8Array(), {});
      expect(outcome).toEqual(unsent(/No (answer|connection) came/));
    }
    expect(server.connections()).toBe(2);
  });
});

describe("export() over TLS", () => {
  it("is retryable when the receiver's certificate is not trusted, and was not sent", async () => {
    const { port } = await until(startHttp2(() => {}, certificate));
    expect(await exportTo(`https://localhost:${port}`)).toEqual(unsent(/certificate is self-signed/));
  });

  it("is retryable when the receiver's certificate is for another host", async () => {
    const foreign = createSelfSigned({ dns: ["elsewhere.example"], ipv4: [] });
    const { port } = await until(startHttp2(() => {}, foreign));
    const outcome = await exportTo(`https://127.0.0.1:${port}`, { tls: () => ({ ca: [foreign.cert] }) });
    expect(outcome).toEqual(unsent(/another host name/));
  });

  it("delivers to a receiver whose certificate is trusted, and reads the certificates at each connect", async () => {
    const { port } = await until(
      startHttp2((stream) => answer(stream, new Uint8Array(), { "grpc-status": "0" }), certificate),
    );
    let ca: string[] = [];
    const exporter = exporterFor(`https://localhost:${port}`, { tls: () => ({ ca }) });
    const attempt = () => exporter.export("metrics", new Uint8Array(), {});
    expect(await attempt()).toMatchObject({ kind: "retryable" });
    ca = [certificate.cert];
    expect(await attempt()).toEqual({ kind: "accepted" });
  });

  it("is retryable when the certificates cannot be used, and was not sent", async () => {
    const { port } = await until(startHttp2(() => {}, certificate));
    const outcome = await exportTo(`https://localhost:${port}`, {
      tls: () => ({ cert: "no PEM", key: "no PEM" }),
    });
    expect(outcome).toMatchObject({ kind: "retryable", answered: false, isUnsent: true });
  });
});

describe("export() with an answer that is no receiver's", () => {
  it.each([302, 404, 413, 500, 502])("is retryable for HTTP %i with a page", async (status) => {
    const { port } = await until(
      startHttp2((stream) => {
        stream.respond({ ":status": status, "content-type": "text/html" });
        stream.end("<html></html>");
      }),
    );
    const outcome = await exportTo(`http://127.0.0.1:${port}`);
    expect(outcome).toEqual(unanswered(new RegExp(`HTTP ${status}`)));
  });

  it("is retryable for HTTP 200 with a page", async () => {
    const { port } = await until(
      startHttp2((stream) => {
        stream.respond({ ":status": 200, "content-type": "text/html" });
        stream.end("<html></html>");
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/no gRPC receiver/));
  });

  it("does not take the words of who answered for a connection that did not come about", async () => {
    const { port } = await until(
      startHttp2((stream) => {
        stream.respond({ ":status": 200, "content-type": "client error (Connect)" }, { endStream: true });
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/no gRPC receiver/));
  });

  it("waits as long as a proxy asks for", async () => {
    const { port } = await until(
      startHttp2((stream) => {
        stream.respond({ ":status": 503, "retry-after": "7" }, { endStream: true });
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toMatchObject({
      kind: "retryable",
      retryDelayMs: 7000,
    });
  });

  it("is retryable for an answer without a status", async () => {
    const { port } = await until(
      startHttp2((stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.end(envelope(new Uint8Array()));
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/missing status/));
  });

  it("is retryable for a page that carries a status which is no number", async () => {
    const { port } = await until(
      startHttp2((stream) => {
        stream.respond({ ":status": 200, "content-type": "text/html", "grpc-status": "none" });
        stream.end("<html></html>");
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/no gRPC receiver/));
  });

  it("is retryable for a page without an end, at once", async () => {
    const { port } = await until(
      startHttp2((stream) => {
        stream.respond({ ":status": 200, "content-type": "text/html" });
        stream.write("<html>");
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/no gRPC receiver/));
  });
});

/** An answer that consists of a status alone, in the headers. */
function statusOnly(stream: ServerHttp2Stream, status: Record<string, string>, httpStatus = 200): void {
  stream.respond(
    { ":status": httpStatus, "content-type": "application/grpc", ...status },
    { endStream: true },
  );
}

describe("export() with an answer of which only the status can be read", () => {
  const ok = { "grpc-status": "0" };
  const empty = envelope(new Uint8Array());

  it.each<[string, (stream: ServerHttp2Stream) => void]>([
    ["no message", (stream) => statusOnly(stream, ok)],
    ["a message that cannot be decoded", (stream) => answer(stream, Uint8Array.of(0x0a, 0xff), ok)],
    ["a message that is cut", (stream) => answerRaw(stream, Buffer.of(0, 0, 0, 0, 9, 1), ok)],
    [
      "a message that is not compressed as it says",
      (stream) => answerRaw(stream, Buffer.of(1, 0, 0, 0, 1, 7), ok),
    ],
    ["two messages", (stream) => answerRaw(stream, Buffer.concat([empty, empty]), ok)],
    ["a message far too large", (stream) => answer(stream, new Uint8Array(5_000_000), ok)],
  ])("takes success with %s for success", async (_what, onRequest) => {
    const { port } = await until(startHttp2(onRequest));
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual({
      kind: "accepted",
      warning: expect.stringMatching(/cannot be read/),
    });
  });

  it.each(["%%%", "AAAA/w"])("believes the code when the details cannot be decoded: %s", async (details) => {
    const trailers = { "grpc-status": "3", "grpc-status-details-bin": details };
    const { port } = await until(startHttp2((stream) => answerRaw(stream, Buffer.alloc(0), trailers)));
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual({
      kind: "refused",
      reason: "The receiver answered INVALID_ARGUMENT",
      tooLarge: false,
    });
  });

  it.each(["trailers", "headers"])(
    "believes the code when the message in the %s is malformed",
    async (place) => {
      const status = { "grpc-status": "13", "grpc-message": "disk 100% full" };
      const { port } = await until(
        startHttp2((stream) =>
          place === "headers" ? statusOnly(stream, status) : answerRaw(stream, Buffer.alloc(0), status),
        ),
      );
      expect(await exportTo(`http://127.0.0.1:${port}`)).toMatchObject({
        kind: "refused",
        reason: "The receiver answered INTERNAL (disk 100% full)",
      });
    },
  );

  it("believes the code behind a message that cannot be decoded", async () => {
    const { port } = await until(
      startHttp2((stream) => answer(stream, Uint8Array.of(0x0a, 0xff), { "grpc-status": "3" })),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toMatchObject({ kind: "refused" });
  });

  it.each(["NGHTTP2_NO_ERROR", "NGHTTP2_CANCEL", "NGHTTP2_INTERNAL_ERROR"] as const)(
    "believes the code of a receiver that reads no more of the request, and resets it with %s",
    async (reset) => {
      const { port } = await until(
        startHasty((stream) => {
          stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
          stream.once("wantTrailers", () => {
            stream.sendTrailers({ "grpc-status": "8", "grpc-message": "too large" });
            setImmediate(() => stream.close(constants[reset]));
          });
          stream.end();
        }),
      );
      const outcome = await exporterFor(`http://127.0.0.1:${port}`).export(
        "metrics",
        new Uint8Array(3_000_000),
        {},
      );
      expect(outcome).toMatchObject({ kind: "refused", tooLarge: true });
    },
  );

  it("believes grpc-status more than the HTTP status", async () => {
    const { port } = await until(startHttp2((stream) => statusOnly(stream, { "grpc-status": "16" }, 503)));
    expect(await exportTo(`http://127.0.0.1:${port}`)).toMatchObject({ kind: "misconfigured" });
  });

  it("is retryable when an answer has no end", async () => {
    const { port } = await until(
      startHttp2((stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.write(Buffer.alloc(6_000_000));
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`, { timeoutMs: 1000 })).toEqual(
      unanswered(/No answer came in time/),
    );
  });
});

describe("export() on a connection that is lost", () => {
  it.each([
    "NGHTTP2_NO_ERROR",
    "NGHTTP2_PROTOCOL_ERROR",
    "NGHTTP2_INTERNAL_ERROR",
    "NGHTTP2_CANCEL",
    "NGHTTP2_ENHANCE_YOUR_CALM",
    "NGHTTP2_INADEQUATE_SECURITY",
    "NGHTTP2_HTTP_1_1_REQUIRED",
  ] as const)("is retryable at once when the stream is reset with %s", async (code) => {
    const { port } = await until(startHttp2((stream) => stream.close(constants[code])));
    // At once: a call that only its time limit ended would say so.
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/without an answer/));
  });

  it.each(["NGHTTP2_NO_ERROR", "NGHTTP2_ENHANCE_YOUR_CALM"] as const)(
    "is retryable when the peer leaves with GOAWAY %s, and connects anew then",
    async (code) => {
      let leaving = true;
      const server = await until(
        startHttp2((stream) => {
          if (!leaving) return answer(stream, new Uint8Array(), { "grpc-status": "0" });
          leaving = false;
          const { session } = stream;
          session?.goaway(constants[code]);
          session?.ping(() => session.destroy());
        }),
      );
      const exporter = exporterFor(`http://127.0.0.1:${server.port}`);
      const outcome = await exporter.export("metrics", new Uint8Array(), {});
      expect(outcome).toMatchObject({ kind: "retryable", answered: false });
      expect(await exporter.export("metrics", new Uint8Array(), {})).toEqual({ kind: "accepted" });
      expect(server.connections()).toBe(2);
    },
  );

  it.each(["NGHTTP2_NO_ERROR", "NGHTTP2_ENHANCE_YOUR_CALM"] as const)(
    "sends again at once, over another connection, what the peer says it left aside with GOAWAY %s",
    async (code) => {
      let requests = 0;
      const server = await until(
        startHttp2((stream) => {
          requests += 1;
          // The ids of a client's streams are odd: the first one is the last that is taken up.
          if (stream.id === 3) stream.session?.goaway(constants[code], 1);
          else answer(stream, new Uint8Array(), { "grpc-status": "0" });
        }),
      );
      const exporter = exporterFor(`http://127.0.0.1:${server.port}`);
      expect(await exporter.export("metrics", new Uint8Array(), {})).toEqual({ kind: "accepted" });
      expect(await exporter.export("metrics", new Uint8Array(), {})).toEqual({ kind: "accepted" });
      expect(requests).toBe(3);
      expect(server.connections()).toBe(2);
    },
  );

  it.each(["NGHTTP2_ENHANCE_YOUR_CALM", "NGHTTP2_REFUSED_STREAM"] as const)(
    "does not send again at once what the peer may have taken up before GOAWAY %s",
    async (code) => {
      let requests = 0;
      const server = await until(
        startHttp2((stream) => {
          requests += 1;
          stream.session?.goaway(constants[code], 1);
        }),
      );
      const outcome = await exportTo(`http://127.0.0.1:${server.port}`);
      expect(outcome).toEqual(unanswered(/without an answer/));
      expect(requests).toBe(1);
    },
  );

  it("sends again at once, over another connection, what the peer refuses to take up", async () => {
    let requests = 0;
    const server = await until(
      startHttp2((stream, body) => {
        requests += 1;
        if (requests === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
        else answer(stream, new Uint8Array(), { "grpc-status": body.length === 105 ? "0" : "3" });
      }),
    );
    const exporter = exporterFor(`http://127.0.0.1:${server.port}`);
    expect(await exporter.export("metrics", new Uint8Array(100), {})).toEqual({ kind: "accepted" });
    expect(requests).toBe(2);
    expect(server.connections()).toBe(2);
  });

  it("is retryable, and was not sent, when the peer refuses to take it up a second time", async () => {
    let requests = 0;
    const { port } = await until(
      startHttp2((stream) => {
        requests += 1;
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unsent(/turned the request away unread/));
    expect(requests).toBe(2);
  });

  it("leaves other requests alone when the peer refuses to take one up", async () => {
    const held = Promise.withResolvers<ServerHttp2Stream>();
    const server = await until(
      startHttp2((stream) => {
        if (stream.id === 3) stream.close(constants.NGHTTP2_REFUSED_STREAM);
        else if (server.connections() === 1) held.resolve(stream);
        else answer(stream, new Uint8Array(), { "grpc-status": "0" });
      }),
    );
    const exporter = exporterFor(`http://127.0.0.1:${server.port}`);
    const first = exporter.export("metrics", new Uint8Array(), {});
    const stream = await held.promise;
    expect(await exporter.export("logs", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    answer(stream, new Uint8Array(), { "grpc-status": "0" });
    expect(await first).toEqual({ kind: "accepted" });
    expect(server.connections()).toBe(2);
  });

  it("takes a stream that is refused after its answer began for one that may have been taken up", async () => {
    let requests = 0;
    const { port } = await until(
      startHttp2((stream) => {
        requests += 1;
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.write("x", () => stream.close(constants.NGHTTP2_REFUSED_STREAM));
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toEqual(unanswered(/./));
    expect(requests).toBe(1);
  });

  it("takes an answer that comes after GOAWAY, and connects anew then", async () => {
    const server = await until(
      startHttp2((stream) => {
        stream.session?.goaway(constants.NGHTTP2_NO_ERROR);
        answer(stream, new Uint8Array(), { "grpc-status": "0" });
      }),
    );
    const exporter = exporterFor(`http://127.0.0.1:${server.port}`);
    expect(await exporter.export("metrics", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    expect(await exporter.export("metrics", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    expect(server.connections()).toBe(2);
  });

  it("is retryable when the connection is cut before the answer, and connects anew then", async () => {
    const sink = await startSink({ behaviour: { kind: "destroyBeforeAnswer" } });
    onTestFinished(sink.close);
    const exporter = exporterFor(sink.url);
    expect(await exporter.export("logs", new Uint8Array(), {})).toMatchObject({
      kind: "retryable",
      answered: false,
    });
    sink.behave({ kind: "accept" });
    expect(await exporter.export("logs", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    expect(sink.connections.made).toBe(2);
  });

  it("accepts when the connection is cut after the answer, and connects anew then", async () => {
    const sink = await startSink({ behaviour: { kind: "destroyAfterAnswer" } });
    onTestFinished(sink.close);
    const exporter = exporterFor(sink.url);
    expect(await exporter.export("logs", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    await sink.closed(1);
    sink.behave({ kind: "accept" });
    // The client may hear of the cut only while it sends again.
    const outcomes = [
      await exporter.export("logs", new Uint8Array(), {}),
      await exporter.export("logs", new Uint8Array(), {}),
    ];
    expect(outcomes[1]).toEqual({ kind: "accepted" });
    expect(sink.connections.made).toBe(2);
  });

  it.each(["ended", "cut"])("is retryable when the answer is %s half-way", async (way) => {
    const { port } = await until(
      startHttp2((stream) => {
        const { session } = stream;
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        const half = envelope(Uint8Array.of(0x0a, 0x00)).subarray(0, 6);
        if (way === "ended") stream.end(half);
        else stream.write(half, () => session?.destroy());
      }),
    );
    expect(await exportTo(`http://127.0.0.1:${port}`)).toMatchObject({ kind: "retryable", answered: false });
  });

  it("is retryable when no answer comes in time, and connects anew then", async () => {
    const sink = await startSink({ behaviour: { kind: "hang" } });
    onTestFinished(sink.close);
    const exporter = exporterFor(sink.url, { timeoutMs: 1000 });
    expect(await exporter.export("logs", new Uint8Array(), {})).toEqual(unanswered(/No answer came in time/));
    sink.behave({ kind: "accept" });
    expect(await exporter.export("logs", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    expect(sink.connections.made).toBe(2);
  });
});
