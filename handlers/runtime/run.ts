/**
 * The life of a server, the same on every runtime:
 *
 *   open store → listen → deliver … signal → drain → answer what is in flight → flush → close → 0
 *
 * A signal before it listens, a second one, and a part of the gateway that fails, exit at once: nothing is lost,
 * because nothing was promised that is not on disk.
 */
import { systemClock } from "../../pipeline/clock.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { toError } from "../../pipeline/errors.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { Gateway } from "./gateway.ts";

/** Of each list in the log line at the start. */
const listedMax = 20;

export type StopSignal = "SIGTERM" | "SIGINT";

export async function runUntilSignal(options: {
  config: GatewayConfig;
  logger: Logger;
  open(): Promise<Gateway>;
  listen(gateway: Gateway): Promise<{ url: string; close(options: { graceMs: number }): Promise<void> }>;
  onSignal(handle: (signal: StopSignal) => void): void;
  exit(status: number): void;
}): Promise<number> {
  const { config, logger } = options;
  for (const warning of config.warnings) logger.warn({}, warning);
  let isServing = false;
  // Listened for from the start: without a listener the first process of a container never learns of a signal.
  const signalled = new Promise<StopSignal>((resolve) => {
    options.onSignal((signal) => {
      if (!isServing) options.exit(0);
      isServing = false;
      resolve(signal);
    });
  });
  const gateway = await options.open();
  let server: { url: string; close(options: { graceMs: number }): Promise<void> };
  try {
    server = await options.listen(gateway);
  } catch (error) {
    await gateway.close();
    throw new Error(
      `Cannot listen on ${config.listen.host}:${config.listen.port}: ${toError(error).message}`,
      { cause: error },
    );
  }
  logger.info(
    {
      url: server.url,
      store: config.store.type === "memory" ? "in memory" : config.store.path,
      sources: bounded(config.sources.map(({ name }) => name)),
      bridges: bounded(config.bridges.map(({ name }) => name)),
      destinations: bounded(config.destinations.map(({ name, url }) => `${name} ${url}`)),
    },
    "Gateway started",
  );

  const delivering = gateway.deliver();
  delivering.catch(() => undefined);
  isServing = true;
  let signal: StopSignal;
  try {
    signal = await Promise.race([signalled, gateway.failed]);
  } catch (error) {
    logger.error({ error: toError(error) }, "Gateway failed");
    options.exit(1);
    throw error;
  }

  logger.info({ signal }, "Gateway stopping");
  gateway.drain();
  if (signal === "SIGTERM") await systemClock.sleep(config.drainMs);
  gateway.stop();
  await server.close({ graceMs: config.shutdownGraceMs });
  await gateway.close();
  await delivering;
  logger.info({}, "Gateway stopped");
  return 0;
}

function bounded(list: readonly string[]): readonly string[] {
  if (list.length <= listedMax) return list;
  return [...list.slice(0, listedMax), `and ${list.length - listedMax} more`];
}
