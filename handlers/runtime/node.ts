/** The gateway as a server on Node. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { LogLevel } from "../../pipeline/config/config.ts";
import { loadGatewayConfig } from "./config-files.ts";
import { type Gateway, openGateway } from "./gateway.ts";
import { createLogger } from "./log.ts";
import { runUntilSignal } from "./run.ts";

/** Largest request line and headers together; the same as Node's default, stated because it is a promise. */
const headerBytesMax = 16_384;
/** While stopping, connections that have got their answer are closed this often. */
const idleSweepMs = 20;

export interface Listening {
  url: string;
  /** Take no new connection; resolves when the requests in flight are answered, or were cut off after `graceMs`. */
  close(options: { graceMs: number }): Promise<void>;
}

/** Serve `fetch` on host and port; port 0 is any free one. Rejects when it cannot listen. */
export async function listen(
  fetch: Gateway["fetch"],
  { host, port }: { host: string; port: number },
): Promise<Listening> {
  const { createAdaptorServer } = await import("@hono/node-server");
  const server = createAdaptorServer({
    fetch,
    // A sender that stalls in its headers or its body gives its connection up.
    serverOptions: {
      maxHeaderSize: headerBytesMax,
      headersTimeout: 15_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 75_000,
    },
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
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
    listen: (gateway) => listen(gateway.fetch, config.listen),
    onSignal: (handle) => {
      process.on("SIGTERM", () => handle("SIGTERM"));
      process.on("SIGINT", () => handle("SIGINT"));
    },
    exit: (status) => process.exit(status),
  });
}
