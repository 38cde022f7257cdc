import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type Server, type ServerOptions } from "node:https";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as NetServer,
  type Socket,
} from "node:net";

export interface HttpServer<Listening extends NetServer = NetServer> {
  port: number;
  server: Listening;
  /** Connections accepted so far. */
  connections(): number;
  /** Resolves once no connection is open. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Called once a request's headers and body are in. */
export type OnRequest = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void;

/** Accepts every request, as a receiver does that has nothing to say. */
export const accept: OnRequest = (_request, _body, response) => {
  response.setHeader("content-type", "application/x-protobuf").end();
};

export function startHttp(onRequest: OnRequest = accept) {
  return listen(createServer(withBody(onRequest)));
}

export function startHttps(tls: ServerOptions, onRequest: OnRequest = accept): Promise<HttpServer<Server>> {
  return listen(createSecureServer(tls, withBody(onRequest)));
}

/** A server that speaks no HTTP but what the test writes. */
export function startTcp(onSocket: (socket: Socket) => void) {
  return listen(createTcpServer(onSocket));
}

function withBody(onRequest: OnRequest): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => onRequest(request, Buffer.concat(chunks), response));
  };
}

async function listen<Listening extends NetServer>(server: Listening): Promise<HttpServer<Listening>> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let onIdle = () => {};
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0) onIdle();
    });
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    server,
    connections: () => connections,
    idle: () =>
      new Promise((resolve) => {
        onIdle = resolve;
        if (sockets.size === 0) resolve();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
