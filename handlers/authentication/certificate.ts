import type { Context } from "hono";
import type { Clock } from "../../pipeline/clock.ts";
import type { Authentication, Authenticator } from "./authentication.ts";

/** What a runtime's TLS socket tells of the other side. */
interface Socket {
  authorized?: boolean;
  authorizationError?: unknown;
  getPeerCertificate?(): Partial<PeerCertificate> | null;
}
interface PeerCertificate {
  subject: { CN?: string | string[] };
  subjectaltname?: string;
  /** As OpenSSL prints it, `Nov 22 16:32:46 2026 GMT`. */
  valid_to: string;
}

interface Identity {
  names: readonly string[];
  expiresAtMs: number;
}

/**
 * A certificate that the listener's authorities have issued, and among whose Common Names, DNS names and URIs is one
 * of `names`, when there are any. Only a server that ends TLS itself, and asks for certificates, has what to look at.
 *
 * Source: RFC 5280, 4.2.1.6.
 */
export function createCertificateAuthenticator(options: {
  names: readonly string[];
  realm: string;
  clock: Pick<Clock, "nowUs">;
}): Authenticator {
  const { names, realm, clock } = options;
  const allowed = new Set(names.map((name) => name.toLowerCase()));
  const identities = new WeakMap<Socket, Identity>();

  const challenge = `ClientCertificate realm="${realm}"`;
  const denied = (wanted: string) => ({ wanted, challenge });

  function identityOf(socket: Socket): Identity | undefined {
    const known = identities.get(socket);
    if (known) return known;
    const certificate = socket.getPeerCertificate?.();
    if (!certificate?.valid_to) return undefined;
    const identity = { names: namesOf(certificate), expiresAtMs: Date.parse(certificate.valid_to) };
    identities.set(socket, identity);
    return identity;
  }

  return {
    check(c): Authentication {
      const socket = socketOf(c);
      // A session that is resumed may count as authorized though no certificate was ever shown.
      const identity = socket && identityOf(socket);
      if (identity === undefined) return denied("a client certificate");
      if (socket?.authorized !== true) {
        return denied(`a client certificate that is trusted here (${socket?.authorizationError})`);
      }
      // It was valid when the connection began.
      if (clock.nowUs() / 1000 >= identity.expiresAtMs) {
        return denied("a client certificate that has not expired");
      }
      if (allowed.size > 0 && !identity.names.some((name) => allowed.has(name))) {
        return denied("a client certificate with a name that may post here");
      }
      return "granted";
    },
  };
}

function socketOf(c: Context): Socket | undefined {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket?: Socket } };
  return incoming?.socket;
}

/** In lower case. Within a name Node writes a comma as `\u002c`, so that it cannot pass for two. */
function namesOf({ subject, subjectaltname = "" }: Partial<PeerCertificate>): string[] {
  const alternative = subjectaltname.split(", ").filter((name) => /^(DNS|URI):/.test(name));
  const names = [...[subject?.CN ?? []].flat(), ...alternative.map((name) => name.slice(4))];
  return names.map((name) => name.toLowerCase());
}
