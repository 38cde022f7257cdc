/**
 * The gateway on a host that runs between events only. It is opened by the first of them, nothing happens in it while
 * nobody asks, and whatever goes wrong is an answer that senders repeat: the 502 that a host makes of an error would
 * have them throw the message away.
 */
import { type Clock, systemClock } from "../../pipeline/clock.ts";
import type { GatewayConfig, LogLevel } from "../../pipeline/config/config.ts";
import { toError } from "../../pipeline/errors.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { FlushResult } from "../app.ts";
import { problem } from "../problem.ts";
import type { Gateway } from "./assemble-gateway.ts";
import { loadGatewayConfig } from "./config-files.ts";
import { openGatewayInPlace } from "./gateway-in-place.ts";
import { createLogger } from "./log.ts";

export interface FetchOptions {
  /** File or folder. Default: GATEWAY_CONFIG, else `gateway.yaml` in the working directory. */
  configPath?: string | undefined;
  /** In place of a path: what was loaded already. */
  config?: GatewayConfig | undefined;
  /** Default: that of the process. */
  environment?: Record<string, string | undefined> | undefined;
  /** Default: a JSON object a line on standard error. */
  logger?: Logger | undefined;
  clock?: Clock | undefined;
}

export interface FetchGateway {
  /** The gateway's answer; 503 when it cannot be opened, or after `timeoutMs`. */
  answer(request: Request, options?: { timeoutMs?: number | undefined }): Promise<Response>;
  /**
   * Deliver what is due.
   *
   * Errors: whatever keeps the gateway from being opened, and a receiver that did not take what was due.
   */
  flush(options: { deadlineMs: number }): Promise<FlushResult>;
  /** Flush what is due and give the store back. A later request opens the gateway again. */
  close(): Promise<void>;
}

const retryAfterSeconds = 5;
/** An opening that failed is not tried again before. */
const openPauseMs = 1_000;

export function createFetchGateway(options: FetchOptions = {}): FetchGateway {
  const { environment = { ...process.env }, clock = systemClock } = options;
  let opening: Promise<Gateway> | undefined;
  /** Until when an opening that failed stands. */
  let openAgainAtMs = Number.POSITIVE_INFINITY;
  let current: Gateway | undefined;
  /** The end of the one before, whose store the next one opens. */
  let closing: Promise<unknown> = Promise.resolve();

  function open(): Promise<Gateway> {
    if (clock.monotonicMs() >= openAgainAtMs) opening = undefined;
    opening ??= openNow().catch((error) => {
      openAgainAtMs = clock.monotonicMs() + openPauseMs;
      createLog(options, "error").error({ error: toError(error) }, "Cannot open the gateway");
      throw error;
    });
    return opening;
  }

  async function openNow(): Promise<Gateway> {
    openAgainAtMs = Number.POSITIVE_INFINITY;
    await closing;
    const { configPath = environment.GATEWAY_CONFIG } = options;
    const config = options.config ?? loadGatewayConfig(configPath, environment, { isExposed: true });
    const logger = createLog(options, config.log.level);
    for (const warning of [...config.warnings, ...describeIdle(config)]) logger.warn({}, warning);
    const gateway = await openGatewayInPlace(config, { logger, environment });
    current = gateway;
    gateway.failed.catch((error) => {
      if (current !== gateway) return;
      logger.error({ error: toError(error) }, "Gateway failed: the next request opens it again");
      giveUp(gateway).catch(() => undefined);
    });
    return gateway;
  }

  /** Give it up. Errors: what closing it fails with; another one can be opened all the same. */
  function giveUp(gateway: Gateway): Promise<void> {
    [opening, current] = [undefined, undefined];
    const closed = gateway.close();
    closing = closed.catch(() => undefined);
    return closed;
  }

  async function respond(request: Request): Promise<Response> {
    const gateway = await open().catch(() => undefined);
    if (gateway === undefined) return later("Cannot answer now: the gateway could not be opened");
    return gateway.fetch(request);
  }

  return {
    async answer(request, { timeoutMs } = {}) {
      if (timeoutMs === undefined) return respond(request);
      const answered = new AbortController();
      const late = clock
        .sleep(timeoutMs, answered.signal)
        .then(() => later("Cannot answer within the time that this host gives"));
      return Promise.race([respond(request), late]).finally(() => answered.abort());
    },
    async flush({ deadlineMs }) {
      const startMs = clock.monotonicMs();
      const gateway = await open();
      const leftMs = Math.max(0, deadlineMs - (clock.monotonicMs() - startMs));
      const result = await gateway.flush({ force: false, deadlineMs: leftMs });
      if (result.failed)
        throw new Error(`Cannot deliver what is due: ${result.pending} messages wait, /status says why`);
      return result;
    },
    async close() {
      const gateway = await opening?.catch(() => undefined);
      if (gateway !== undefined && gateway === current) await giveUp(gateway);
      await closing;
    },
  };
}

function createLog({ logger }: FetchOptions, level: LogLevel): Logger {
  return logger ?? createLogger({ level, stream: process.stderr, terminal: process.stderr.isTTY });
}

/** What is configured and does not happen where nothing runs between events. */
function describeIdle({ bridges, acknowledge }: GatewayConfig): string[] {
  const names = bridges.map(({ name }) => name).join(", ");
  return [
    ...(names === "" ? [] : [`Bridges need a server, and are not connected here: ${names}`]),
    ...(acknowledge === "delivered"
      ? []
      : [
          "Messages are acknowledged when they are stored: they are delivered only when the timer calls, " +
            "and are lost with a disk that does not last",
        ]),
  ];
}

function later(detail: string): Response {
  return problem(503, detail, { headers: { "Retry-After": String(retryAfterSeconds) } });
}
