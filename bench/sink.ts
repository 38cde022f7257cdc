/** An OTLP receiver that takes everything and decodes nothing, so that it is never what is measured. */
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { scriptOptions, tell } from "./child.ts";

export interface SinkOptions {
  protocol?: "grpc" | "http/protobuf";
}

/** An empty message, uncompressed. Source: gRPC over HTTP/2, Length-Prefixed-Message. */
const emptyMessage = Buffer.alloc(5);
let requests = 0;

function createGrpcSink() {
  return createHttp2Server().on("stream", (stream) => {
    stream.on("end", () => {
      requests += 1;
      stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(emptyMessage);
    });
    stream.resume();
  });
}

function createHttpSink() {
  return createHttpServer((request, response) => {
    request.on("end", () => {
      requests += 1;
      response.writeHead(200, { "content-type": "application/x-protobuf", "content-length": 0 }).end();
    });
    request.resume();
  });
}

const { protocol = "grpc" } = scriptOptions<SinkOptions>();
const server = protocol === "grpc" ? createGrpcSink() : createHttpSink();
server.listen(0, "127.0.0.1", () => tell({ port: (server.address() as AddressInfo).port }));
// Each line asked for is one answer.
process.stdin.on("data", () => tell({ requests }));
