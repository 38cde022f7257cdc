/** The gateway as a server on Node. */
import type { Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type Clock, systemClock } from "../../pipeline/clock.ts";
import type { LogLevel } from "../../pipeline/config/config.ts";
import { type Logger, silentLogger } from "../../pipeline/logger.ts";
import { createLogLimit } from "../log-limit.ts";
import { loadGatewayConfig } from "./config-files.ts";
import { type Gateway, openGateway } from "./gateway.ts";
import { limitHeapGrowth } from "./heap-growth.ts";
import { createLogger } from "./log.ts";
import { runUntilSignal } from "./run.ts";
import type { ListenerTls } from "./tls-material.ts";

/** Largest request line and headers together; the same as Node's default, stated because it is a promise. */
const headerBytesMax = 16_384;
const dropLogMsMin = 10_000;
const errorLogMsMin = 10_000;
/** A connection on which nothing moves, such as that of a sender that does not read its answers, is closed. */
const silentMsMax = 120_000;
/** While stopping, connections that have got their answer are closed this often. */
const idleSweepMs = 20;

export interface Listening {
  url: string;
  /** Take no new connection; resolves when the requests in flight are answered, or were cut off after `graceMs`. */
  close(options: { graceMs: number }): Promise<void>;
}

export interface ListenOptions {
  /** How long a request may wait for its answer. */
  answerMsMax?: number;
  /** Each takes memory and a file descriptor; those beyond are closed at once. */
  connectionsMax?: number;
  logger?: Logger;
  clock?: Clock;
}

/** Serve `fetch` on host and port; port 0 is any free one. Rejects when it cannot listen. */
export async function listen(
  fetch: Gateway["fetch"],
  { host, port, tls }: { host: string; port: number; tls?: ListenerTls | undefined },
  { answerMsMax = 0, connectionsMax = 4_096, logger = silentLogger, clock = systemClock }: ListenOptions = {},
): Promise<Listening> {
  const { createAdaptorServer } = await import("@hono/node-server");
  const secured = tls && (await import("./tls-listener.ts")).openTlsListener(tls, { clock, logger });
  const server = createAdaptorServer({
    fetch,
    ...(secured ? { createServer: secured.createServer } : {}),
    // A sender that stalls in its headers or its body gives its connection up.
    serverOptions: {
      maxHeaderSize: headerBytesMax,
      headersTimeout: 15_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 75_000,
      // How often those limits are looked at.
      connectionsCheckingInterval: 5_000,
      ...secured?.options,
    },
  }) as Server;
  server.maxConnections = connectionsMax;
  server.timeout = silentMsMax + answerMsMax;
  const limitDrops = createLogLimit(clock, dropLogMsMin);
  server.on("drop", () =>
    limitDrops((suppressed) =>
      logger.warn({ connectionsMax, suppressed }, "A connection was closed: too many are open"),
    ),
  );
  secured?.attach(server as TlsServer);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  // A connection that the system could not hand over is no reason to end.
  const limitErrors = createLogLimit(clock, errorLogMsMin);
  server.on("error", (error) =>
    limitErrors((suppressed) => logger.error({ error, suppressed }, "A connection could not be accepted")),
  );
  const address = server.address() as AddressInfo;
  return {
    url: `${secured ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
    close: ({ graceMs }) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        // A sender that keeps its connection, and repeats on it what is turned away, would hold the stop up for ever.
        const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
        server.close(() => {
          clearTimeout(cut);
          clearInterval(sweep);
          resolve();
        });
      }),
  };
}

/** Serve until SIGTERM or SIGINT. Resolves with the exit status. */
export async function serve(options: {
  configPath: string | undefined;
  environment: Record<string, string | undefined>;
  /** From the command line, before what the configuration says. */
  logLevel?: LogLevel | undefined;
}): Promise<number> {
  limitHeapGrowth();
  const config = loadGatewayConfig(options.configPath, options.environment);
  const logger = createLogger({
    level: options.logLevel ?? config.log.level,
    stream: process.stderr,
    terminal: process.stderr.isTTY,
  });
  // Node ends the process then; this line is what a collector of logs finds of it.
  process.on("uncaughtExceptionMonitor", (error) => logger.error({ error }, "Gateway failed unexpectedly"));
  return runUntilSignal({
    config,
    logger,
    open: async () => {
      const [gateway] = await Promise.all([openGateway(config, { logger }), import("@hono/node-server")]);
      return gateway;
    },
    listen: (gateway) =>
      listen(gateway.fetch, config.listen, { answerMsMax: config.acknowledgeTimeoutMs, logger }),
    onSignal: (handle) => {
      process.on("SIGTERM", () => handle("SIGTERM"));
      process.on("SIGINT", () => handle("SIGINT"));
    },
    exit: (status) => process.exit(status),
  });
}
