/**
 * Connections for fetch with certificates of their own: undici's on Node, a client of its own on Deno.
 *
 *   attempt ──lend──▶ pool with the certificates of now ──▶ attempt has ended
 *                          │ certificates have changed
 *                          ▼
 *                     retired: takes no new attempt, closed after its last
 */
import { createSecureContext } from "node:tls";
import { systemTls, type TlsMaterial } from "./tls.ts";
import { UnsentError } from "./unsent.ts";

export interface HttpConnections {
  /**
   * Run an attempt that may use these connections until it has ended: `init` is what fetch takes to use them.
   *
   * Errors: the attempt's own; any when the certificates cannot be read or used.
   */
  lend<Result>(attempt: (init: object) => Promise<Result>): Promise<Result>;
  /** Cut every connection, with what is under way on it. Later attempts are refused. */
  close(): Promise<void>;
}

/** Connections that were made with the same certificates. */
interface Pool {
  init: object;
  /** Close once nothing is under way any more. */
  drain(): Promise<void>;
  cut(): Promise<void>;
}

interface Lending {
  material: TlsMaterial;
  pool: Promise<Pool>;
  attempts: number;
}

/** Connections that are kept alive between attempts, each with the certificates of the time of its attempt. */
export function createHttpConnections(options: {
  connectTimeoutMs: number;
  isSecure: boolean;
  /** Read at each attempt: the same object until something in it was replaced. Default: what the machine trusts. */
  tls?: (() => TlsMaterial) | undefined;
}): HttpConnections {
  const { connectTimeoutMs, isSecure } = options;
  const readMaterial = isSecure ? (options.tls ?? once(systemTls)) : once(() => ({}));
  const openPool = "Deno" in globalThis ? openDenoPool : openNodePool;
  const lendings = new Set<Lending>();
  let current: Lending | undefined;
  let isClosed = false;

  function take(): Lending {
    if (isClosed) throw new Error("the exporter is closed");
    const material = readMaterial();
    if (current?.material === material) return current;
    const previous = current;
    current = { material, pool: openPool(material, { connectTimeoutMs, isSecure }), attempts: 0 };
    lendings.add(current);
    if (previous?.attempts === 0) void retire(previous);
    return current;
  }

  async function retire(lending: Lending): Promise<void> {
    // A pool that never came about, or that was cut meanwhile, needs no draining.
    await lending.pool.then((pool) => pool.drain()).catch(() => {});
    lendings.delete(lending);
  }

  return {
    async lend(attempt) {
      const lending = take();
      lending.attempts += 1;
      try {
        const { init } = await lending.pool;
        return await attempt(init);
      } finally {
        lending.attempts -= 1;
        if (lending !== current && lending.attempts === 0 && !isClosed) void retire(lending);
      }
    },

    async close() {
      isClosed = true;
      const pools = await Promise.allSettled([...lendings].map(({ pool }) => pool));
      await Promise.all(pools.map((pool) => (pool.status === "fulfilled" ? pool.value.cut() : undefined)));
    },
  };
}

async function openNodePool(
  material: TlsMaterial,
  { connectTimeoutMs, isSecure }: { connectTimeoutMs: number; isSecure: boolean },
): Promise<Pool> {
  const { Agent, buildConnector } = await import("undici");
  // Made once: each connection would read every authority of the machine again. The least version and the check of
  // the receiver are stated, because the runtime's command line and environment can weaken both.
  const secureContext = isSecure ? createSecureContext({ ...material, minVersion: "TLSv1.2" }) : undefined;
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    ...(secureContext && { secureContext, rejectUnauthorized: true }),
  });
  const dispatcher = new Agent({
    connect: (options, callback) =>
      connect(options, (error, socket) => {
        if (error !== null) return callback(new UnsentError(error), null);
        socket.on("error", (cause) => {
          if (isAlert(cause)) socket.destroy(cause);
        });
        callback(null, socket);
      }),
    // The attempt's own limit counts for both.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return { init: { dispatcher }, drain: () => dispatcher.close(), cut: () => dispatcher.destroy() };
}

/**
 * The receiver's reason to end TLS, a certificate it does not like mostly. Unless the connection ends with it, the
 * end of the stream that follows would be taken for the cause. Source: RFC 8446, 6.2.
 */
function isAlert(error: Error): boolean {
  return "code" in error && String(error.code).includes("_ALERT_");
}

/** What Deno has for this. Authorities are trusted beside its own list; TLS is 1.2 or later. */
interface DenoHttp {
  createHttpClient(options: {
    caCerts?: string[] | undefined;
    cert?: string | undefined;
    key?: string | undefined;
    /** With one connection for all, an attempt that was given up would leave a silent one to the next. */
    http2: boolean;
  }): { close(): void };
}

async function openDenoPool({ ca, cert, key }: TlsMaterial): Promise<Pool> {
  const { Deno } = globalThis as unknown as { Deno: DenoHttp };
  const client = Deno.createHttpClient({ http2: false, caCerts: ca, cert, key });
  const close = async () => client.close();
  return { init: { client }, drain: close, cut: close };
}

function once<Value>(read: () => Value): () => Value {
  let value: { read: Value } | undefined;
  return () => {
    value ??= { read: read() };
    return value.read;
  };
}
