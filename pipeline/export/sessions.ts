import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { PassThrough } from "node:stream";
import type { GrpcTransportOptions } from "@connectrpc/connect-node";
import type { TlsMaterial } from "./tls.ts";

/** What connect-node wants of a session manager. */
type ConnectSessionManager = NonNullable<GrpcTransportOptions["sessionManager"]>;

/** One HTTP/2 connection at a time to one origin, opened when it is needed. */
export interface Sessions extends ConnectSessionManager {
  /**
   * The receiver itself says that it did nothing of what the stream asks. New requests open a new connection then.
   *
   * Source: RFC 9113, 6.8 and 8.7.
   */
  isTurnedAway(stream: ClientHttp2Stream): boolean;
  /** New requests open a new connection; those under way may finish on the old one for `drainMs`. */
  rotate(drainMs: number): void;
  /** Cut every connection, with what is under way on it. Later requests are refused. */
  close(): Promise<void>;
}

interface Connection {
  session: ClientHttp2Session;
  /** Rejects when it does not come about. */
  ready: Promise<void>;
  tls: TlsMaterial | undefined;
  turnsAway(stream: ClientHttp2Stream): boolean;
}

/**
 * Sessions of our own in place of connect-node's: a listener for errors stays on each connection for as long as it
 * lives (without one, an error after a failed handshake ends the process on some runtimes), connecting has a limit
 * of its own, and a connection is replaced when its certificates are.
 *
 * Errors: request() rejects with the cause when no connection comes about.
 */
export function createSessions(options: {
  /** Scheme, host and port; anything after them is ignored. */
  url: string;
  /** How long the peer may take for its part in opening a connection; for its part in closing one, too. */
  connectTimeoutMs: number;
  /** Read at each request: another object means another connection, and what is under way ends on the old one. */
  tls: () => TlsMaterial;
}): Sessions {
  const { origin, protocol } = new URL(options.url);
  const readTls = protocol === "https:" ? options.tls : () => undefined;
  const live = new Set<ClientHttp2Session>();
  const turnedAway = new WeakSet<ClientHttp2Stream>();
  let current: Connection | undefined;
  let closed = false;

  function open(tls: TlsMaterial | undefined): Connection {
    // Stated here, because the runtime's command line and environment can weaken both.
    const session = connect(origin, { ...tls, minVersion: "TLSv1.2", rejectUnauthorized: true });
    live.add(session);
    const forget = () => {
      if (current?.session === session) current = undefined;
    };
    let processedIdMax = Number.POSITIVE_INFINITY;
    /** Whether a stream's REFUSED_STREAM is its own: what ends a connection is the code of its streams, too. */
    let isOwnCode = true;
    const ready = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new ConnectTimeoutError(`no connection within ${options.connectTimeoutMs} ms`));
        cut(session);
      }, options.connectTimeoutMs);
      session.once("connect", (_session, socket) => {
        clearTimeout(timer);
        resolve();
        // Otherwise the socket stays open when the peer ends TLS with an alert, and the session never closes.
        socket.once("error", () => socket.destroy());
        // Likewise when a peer that hangs, or is gone, never closes its side: one socket for each attempt.
        socket.once("finish", () => {
          const lingering = setTimeout(() => socket.destroy(), options.connectTimeoutMs);
          socket.once("close", () => clearTimeout(lingering));
        });
      });
      session.on("error", (error) => {
        forget();
        reject(error);
      });
      session.once("close", () => {
        clearTimeout(timer);
        live.delete(session);
        forget();
        reject(new Error("the connection was closed before it was established"));
      });
    });
    session.on("goaway", (code, lastStreamId) => {
      processedIdMax = lastStreamId;
      isOwnCode = code !== constants.NGHTTP2_REFUSED_STREAM;
      // The receiver is about to leave: it answers what it has, and takes nothing new. Should it not leave in the
      // end, its half-closed connection must not keep the process alive.
      forget();
      session.unref();
    });
    return {
      session,
      ready,
      tls,
      turnsAway: ({ id = 0, rstCode }) =>
        id > processedIdMax || (isOwnCode && rstCode === constants.NGHTTP2_REFUSED_STREAM),
    };
  }

  /** The connection for a request that comes now. */
  function take(): Connection {
    if (closed) throw new Error("the exporter is closed");
    const tls = readTls();
    if (current !== undefined && current.tls !== tls) {
      leave(current.session);
      current = undefined;
    }
    if (current === undefined || current.session.closed || current.session.destroyed) current = open(tls);
    return current;
  }

  return {
    authority: origin,

    async request(method, path, headers, requestOptions) {
      let connection = take();
      await connection.ready;
      if (connection.session.closed) {
        // It was left while this request waited.
        connection = take();
        await connection.ready;
      }
      const { session, turnsAway } = connection;
      const stream = session.request({ ...headers, ":method": method, ":path": path }, requestOptions);
      let answered = false;
      stream.once("response", () => {
        answered = true;
      });
      stream.on("error", () => {
        if (!turnsAway(stream)) return;
        turnedAway.add(stream);
        session.close();
      });
      readFromTheStart(stream);
      // A reset without an error code ends a stream silently, and the call would wait for its time limit.
      stream.once("close", () => {
        if (answered) return;
        const what = session.closed || session.destroyed ? "connection" : "stream";
        stream.emit("error", new Error(`the ${what} closed before an answer came`));
      });
      return stream;
    },

    notifyResponseByteRead() {},

    isTurnedAway: (stream) => turnedAway.has(stream),

    rotate(drainMs) {
      const session = current?.session;
      current = undefined;
      if (session === undefined) return;
      const timer = setTimeout(() => cut(session), drainMs);
      session.once("close", () => clearTimeout(timer));
      if (session.connecting) cut(session);
      else session.close();
    },

    async close() {
      closed = true;
      current = undefined;
      await Promise.all(
        [...live].map(
          (session) =>
            new Promise<void>((resolve) => {
              session.once("close", () => resolve());
              if (session.closed) {
                // It is closing already and waits for its peer, who may take any time.
                session.unref();
                resolve();
              }
              cut(session);
            }),
        ),
      );
    },
  };
}

/**
 * Take the body up as it comes, for whoever iterates over the stream later: by then the stream may be closed, because
 * its last frames came together with the first, and a closed stream refuses to be iterated although nothing of it was
 * read. An end that the receiver did not announce stays an error.
 */
function readFromTheStart(stream: ClientHttp2Stream): void {
  const body = new PassThrough();
  body.on("error", () => {});
  stream.once("error", (error) => body.destroy(error));
  stream.once("close", () => {
    if (!stream.readableEnded) body.destroy(new Error("the answer broke off"));
  });
  stream.pipe(body);
  stream[Symbol.asyncIterator] = () => body[Symbol.asyncIterator]();
}

/** Close it once what is under way has ended; requests that wait for it to connect are sent on it before. */
function leave(session: ClientHttp2Session): void {
  if (session.connecting) session.once("connect", () => setImmediate(() => session.close()));
  else session.close();
}

/** Without an error the streams would end silently, and their calls would wait for their time limit. */
function cut(session: ClientHttp2Session): void {
  session.destroy(new Error("the connection was given up"), constants.NGHTTP2_CANCEL);
}

/** No connection came about in time. */
export class ConnectTimeoutError extends Error {
  override readonly name = "ConnectTimeoutError";
  readonly code = "ETIMEDOUT";
}
