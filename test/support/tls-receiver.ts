import { createSecureServer, type SecureServerOptions } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { answer } from "../export/raw-server.ts";

export interface TlsReceiver {
  url: string;
  /** What each request brought: its token, and the common name of its certificate. */
  requests: { authorization: string | undefined; client: string | undefined }[];
  /** Handshakes that came about. */
  handshakes(): number;
  /** For the connections to come. */
  replace(material: SecureServerOptions): void;
  /** End every connection. */
  cut(): void;
  close(): Promise<void>;
}

export interface TlsReceiverOptions {
  /** An answer waits for this. */
  hold?: () => Promise<void>;
  /** False: UNAUTHENTICATED. */
  accepts?: (authorization: string | undefined) => boolean;
  /** Called with the encoded Export request of each call that is accepted. */
  onAccepted?: (path: string, request: Buffer) => void;
}

/** An OTLP/gRPC receiver over TLS, which demands a certificate of its clients when it knows authorities for them. */
export async function startTlsReceiver(
  material: SecureServerOptions,
  { hold, accepts = () => true, onAccepted }: TlsReceiverOptions = {},
): Promise<TlsReceiver> {
  const server = createSecureServer({ ...material, requestCert: material.ca !== undefined });
  const sockets = new Set<Socket>();
  const requests: TlsReceiver["requests"] = [];
  let handshakes = 0;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    handshakes += 1;
    socket.on("error", () => {});
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    const socket = stream.session?.socket as TLSSocket | undefined;
    requests.push({
      authorization: headers.authorization,
      client: material.ca === undefined ? undefined : String(socket?.getPeerCertificate().subject?.CN),
    });
    const chunks: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("end", async () => {
      await hold?.();
      if (stream.destroyed) return;
      const isAccepted = accepts(headers.authorization);
      // Behind five bytes of flags and length.
      if (isAccepted) onAccepted?.(String(headers[":path"]), Buffer.concat(chunks).subarray(5));
      answer(stream, new Uint8Array(), { "grpc-status": isAccepted ? "0" : "16" });
    });
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    handshakes: () => handshakes,
    replace: (next) => server.setSecureContext(next),
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
