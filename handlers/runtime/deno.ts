/**
 * The gateway as a server on Deno: `deno run -A handlers/runtime/deno.ts --config PATH`. README has the least
 * permissions in place of `-A`.
 *
 * Its TLS listener reads its certificate at the start alone, and cannot ask senders for theirs: a configuration that
 * wants that is refused.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { systemClock } from "../../pipeline/clock.ts";
import { ConfigError, StoreVersionError, toError } from "../../pipeline/errors.ts";
import { loadGatewayConfig } from "./config-files.ts";
import { openGateway } from "./gateway.ts";
import { createLogger } from "./log.ts";
import { runUntilSignal } from "./run.ts";
import { createListenerMaterial, type ListenerTls } from "./tls-material.ts";

/** `close` resolves when the requests in flight are answered, or were cut off after `graceMs`. */
interface Listening {
  url: string;
  close(options: { graceMs: number }): Promise<void>;
}

/** The part of Deno's own interface that is used here. */
interface DenoServe {
  serve(
    options: {
      hostname: string;
      port: number;
      /** PEM, both or none. */
      cert?: string;
      key?: string;
      signal: AbortSignal;
      onListen(address: { port: number }): void;
    },
    handler: (request: Request) => Response | Promise<Response>,
  ): { finished: Promise<void>; shutdown(): Promise<void> };
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { config: { type: "string" } } });
  const environment = readEnvironment();
  const config = loadGatewayConfig(values.config ?? environment.GATEWAY_CONFIG, environment);
  if (config.listen.tls?.clientCaFile !== undefined) {
    const message = "Cannot ask senders for certificates on Deno: wanted no clientCaFile, or Node";
    throw new ConfigError([{ path: "spec.listen.tls.clientCaFile", message }]);
  }
  const logger = createLogger({
    level: config.log.level,
    stream: process.stderr,
    terminal: process.stderr.isTTY,
  });
  return runUntilSignal({
    config,
    logger,
    open: () => openGateway(config, { logger, environment }),
    listen: async (gateway) => listen((request) => gateway.fetch(request), config.listen),
    onSignal: (handle) => {
      process.on("SIGTERM", () => handle("SIGTERM"));
      process.on("SIGINT", () => handle("SIGINT"));
    },
    exit: (status) => process.exit(status),
  });
}

function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  listen: { host: string; port: number; tls: ListenerTls | undefined },
) {
  const secured = listen.tls && materialOf(listen.tls);
  const { Deno } = globalThis as unknown as { Deno: DenoServe };
  const cut = new AbortController();
  return new Promise<Listening>((resolve) => {
    const server = Deno.serve(
      {
        hostname: listen.host,
        port: listen.port,
        ...secured,
        signal: cut.signal,
        onListen: ({ port }) =>
          resolve({
            url: `${secured ? "https" : "http"}://${listen.host}:${port}`,
            async close({ graceMs }) {
              const timer = setTimeout(() => cut.abort(), graceMs);
              await Promise.race([server.shutdown(), server.finished]);
              clearTimeout(timer);
            },
          }),
      },
      fetch,
    );
  });
}

function materialOf(tls: ListenerTls): { cert: string; key: string } {
  const { value, fault } = createListenerMaterial(tls, systemClock).current();
  if (value === undefined) throw new Error(fault);
  return { cert: value.cert, key: value.key };
}

/** The variables that the configuration knows, and those that its secrets name; others need no permission. */
function readEnvironment(): Record<string, string | undefined> {
  return { ...process.env };
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${toError(error).message}\n`);
  // At once: what was half open would keep the process, and its store locked.
  process.exit(error instanceof ConfigError || error instanceof StoreVersionError ? 2 : 1);
}
