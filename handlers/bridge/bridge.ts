/**
 * A bridge: the gateway as an MQTT client, for brokers that cannot post. It holds one connection after another until
 * it is stopped, and the broker keeps its session between them:
 *
 *   waiting ──▶ connecting ──▶ connected ──▶ waiting, with a back-off that grows until a connection has lasted
 *      ▲                           │
 *      └── new certificates: the connection is given up in good order, and the next one follows at once
 */
import type { IClientOptions, MqttClient } from "mqtt";
import { createBackOff } from "../../pipeline/back-off.ts";
import type { BridgeReport } from "../../pipeline/bridge-report.ts";
import type { Clock } from "../../pipeline/clock.ts";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import { conditionOf } from "../../pipeline/credential-report.ts";
import { watchCredentials } from "../../pipeline/credential-watch.ts";
import { DiskFullError, StoreFullError } from "../../pipeline/errors.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { Receiver } from "../../pipeline/receive.ts";
import { type BridgeConnection, openConnection, type SubscriptionJournal } from "./connection.ts";
import type { BridgeCredentials } from "./credentials.ts";
import { createMessageIds, type IdJournal } from "./ids.ts";
import { createIntake } from "./intake.ts";
import { clientOptions } from "./options.ts";

export interface BridgeOptions {
  config: BridgeConfig;
  /** Of this gateway, and of no other. */
  instanceId: string;
  credentials: BridgeCredentials;
  /** Of MQTT.js; called with `manualConnect`. */
  connect(options: IClientOptions): MqttClient;
  receiver: Pick<Receiver, "receive">;
  /** Of a larger packet the beginning alone is kept, as a dead letter. */
  packetBytesMax: number;
  /** Where the store outlives the process. */
  journal?: IdJournal | undefined;
  subscriptions?: SubscriptionJournal | undefined;
  clock: Clock;
  logger: Logger;
  random?: () => number;
}

export interface Bridge {
  /** Resolves after `stop`. */
  run(): Promise<void>;
  /** Take nothing more, acknowledge what is being stored, for so long at most, and disconnect. */
  stop(options: { graceMs: number }): Promise<void>;
  report(): BridgeReport;
}

/** A connection that has lasted so long is no sign of trouble: the next back-off is short again. */
const steadyMs = 30_000;
/** That nothing is stored is logged at most this often. */
const withheldLogMsMin = 60_000;
/** For what is being stored when new certificates come. */
const renewalGraceMs = 10_000;

