import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createGrpcExporter } from "../../pipeline/export/grpc.ts";
import { startSink } from "../support/otlp-sink.ts";
import { startTcp } from "./raw-server.ts";

/** A receiver behind a network that can swallow what goes over the connections of this moment. */
async function behindNetwork() {
  const sink = await startSink();
  onTestFinished(sink.close);
  const sockets: Socket[] = [];
  const proxy = await startTcp((socket) => {
    const onward = connect(sink.port, "127.0.0.1");
    onward.on("error", () => {});
    socket.once("close", () => onward.destroy());
    socket.pipe(onward).pipe(socket);
    sockets.push(socket);
  });
  onTestFinished(proxy.close);
  const exporter = createGrpcExporter({
    url: `http://127.0.0.1:${proxy.port}`,
    timeoutMs: 1000,
    compression: "none",
    headers: {},
    userAgent: "test/1",
  });
  onTestFinished(exporter.close);
  return {
    sink,
    sockets,
    /** The machine behind them has lost its power: nothing is closed, and nothing is answered. */
    swallow() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.resume();
      }
    },
    send: (options: { bytes?: number; signal?: AbortSignal } = {}) =>
      exporter.export("logs", new Uint8Array(options.bytes ?? 0), { signal: options.signal }),
  };
}

describe("export() on a connection that went silent", () => {
  it.each([0, 4_000_000])(
    "gives up after the time limit and connects anew, with a request of %i bytes",
    async (bytes) => {
      const { send, swallow, sink, sockets } = await behindNetwork();
      expect(await send()).toEqual({ kind: "accepted" });
      swallow();
      expect(await send({ bytes })).toMatchObject({
        kind: "retryable",
        answered: false,
        reason: expect.stringMatching(/No answer came in time/),
      });
      expect(await send()).toEqual({ kind: "accepted" });
      expect(sockets).toHaveLength(2);
      expect(sink.requests).toHaveLength(2);
    },
  );

  it("cuts the old connection", async () => {
    const { send, swallow, sockets } = await behindNetwork();
    await send();
    swallow();
    const cut = sockets[0] && once(sockets[0], "close");
    await send();
    await cut;
  });

  it("connects anew also when the gateway gave up before the time limit", async () => {
    const { send, swallow, sockets } = await behindNetwork();
    await send();
    swallow();
    expect(await send({ signal: AbortSignal.timeout(20) })).toMatchObject({
      kind: "retryable",
      answered: false,
      reason: "The call was given up by the gateway",
    });
    expect(await send()).toEqual({ kind: "accepted" });
    expect(sockets).toHaveLength(2);
  });

  it("finds it for the calls of both signals at the same time", async () => {
    const { send, swallow, sockets } = await behindNetwork();
    await send();
    swallow();
    const outcomes = await Promise.all([send(), send()]);
    expect(outcomes).toMatchObject([{ kind: "retryable" }, { kind: "retryable" }]);
    expect(await Promise.all([send(), send()])).toEqual([{ kind: "accepted" }, { kind: "accepted" }]);
    expect(sockets).toHaveLength(2);
  });
});
