import * as tls from "node:tls";

/** Certificates for one connection, PEM. */
export interface TlsMaterial {
  /** Authorities to trust. */
  ca?: string[] | undefined;
  /** The client's own certificate and key, for mutual TLS. */
  cert?: string | undefined;
  key?: string | undefined;
}

/**
 * The authorities that the machine trusts: the runtime's own list with NODE_EXTRA_CA_CERTS, and the operating
 * system's store beside it, where a company's own authority is commonly installed. Runtimes that cannot read that
 * store use their own list alone.
 */
export function systemTls(): TlsMaterial {
  if (typeof tls.getCACertificates !== "function") return {};
  return { ca: [...new Set([...tls.getCACertificates("default"), ...tls.getCACertificates("system")])] };
}
