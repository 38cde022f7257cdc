import { once } from "node:events";
import { type ClientHttp2Stream, constants, type ServerHttp2Stream } from "node:http2";
import { describe, expect, it, onTestFinished } from "vitest";
import { createSessions } from "../../pipeline/export/sessions.ts";
import { answer, startHttp2, startTcp } from "./raw-server.ts";

const tls = {};
/** A server that holds what it gets until it is told to answer. */
async function holding() {
  const held: ServerHttp2Stream[] = [];
  let arrived = () => {};
  const server = await startHttp2((stream) => {
    held.push(stream);
    arrived();
  });
  onTestFinished(server.close);
  const sessions = createSessions({
    url: `http://127.0.0.1:${server.port}`,
    connectTimeoutMs: 5000,
    tls: () => tls,
  });
  onTestFinished(sessions.close);
  return {
    server,
    sessions,
    held,
    async send(): Promise<ClientHttp2Stream> {
      const arrival = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const stream = await sessions.request("POST", "/", {}, {});
      stream.on("error", () => {});
      stream.end();
      await arrival;
      return stream;
    },
  };
}

function status(stream: ClientHttp2Stream): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    stream.once("response", (headers) => resolve(headers[":status"]));
    stream.once("error", reject);
  });
}

describe("createSessions()", () => {
  it("opens one connection for requests that come at the same time", async () => {
    const { sessions, server } = await holding();
    const streams = await Promise.all([1, 2, 3].map(() => sessions.request("POST", "/", {}, {})));
    for (const stream of streams) stream.on("error", () => {});
    expect(new Set(streams.map(({ session }) => session)).size).toBe(1);
    expect(server.connections()).toBe(1);
  });

  it("rotate() leaves what is under way on the old connection, and opens a new one for what comes", async () => {
    const { sessions, server, held, send } = await holding();
    const before = await send();
    sessions.rotate(5000);
    const after = await send();
    expect(after.session).not.toBe(before.session);
    const answers = Promise.all([status(before), status(after)]);
    for (const stream of held) stream.respond({ ":status": 204 }, { endStream: true });
    expect(await answers).toEqual([204, 204]);
    expect(server.connections()).toBe(2);
  });

  it("rotate() cuts the old connection when what is under way takes longer than `drainMs`", async () => {
    const { sessions, send } = await holding();
    const answer = status(await send());
    sessions.rotate(10);
    await expect(answer).rejects.toThrow("the connection was given up");
  });

  it("rotate() without a connection does nothing", async () => {
    const { sessions, server, send } = await holding();
    sessions.rotate(5000);
    await send();
    expect(server.connections()).toBe(1);
  });

  it("rotate() gives up a connection that is still being made", async () => {
    const server = await startTcp(() => {});
    onTestFinished(server.close);
    const sessions = createSessions({
      url: `https://127.0.0.1:${server.port}`,
      connectTimeoutMs: 5000,
      tls: () => tls,
    });
    onTestFinished(sessions.close);
    const request = sessions.request("POST", "/", {}, {});
    sessions.rotate(5000);
    await expect(request).rejects.toThrow("the connection was given up");
  });

  it("gives up a connection that it has closed, when the peer does not close it as well", async () => {
    const server = await startTcp((socket) => {
      socket.allowHalfOpen = true;
      socket.resume();
    });
    onTestFinished(server.close);
    const url = `http://127.0.0.1:${server.port}`;
    const sessions = createSessions({ url, connectTimeoutMs: 1000, tls: () => tls });
    onTestFinished(sessions.close);
    const stream = await sessions.request("POST", "/", {}, {});
    stream.on("error", () => {});
    const { session } = stream;
    if (session === undefined) throw new Error("The stream has no connection");
    const ended = once(session, "close");
    stream.close(constants.NGHTTP2_CANCEL);
    sessions.rotate(5000);
    await ended;
  });

  it("close() ends every connection, old ones too, and refuses what comes later", async () => {
    const { sessions, send } = await holding();
    const before = status(await send());
    sessions.rotate(5000);
    const after = status(await send());
    const cut = Promise.allSettled([before, after]);
    await sessions.close();
    expect((await cut).map((result) => result.status)).toEqual(["rejected", "rejected"]);
    await expect(sessions.request("POST", "/", {}, {})).rejects.toThrow("the exporter is closed");
    await sessions.close();
  });

  it("names the origin as connect-node compares it", () => {
    const { authority } = createSessions({
      url: "http://Receiver.Example:80/path/",
      connectTimeoutMs: 1,
      tls: () => tls,
    });
    expect(authority).toBe("http://receiver.example");
  });

  it("keeps an answer that is complete before anybody reads it", async () => {
    const { held, send } = await holding();
    const stream = await send();
    const [serverStream] = held;
    if (serverStream === undefined) throw new Error("Nothing arrived");
    answer(serverStream, Buffer.from("taken"), { "grpc-status": "0" });
    while (!stream.closed) await new Promise((resolve) => setImmediate(resolve));
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(Buffer.concat(chunks).subarray(5).toString()).toBe("taken");
  });
});
