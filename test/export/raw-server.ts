import { createServer as createHttpServer } from "node:http";
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";

export interface RawServer {
  port: number;
  /** Connections accepted so far. */
  connections(): number;
  close(): Promise<void>;
}

/** A server that speaks HTTP/2 only as far as the test makes it. Called once a request's headers and body are in. */
export function startHttp2(
  onRequest: (stream: ServerHttp2Stream, body: Buffer, headers: Record<string, unknown>) => void,
  tls?: { cert: string; key: string },
): Promise<RawServer> {
  const server = tls === undefined ? createServer() : createSecureServer(tls);
  (server as Http2Server).on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => onRequest(stream, Buffer.concat(chunks), headers));
  });
  return listen(server);
}

/** A server that answers before it has read the request. */
export function startHasty(onStream: (stream: ServerHttp2Stream) => void): Promise<RawServer> {
  const server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    onStream(stream);
  });
  return listen(server);
}

export function startHttp1(): Promise<RawServer> {
  return listen(createHttpServer((_request, response) => response.end("hello")));
}

export function startTcp(onSocket: (socket: Socket) => void): Promise<RawServer> {
  return listen(createTcpServer(onSocket));
}

async function listen(server: Server | Http2Server): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A gRPC answer: one message, then the status. */
export function answer(
  stream: ServerHttp2Stream,
  message: Uint8Array,
  trailers: Record<string, string>,
): void {
  answerRaw(stream, envelope(message), trailers);
}

/** An answer with any body, then the status. */
export function answerRaw(stream: ServerHttp2Stream, body: Buffer, trailers: Record<string, string>): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

/** A message with gRPC's prefix: not compressed, and its length. */
export function envelope(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