export function createBridge(options: BridgeOptions): Bridge {
  const { config, credentials, receiver, clock, logger, random = Math.random } = options;
  const { name } = config;
  const clientId = `${config.clientIdPrefix}${name}-${options.instanceId}`;
  const counters = { retainedSkipped: 0, droppedWhenBusy: 0 };
  const stopping = new AbortController();
  const connectBackOff = createBackOff(random);
  const ids = createMessageIds({
    // Without a Receive Maximum nothing bounds what a broker has in flight.
    journal: config.protocolVersion === 5 ? options.journal : undefined,
    inflightMax: config.maxInflightMessages,
    uuid: () => crypto.randomUUID(),
  });

  let retry = new AbortController();
  let connection: BridgeConnection | undefined;
  let connectedAtMs: number | undefined;
  let isSubscribed = false;
  let absence: string | null = "It has not connected yet";
  let withheld: string | null = null;
  let withheldLoggedMs = Number.NEGATIVE_INFINITY;
  let isWithheldLogged = false;
  let running: Promise<unknown> = Promise.resolve();

  function onAccepted({ isResumed }: { isResumed: boolean }) {
    if (isSubscribed && !isResumed && config.sessionExpirySeconds > 0) {
      logger.warn(
        { bridge: name },
        `The broker has lost the session of bridge ${name}, and what came for it meanwhile: check its persistence and sessionExpirySeconds`,
      );
    }
    isSubscribed &&= isResumed;
  }

  function onSubscribed({ isLowered }: { isLowered: boolean }) {
    isSubscribed = true;
    connectedAtMs = clock.monotonicMs();
    absence = null;
    logger.info({ bridge: name, broker: config.url, clientId }, `Bridge ${name} is connected`);
    if (isLowered) {
      logger.warn(
        { bridge: name },
        `The broker sends to bridge ${name} with QoS 0 only, and loses what it cannot take at once: check the broker's highest QoS`,
      );
    }
  }

  function onRenewed() {
    connectedAtMs = undefined;
    withheld = null;
    absence = "Its certificates were replaced, and it connects with the new ones";
  }

  function onGone(reason: string) {
    const isNews = connectedAtMs !== undefined || reason !== absence;
    if (connectedAtMs !== undefined && clock.monotonicMs() - connectedAtMs >= steadyMs)
      connectBackOff.reset();
    connectedAtMs = undefined;
    withheld = null;
    absence = reason;
    if (isNews) logger.warn({ bridge: name, broker: config.url, reason }, `Bridge ${name} is not connected`);
  }

  function onWithheld(cause: Error | undefined) {
    const before = withheld;
    withheld = cause ? describeWithheld(cause) : null;
    if (withheld === before) return;
    if (withheld === null) {
      if (isWithheldLogged) logger.info({ bridge: name }, `Bridge ${name} stores messages again`);
      return;
    }
    // A store that is emptied by and by is full again at once.
    isWithheldLogged = clock.monotonicMs() - withheldLoggedMs >= withheldLogMsMin;
    if (!isWithheldLogged) return;
    withheldLoggedMs = clock.monotonicMs();
    // A full store is no fault of the code's: the sentence says it all.
    const fault = cause instanceof StoreFullError ? {} : { error: cause };
    logger.warn({ bridge: name, reason: withheld, ...fault }, `Bridge ${name} acknowledges nothing`);
  }

  /** Resolves with why it ended; undefined: on purpose. */
  async function connectOnce(): Promise<string | undefined> {
    const identity = credentials.identity();
    if ("fault" in identity) return identity.fault;
    connection = openConnection({
      config,
      client: clientOptions(config, { clientId, ...identity }),
      connect: options.connect,
      createIntake: (wire) =>
        createIntake({
          ...wire,
          config,
          receiver,
          packetBytesMax: options.packetBytesMax,
          ids,
          clock,
          backOff: createBackOff(random),
          onWithheld,
          counters,
        }),
      ids,
      subscriptions: options.subscriptions,
      clock,
      isSubscribed,
      onAccepted,
      onSubscribed,
    });
    const reason = await connection.ended;
    connection = undefined;
    return reason;
  }

  async function stayConnected() {
    while (!stopping.signal.aborted) {
      const reason = await connectOnce();
      if (reason === undefined) {
        onRenewed();
      } else {
        onGone(reason);
        await clock.sleep(connectBackOff.next(), AbortSignal.any([stopping.signal, retry.signal]));
      }
    }
  }

  /** Whatever was replaced may be what the broker wanted. */
  function onReplaced() {
    retry.abort();
    retry = new AbortController();
    if (credentials.isTlsReplaced()) void connection?.close({ graceMs: renewalGraceMs });
    else credentials.reauthenticate((authentication) => connection?.reauthenticate(authentication));
  }

  return {
    run() {
      const watching = credentials.watched
        ? watchCredentials({
            owner: { bridge: name },
            credentials: credentials.watched,
            // MQTT has no way to show another password.
            isOpenKept: config.authentication.method === "UsernamePassword",
            lanes: [{ retryNow: onReplaced }],
            clock,
            logger,
            signal: stopping.signal,
          })
        : undefined;
      running = Promise.all([stayConnected(), watching]);
      return running.then(() => undefined);
    },
    async stop({ graceMs }) {
      stopping.abort();
      await connection?.close({ graceMs });
      await running;
      absence = "The gateway is stopping";
      connectedAtMs = undefined;
    },
    report: () => ({
      name,
      connected: connectedAtMs !== undefined,
      ...counters,
      reason: absence ?? withheld,
      credentials: credentials.watched && conditionOf(credentials.watched),
    }),
  };
}

function describeWithheld(cause: Error): string {
  if (cause instanceof DiskFullError) {
    return "The store's disk is full: messages are acknowledged again when there is room";
  }
  if (cause instanceof StoreFullError) {
    return "The store is full, its quota is used up: messages are acknowledged again when there is room";
  }
  return "Messages cannot be stored now: look into the gateway's log";
}
