/** TLS for the server on Node: its certificate is replaced while it listens. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { TLSSocket, TlsOptions } from "node:tls";
import type { Clock } from "../../pipeline/clock.ts";
import { toError } from "../../pipeline/errors.ts";
import type { Logger } from "../../pipeline/logger.ts";
import {
  contextOf,
  createListenerMaterial,
  faultOfDates,
  type ListenerMaterial,
  type ListenerTls,
} from "./tls-material.ts";

/** A sender that stalls in its handshake gives its connection up. */
const handshakeMsMax = 15_000;

export interface TlsListener {
  createServer: typeof createServer;
  options: TlsOptions;
  /** Keep the server's certificate and authorities as the files have them. */
  attach(server: Server): void;
}

/**
 * Connections go on when the certificate is replaced. When the authorities of clients are, each one that began under
 * the older ones is closed after its next answer, because a certificate is checked only when a connection begins.
 *
 * Errors: Error when the files cannot be used.
 */
export function openTlsListener(
  tls: ListenerTls,
  { clock, logger }: { clock: Clock; logger: Logger },
): TlsListener {
  const files = createListenerMaterial(tls, clock);
  const asksForCertificates = tls.clientCaFile !== undefined;
  let told: string | undefined;

  function read(): ListenerMaterial {
    const { value, fault } = files.current();
    if (value === undefined) throw new Error(fault);
    const trouble = fault ?? faultOfDates(value, clock.nowUs());
    if (trouble !== told && trouble !== undefined) {
      logger.warn({ reason: trouble }, "TLS listener has a certificate that needs care");
    }
    told = trouble;
    return value;
  }

  let material = read();
  return {
    createServer,
    options: {
      ...contextOf(material),
      handshakeTimeout: handshakeMsMax,
      // Who shows none may still post to sources that want another credential.
      requestCert: asksForCertificates,
      rejectUnauthorized: false,
    },

    attach(server) {
      const beganAtMs = new WeakMap<object, number>();
      let trustedSinceMs = Number.NEGATIVE_INFINITY;

      function refresh() {
        const next = read();
        if (next === material) return;
        if (next.clientCa?.join() !== material.clientCa?.join()) trustedSinceMs = clock.monotonicMs();
        material = next;
        server.setSecureContext(contextOf(next));
        const expiresAt = new Date(next.expiresAtUs / 1000).toISOString();
        logger.info({ expiresAt }, "TLS listener uses the new certificate");
      }

      // Before its handshake.
      server.prependListener("connection", refresh);
      server.on("tlsClientError", (error) =>
        logger.debug({ reason: toError(error).message }, "A TLS handshake failed"),
      );
      if (!asksForCertificates) return;
      server.on("secureConnection", (socket: TLSSocket) => {
        beganAtMs.set(socket, clock.monotonicMs());
      });
      server.prependListener("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
        refresh();
        // A handshake that was under way meanwhile went by the older authorities.
        const trustedAtMs = trustedSinceMs + handshakeMsMax;
        if ((beganAtMs.get(socket) ?? 0) < trustedAtMs) response.shouldKeepAlive = false;
      });
    },
  };
}
