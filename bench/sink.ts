/** An OTLP/gRPC receiver that takes everything and decodes nothing, so that it is never what is measured. */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tell } from "./child.ts";

/** An empty message, uncompressed. Source: gRPC over HTTP/2, Length-Prefixed-Message. */
const emptyMessage = Buffer.alloc(5);

const server = createServer();
let requests = 0;
server.on("stream", (stream) => {
  stream.on("end", () => {
    requests += 1;
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(emptyMessage);
  });
  stream.resume();
});
server.listen(0, "127.0.0.1", () => tell({ port: (server.address() as AddressInfo).port }));
// Each line asked for is one answer.
process.stdin.on("data", () => tell({ requests }));
